//! Fields that take one of a few words, and dates.

use serde_json::Map;

use crate::book::listing::{LAUNCH_DATE, LISTING_VALUES};
use crate::ledger::Ledger;
use crate::listing::Listing;
use crate::report::Place;

const EDITIONS: &[&str] = &["CE", "EE", "ECE"];
/// The table of fields names M2 here, its examples name the editions.
const CLAIMED_EDITIONS: &[&str] = &["CE", "EE", "ECE", "M2"];
const BROWSERS: &[&str] = &["chrome", "firefox", "safari", "opera", "edge"];
const SYSTEMS: &[&str] = &["linux", "mac", "windows"];
const LICENSES: &[&str] = &["afl", "apache", "bsd", "gnu-gpl", "gnu-lgpl", "mit", "mozilla", "osl", "custom"];

/// The rules.
pub(super) fn check(listing: &Listing, ledger: &mut Ledger) {
    let one = |field: &str, word: &Option<String>, known: &'static [&'static str]| {
        word.as_ref().map(|word| (field.to_owned(), word.clone(), known))
    };
    let mut words: Vec<(String, String, &[&str])> = [
        one("type", &listing.kind, &["extension", "theme", "shared_package"]),
        one("platform", &listing.platform, &["M2"]),
        one("license_type", &listing.license_type, LICENSES),
        one("stability", &listing.stability, &["stable", "beta"]),
        one("priority", &listing.priority, &["high", "medium", "low"]),
        one("process_as_patch", &listing.process_as_patch, &["yes", "no", "unknown"]),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut many = |field: String, word: &str, known| words.push((field, word.to_owned(), known));
    for (at, claim) in listing.version_compatibility.iter().enumerate() {
        many(format!("version_compatibility[{at}].edition"), &claim.edition, CLAIMED_EDITIONS);
    }
    for (at, price) in listing.prices.iter().enumerate() {
        many(format!("prices[{at}].edition"), &price.edition, EDITIONS);
    }
    for (at, tier) in listing.support_tiers.iter().enumerate() {
        many(format!("support_tiers[{at}].edition"), &tier.edition, EDITIONS);
    }
    for (at, browser) in listing.browsers.iter().enumerate() {
        many(format!("browsers[{at}]"), browser, BROWSERS);
    }
    for (browser, systems) in &listing.browser_os_compatibility {
        many("browser_os_compatibility".to_owned(), browser, BROWSERS);
        for system in systems.as_object().into_iter().flat_map(Map::keys) {
            many(format!("browser_os_compatibility.{browser}"), system, SYSTEMS);
        }
    }
    for (field, word, known) in words {
        if !known.contains(&word.as_str()) {
            ledger.find(&LISTING_VALUES, Place::field(field), format!("`{word}` is none of {}", known.join(", ")));
        }
    }
    if let Some(date) = listing.requested_launch_date.as_deref().filter(|date| !is_moment(date)) {
        ledger.find(&LAUNCH_DATE, Place::field("requested_launch_date"), format!("it is `{date}`"));
    }
}

/// `YYYY-MM-DD HH:MM:SS`; the API itself writes hours of one digit.
fn is_moment(text: &str) -> bool {
    let Some((date, time)) = text.trim().split_once(' ') else { return false };
    let numbers = |text: &str, sign: char, lengths: [(usize, usize); 3]| -> Option<[u32; 3]> {
        let parts: Vec<_> = text.split(sign).collect();
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
            assert!(is_moment(text), "{text}");
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
            assert!(!is_moment(text), "{text}");
        }
    }
}
