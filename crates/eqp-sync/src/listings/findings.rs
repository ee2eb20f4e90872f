//! The findings about the listings of an account. No I/O.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// The findings about the listings of an account in the store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ListingFindings {
    /// The products of which Packagist has a higher version than the store, so that Composer refuses the installation in customers' shops.
    pub conflicts: Vec<PackagistConflict>,
    /// The dates that have passed or are near.
    pub dates: Vec<ListingDue>,
    /// The products whose version at Packagist could not be read. Their earlier conflicts continue.
    pub unread: Vec<String>,
}

/// A product of which Packagist has a higher version than the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PackagistConflict {
    /// The SKU.
    pub sku: String,
    /// The version at Packagist.
    pub packagist: String,
    /// The version in the store.
    pub store: Option<String>,
    /// The consequence for customers, as a sentence without a full stop.
    pub consequence: String,
    /// When the conflict was first found.
    #[serde(with = "time::serde::rfc3339")]
    pub since: OffsetDateTime,
}

/// A date of a listing that has passed or is near.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ListingDue {
    /// The SKU.
    pub sku: String,
    /// The rule that the date follows from.
    pub rule: ListingRule,
    /// The release line of Adobe Commerce, unless the date is about updates.
    pub line: Option<String>,
    /// The date, at midnight UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub due_at: OffsetDateTime,
    /// When the date was first found to be near.
    #[serde(with = "time::serde::rfc3339")]
    pub since: OffsetDateTime,
}

/// A rule of Adobe about the dates of listings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum ListingRule {
    /// The listing shows no version that is compatible with a new release of Adobe Commerce.
    Compatibility,
    /// The listing has had no update for almost a year, and is removed after a year.
    NoUpdate,
    /// Support has ended for all release lines that the listing shows, and it is removed.
    EndOfLife,
}

impl ListingRule {
    /// Returns whether Adobe removes the listing at the date.
    pub fn is_removal(self) -> bool {
        matches!(self, Self::NoUpdate | Self::EndOfLife)
    }
}

impl PackagistConflict {
    /// Describes a conflict that was found now.
    pub fn new(
        sku: impl Into<String>,
        packagist: impl Into<String>,
        store: Option<String>,
        consequence: impl Into<String>,
        now: OffsetDateTime,
    ) -> Self {
        Self { sku: sku.into(), packagist: packagist.into(), store, consequence: consequence.into(), since: now }
    }
}

impl ListingDue {
    /// Describes a date that was found now.
    pub fn new(
        sku: impl Into<String>,
        rule: ListingRule,
        line: Option<String>,
        due_at: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Self {
        Self { sku: sku.into(), rule, line, due_at, since: now }
    }
}

impl ListingFindings {
    /// Takes over when each finding was first found.
    pub(super) fn continuing(mut self, before: &Self) -> Self {
        let conflicts: HashMap<_, _> =
            before.conflicts.iter().map(|one| ((&one.sku, &one.packagist), one.since)).collect();
        for conflict in &mut self.conflicts {
            let since = conflicts.get(&(&conflict.sku, &conflict.packagist));
            conflict.since = since.map_or(conflict.since, |since| conflict.since.min(*since));
        }
        let continuing = before.conflicts.iter().filter(|conflict| self.unread.contains(&conflict.sku)).cloned();
        self.conflicts.extend(continuing);
        let dates: HashMap<_, _> =
            before.dates.iter().map(|one| ((&one.sku, one.rule, one.due_at), one.since)).collect();
        for date in &mut self.dates {
            let since = dates.get(&(&date.sku, date.rule, date.due_at));
            date.since = since.map_or(date.since, |since| date.since.min(*since));
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_finding_keeps_the_time_at_which_it_was_first_found() {
        let (first, second) = (datetime!(2026-11-20 10:00 UTC), datetime!(2026-11-21 10:00 UTC));
        let found = |packagist: &str, due_at, at| ListingFindings {
            conflicts: vec![PackagistConflict::new("acme/a", packagist, Some("2.1.0".into()), "", at)],
            dates: vec![ListingDue::new("acme/b", ListingRule::NoUpdate, None, due_at, at)],
            unread: Vec::new(),
        };
        let due = datetime!(2026-12-01 0:00 UTC);
        let before = found("2.1.1", due, first);
        assert_eq!(found("2.1.1", due, second).continuing(&before), before);
        let later = found("2.1.2", datetime!(2027-12-01 0:00 UTC), second);
        assert_eq!(later.clone().continuing(&before), later, "another version and another date are new");
    }

    #[test]
    fn a_conflict_continues_while_packagist_cannot_be_read() {
        let at = datetime!(2026-11-20 10:00 UTC);
        let conflicts = ["acme/a", "acme/b"].map(|sku| PackagistConflict::new(sku, "2.1.1", None, "", at)).to_vec();
        let before = ListingFindings { conflicts, ..ListingFindings::default() };
        let now = ListingFindings { unread: vec!["acme/b".to_owned()], ..ListingFindings::default() };
        let continuing = now.continuing(&before);
        assert_eq!(continuing.conflicts, before.conflicts[1..]);
    }

    #[test]
    fn findings_of_a_newer_version_are_read_as_far_as_they_are_known() {
        let read: ListingFindings = serde_json::from_str(r#"{"conflicts": [], "later": 1}"#).unwrap();
        assert_eq!(read, ListingFindings::default());
    }
}
