//! Computes the dates of listings from Adobe's published rules. No I/O.

use eqp_types::Sku;
use serde::Serialize;
use time::{Date, Duration, Month};

use super::lines::{ReleaseLine, ReleaseLines};
use super::live::LiveListing;

/// The time after a minor release within which a listing needs a compatible version.
const AFTER_MINOR: Duration = Duration::days(60);
/// The same time after a patch release.
const AFTER_PATCH: Duration = Duration::days(30);
/// The time after the end of a line within which a listing that is only for such lines is removed.
const AFTER_END: Duration = Duration::days(30);
/// Months without an update after which Adobe sends a notice, and after which the listing is removed.
const MONTHS_UNTIL_NOTICE: u8 = 11;
const MONTHS_UNTIL_REMOVAL: u8 = 12;
/// Dates further ahead are not listed.
const HORIZON: Duration = Duration::days(30);

/// A date of a listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ListingDate {
    /// The SKU.
    pub sku: Sku,
    /// The version in the store.
    pub version: Option<String>,
    /// The rule that the date follows from.
    pub kind: ListingDateKind,
    /// The date.
    #[serde(serialize_with = "as_text")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date")))]
    pub due: Date,
    /// Whether the date has passed.
    pub has_passed: bool,
    /// The release line of Adobe Commerce, unless the date is about updates.
    pub line: Option<String>,
    /// The date as a sentence without a full stop.
    pub sentence: String,
}

/// A rule of Adobe about the dates of listings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ListingDateKind {
    /// A new release of Adobe Commerce that the listing does not show as compatible.
    Compatibility,
    /// No update for almost a year.
    NoUpdate,
    /// All release lines that the listing shows have reached their end.
    EndOfLife,
}

/// Returns the dates that have passed or are within 30 days, the first one first.
pub fn dates_due(listings: &[LiveListing], lines: &ReleaseLines, today: Date) -> Vec<ListingDate> {
    let mut dates: Vec<ListingDate> = listings
        .iter()
        .flat_map(|listing| {
            [compatibility(listing, lines, today), no_update(listing, today), end_of_life(listing, lines, today)]
        })
        .flatten()
        .collect();
    dates.sort_by(|one, other| (one.due, one.kind, &one.sku).cmp(&(other.due, other.kind, &other.sku)));
    dates
}

fn compatibility(listing: &LiveListing, lines: &ReleaseLines, today: Date) -> Option<ListingDate> {
    let newest = lines.newest(today)?;
    // Without any claim that can be read, nothing is known.
    let highest = highest_claimed(listing, lines)?;
    if highest.name == newest.name || highest.released >= newest.released {
        return None;
    }
    let due = newest.released + if newest.is_minor() { AFTER_MINOR } else { AFTER_PATCH };
    let sentence = format!("shows no version compatible with Commerce {}", newest.name);
    within_horizon(due, today)
        .then(|| date(listing, ListingDateKind::Compatibility, due, today, Some(newest), sentence))
}

fn no_update(listing: &LiveListing, today: Date) -> Option<ListingDate> {
    let updated = listing.updated?;
    let (notice, removal) = (months_after(updated, MONTHS_UNTIL_NOTICE), months_after(updated, MONTHS_UNTIL_REMOVAL));
    let sentence = format!("no update since {updated}; Adobe's notice is due on {notice}, the removal on {removal}");
    within_horizon(notice, today).then(|| date(listing, ListingDateKind::NoUpdate, removal, today, None, sentence))
}

fn end_of_life(listing: &LiveListing, lines: &ReleaseLines, today: Date) -> Option<ListingDate> {
    let highest = highest_claimed(listing, lines)?;
    let end = highest.support_ends?;
    let sentence = format!("is only for lines whose standard support has ended: Commerce {} on {end}", highest.name);
    let sentence = if end > today { sentence.replace("has ended", "ends") } else { sentence };
    within_horizon(end, today)
        .then(|| date(listing, ListingDateKind::EndOfLife, end + AFTER_END, today, Some(highest), sentence))
}

/// Returns the newest line that the listing shows.
fn highest_claimed<'a>(listing: &LiveListing, lines: &'a ReleaseLines) -> Option<&'a ReleaseLine> {
    let is_claimed = |line: &&ReleaseLine| listing.claims().any(|claim| line.is_claimed_by(claim));
    lines.lines.iter().rev().find(is_claimed)
}

fn within_horizon(date: Date, today: Date) -> bool {
    date <= today + HORIZON
}

fn date(
    listing: &LiveListing,
    kind: ListingDateKind,
    due: Date,
    today: Date,
    line: Option<&ReleaseLine>,
    sentence: String,
) -> ListingDate {
    ListingDate {
        sku: listing.sku.clone(),
        version: listing.version.clone(),
        kind,
        due,
        has_passed: due < today,
        line: line.map(|line| line.name.clone()),
        sentence,
    }
}

/// Returns the same day some months later, or the last day of that month.
fn months_after(date: Date, months: u8) -> Date {
    let index = u8::from(date.month()) - 1 + months;
    let year = date.year() + i32::from(index / 12);
    let month = Month::try_from(index % 12 + 1).expect("there are 12 months");
    let day = date.day().min(month.length(year));
    Date::from_calendar_date(year, month, day).unwrap_or(Date::MAX)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference to the field")]
fn as_text<S: serde::Serializer>(date: &Date, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(date)
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    fn listing(sku: &str, claims: &[&str], updated: Date) -> LiveListing {
        LiveListing::of(sku, "1.0.0", &[("CE", claims)], Some(updated))
    }

    #[test]
    fn a_listing_without_the_newest_line_is_due_30_days_after_a_patch_release() {
        let lines = ReleaseLines::built_in();
        let recent = date!(2026 - 05 - 01);
        let due = |claims: &[&str], today| {
            let dates = dates_due(&[listing("acme/a", claims, recent)], &lines, today);
            let found = dates.into_iter().find(|one| one.kind == ListingDateKind::Compatibility);
            found.map(|one| (one.due, one.has_passed, one.line.unwrap()))
        };
        let june = date!(2026 - 06 - 11);
        assert_eq!(due(&["2.4.7", "2.4.8"], date!(2026 - 05 - 13)), Some((june, false, "2.4.9".to_owned())));
        assert_eq!(due(&["2.4.8"], date!(2026 - 06 - 12)), Some((june, true, "2.4.9".to_owned())));
        // Before the release, and with a claim that includes it, nothing is due.
        assert_eq!(due(&["2.4.8"], date!(2026 - 05 - 11)), None);
        for claims in [&["2.4"][..], &["2.4.8", "2.4.9"], &["2.3", "2.4"], &["unknown"], &[]] {
            assert_eq!(due(claims, date!(2026 - 06 - 12)), None, "{claims:?}");
        }
    }

    #[test]
    fn a_minor_release_gives_60_days() {
        let mut lines = ReleaseLines::built_in();
        let newest = ReleaseLine {
            name: "2.5.0".to_owned(),
            first: "2.5.0".to_owned(),
            released: date!(2027 - 05 - 11),
            support_ends: None,
        };
        lines.lines.push(newest);
        let dates = dates_due(&[listing("acme/a", &["2.4"], date!(2027 - 05 - 01))], &lines, date!(2027 - 06 - 15));
        assert_eq!((dates[0].due, dates[0].has_passed), (date!(2027 - 07 - 10), false));
    }

    #[test]
    fn a_listing_without_an_update_is_removed_after_12_months() {
        let lines = ReleaseLines::built_in();
        let dates = |today| dates_due(&[listing("acme/a", &["2.4"], date!(2026 - 01 - 31))], &lines, today);
        assert!(dates(date!(2026 - 11 - 30)).is_empty());
        let [one] = &dates(date!(2026 - 12 - 01))[..] else { panic!("one date is due") };
        assert_eq!((one.kind, one.due, one.has_passed), (ListingDateKind::NoUpdate, date!(2027 - 01 - 31), false));
        assert!(one.sentence.contains("notice is due on 2026-12-31"), "{}", one.sentence);
        assert_eq!(months_after(date!(2026 - 03 - 31), 11), date!(2027 - 02 - 28));
    }

    #[test]
    fn a_listing_is_only_for_old_lines_if_its_newest_line_has_ended() {
        let lines = ReleaseLines::built_in();
        let kinds = |claims: &[&str], today| {
            let dates = dates_due(&[listing("acme/a", claims, today)], &lines, today);
            dates
                .into_iter()
                .filter(|one| one.kind == ListingDateKind::EndOfLife)
                .map(|one| one.due)
                .collect::<Vec<_>>()
        };
        assert_eq!(kinds(&["2.4.5", "2.4.6"], date!(2026 - 07 - 15)), [date!(2026 - 09 - 10)]);
        assert_eq!(kinds(&["2.3"], date!(2026 - 07 - 15)), [date!(2022 - 10 - 08)]);
        assert_eq!(kinds(&["2.4.6", "2.4.7"], date!(2026 - 09 - 15)), []);
        assert_eq!(kinds(&["2.4"], date!(2026 - 09 - 15)), []);
    }
}
