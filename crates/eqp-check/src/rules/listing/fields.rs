//! Checks fields with a fixed set of values, and dates.

use eqp_types::{
    Edition, JsonObject, LicenseType, PackageType, Platform, Priority, ProcessAsPatch, Stability, VersionCompatibility,
};

use crate::listing::Listing;
use crate::registry::submission::{LAUNCH_DATE, LISTING_VALUES};
use crate::report::Location;
use crate::report_builder::ReportBuilder;

/// The documentation mentions M2 in the table of fields, and the editions in its examples.
const CLAIMED_EDITIONS: &[&str] = &["CE", "EE", "ECE", "M2"];
const BROWSERS: &[&str] = &["chrome", "firefox", "safari", "opera", "edge"];
const SYSTEMS: &[&str] = &["linux", "mac", "windows"];

/// Checks the values of all fields that have a closed set of them.
pub(super) fn check(listing: &Listing, builder: &mut ReportBuilder) {
    let single: [(&str, Option<&str>, &[&str]); 6] = [
        ("type", listing.kind.as_ref().map(AsRef::as_ref), PackageType::KNOWN),
        ("platform", listing.platform.as_ref().map(AsRef::as_ref), Platform::KNOWN),
        ("license_type", listing.license_type.as_ref().map(AsRef::as_ref), LicenseType::KNOWN),
        ("stability", listing.stability.as_ref().map(AsRef::as_ref), Stability::KNOWN),
        ("priority", listing.priority.as_ref().map(AsRef::as_ref), Priority::KNOWN),
        ("process_as_patch", listing.process_as_patch.as_ref().map(AsRef::as_ref), ProcessAsPatch::KNOWN),
    ];
    let set = single.into_iter().filter_map(|(field, value, known)| Some((field.to_owned(), value?, known)));
    let mut values: Vec<(String, &str, &[&str])> = set.collect();
    for (at, VersionCompatibility { edition, .. }) in listing.version_compatibility.iter().flatten().enumerate() {
        values.push((format!("version_compatibility[{at}].edition"), name_of(edition.as_ref()), CLAIMED_EDITIONS));
    }
    for (at, price) in listing.prices.iter().flatten().enumerate() {
        values.push((format!("prices[{at}].edition"), name_of(price.edition.as_ref()), Edition::KNOWN));
    }
    for (at, tier) in listing.support_tiers.iter().flatten().enumerate() {
        values.push((format!("support_tiers[{at}].edition"), name_of(tier.edition.as_ref()), Edition::KNOWN));
    }
    for (at, browser) in listing.browsers.iter().flatten().enumerate() {
        values.push((format!("browsers[{at}]"), browser, BROWSERS));
    }
    for (field, value, known) in values {
        one_of(field, value, known, builder);
    }
    browsers(listing.browser_os_compatibility.as_ref(), builder);
    if let Some(date) = listing.requested_launch_date.as_deref().filter(|date| !is_date_time(date)) {
        builder.add(&LAUNCH_DATE, Location::field("requested_launch_date"), format!("the date is `{date}`"));
    }
}

/// Returns the name of an edition. The empty name of a missing one is not a valid value.
fn name_of(edition: Option<&Edition>) -> &str {
    edition.map_or("", AsRef::as_ref)
}

fn one_of(field: String, value: &str, known: &[&str], builder: &mut ReportBuilder) {
    if !known.contains(&value) {
        builder.add(&LISTING_VALUES, Location::field(field), format!("`{value}` is not one of {}", known.join(", ")));
    }
}

fn browsers(compatibility: Option<&JsonObject>, builder: &mut ReportBuilder) {
    let Some(compatibility) = compatibility else { return };
    for browser in compatibility.names() {
        one_of("browser_os_compatibility".to_owned(), browser, BROWSERS, builder);
        let systems: Option<JsonObject> = compatibility.get(browser);
        for system in systems.iter().flat_map(JsonObject::names) {
            one_of(format!("browser_os_compatibility.{browser}"), system, SYSTEMS, builder);
        }
    }
}

/// Returns whether the text has the format `YYYY-MM-DD HH:MM:SS`. Hours can have one digit, as the API itself writes them.
fn is_date_time(text: &str) -> bool {
    let Some((date, time)) = text.trim().split_once(' ') else { return false };
    let numbers = |text: &str, separator: char, lengths: [(usize, usize); 3]| -> Option<[u32; 3]> {
        let parts: Vec<_> = text.split(separator).collect();
        let [first, second, third] = parts[..] else { return None };
        let mut numbers = [0; 3];
        for (at, part) in [first, second, third].into_iter().enumerate() {
            let (least, most) = lengths[at];
            let fits = (least..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
            numbers[at] = part.parse().ok().filter(|_| fits)?;
        }
        Some(numbers)
    };
    let date = numbers(date, '-', [(4, 4), (2, 2), (2, 2)]);
    let time = numbers(time, ':', [(1, 2), (2, 2), (2, 2)]);
    matches!(date, Some([_, 1..=12, 1..=31])) && matches!(time, Some([0..=23, 0..=59, 0..=59]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_its_form_and_possible_numbers() {
        for text in ["2026-12-01 09:00:00", "2020-07-21 8:09:10"] {
            assert!(is_date_time(text), "{text}");
        }
        for text in [
            "",
            "2026-12-01",
            "2026-12-01T09:00:00Z",
            "2026-13-01 09:00:00",
            "2026-12-01 24:00:00",
            "26-12-01 09:00:00",
            "+026-12-01 09:00:00",
        ] {
            assert!(!is_date_time(text), "{text}");
        }
    }
}
