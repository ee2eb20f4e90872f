//! Puts the dates of several listings together, and describes them. No I/O.

use std::collections::BTreeMap;

use time::{Duration, OffsetDateTime, UtcOffset};

use super::findings::{ListingDue, ListingRule};

/// The last seven days before a removal, in which the vendor has to act.
const URGENT: Duration = Duration::days(7);

/// One or more listings with the same date for the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListingsDue {
    /// The rule that the date follows from.
    pub rule: ListingRule,
    /// The release line of Adobe Commerce, unless the date is about updates.
    pub line: Option<String>,
    /// The date, at midnight UTC.
    pub due_at: OffsetDateTime,
    /// The SKUs.
    pub skus: Vec<String>,
    /// When the newest of these dates was first found to be near.
    pub since: OffsetDateTime,
}

/// Puts dates together that have the same reason, the first date first. Removals without an update stay apart, because each listing has
/// its own date.
pub fn due_together(dates: &[ListingDue]) -> Vec<ListingsDue> {
    let mut together: BTreeMap<_, ListingsDue> = BTreeMap::new();
    for date in dates {
        let own = (date.rule == ListingRule::NoUpdate).then_some(&date.sku);
        let due = together.entry((date.due_at, date.rule, &date.line, own)).or_insert_with(|| ListingsDue {
            rule: date.rule,
            line: date.line.clone(),
            due_at: date.due_at,
            skus: Vec::new(),
            since: date.since,
        });
        due.skus.push(date.sku.clone());
        due.since = due.since.max(date.since);
    }
    together.into_values().collect()
}

impl ListingsDue {
    /// Describes the dates, such as `3 listings show no version compatible with Commerce 2.4.9 (was due 11 Jun)`.
    pub fn sentence(&self, now: OffsetDateTime) -> String {
        sentence(self.rule, self.line.as_deref(), self.skus.len(), self.due_at, now)
    }

    /// Returns whether Adobe removes the listings within seven days, or may have removed them.
    pub fn is_urgent(&self, now: OffsetDateTime) -> bool {
        self.rule.is_removal() && self.due_at - now <= URGENT
    }
}

/// Describes the date of some listings.
pub(crate) fn sentence(
    rule: ListingRule,
    line: Option<&str>,
    listings: usize,
    due_at: OffsetDateTime,
    now: OffsetDateTime,
) -> String {
    let is_one = listings == 1;
    let subject = if is_one { "1 listing".to_owned() } else { format!("{listings} listings") };
    let verb = |singular: &'static str, plural: &'static str| if is_one { singular } else { plural };
    let has_passed = now >= due_at.saturating_add(Duration::DAY);
    let line = line.unwrap_or("of an unknown version");
    let date = day(due_at, now);
    let removal = if has_passed { "was due for removal" } else { "removed" };
    match rule {
        ListingRule::Compatibility => {
            let (show, due) = (verb("shows", "show"), if has_passed { "was due" } else { "due" });
            format!("{subject} {show} no version compatible with Commerce {line} ({due} {date})")
        }
        ListingRule::NoUpdate => {
            let (have, months) = (verb("has", "have"), if has_passed { "a year" } else { "11 months" });
            format!("{subject} {have} had no update for {months} ({removal} on {date})")
        }
        ListingRule::EndOfLife => {
            let are = verb("is", "are");
            format!("{subject} {are} only for old lines, up to Commerce {line} ({removal} on {date})")
        }
    }
}

/// Returns a date such as `11 Jun`, with its year if it is not that of `now`.
fn day(at: OffsetDateTime, now: OffsetDateTime) -> String {
    let (at, now) = (at.to_offset(UtcOffset::UTC), now.to_offset(UtcOffset::UTC));
    let month = at.month().to_string();
    let day = format!("{} {}", at.day(), &month[..3]);
    if at.year() == now.year() { day } else { format!("{day} {}", at.year()) }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-29 11:20 UTC);

    fn due(sku: &str, rule: ListingRule, line: Option<&str>, due_at: OffsetDateTime) -> ListingDue {
        ListingDue::new(sku, rule, line.map(str::to_owned), due_at, NOW)
    }

    #[test]
    fn listings_with_the_same_reason_are_one_date() {
        let june = datetime!(2026-06-11 0:00 UTC);
        let january = datetime!(2027-01-31 0:00 UTC);
        let december = datetime!(2026-12-10 0:00 UTC);
        let dates = [
            due("acme/old", ListingRule::NoUpdate, None, january),
            due("acme/older", ListingRule::NoUpdate, None, january),
            due("acme/blog", ListingRule::Compatibility, Some("2.4.9"), june),
            due("acme/ship", ListingRule::Compatibility, Some("2.4.9"), june),
            due("acme/past", ListingRule::EndOfLife, Some("2.4.6"), december),
        ];
        let together = due_together(&dates);
        let shown: Vec<_> = together.iter().map(|due| (due.sentence(NOW), due.skus.join(" "))).collect();
        let expected = [
            ("2 listings show no version compatible with Commerce 2.4.9 (was due 11 Jun)", "acme/blog acme/ship"),
            ("1 listing is only for old lines, up to Commerce 2.4.6 (removed on 10 Dec)", "acme/past"),
            ("1 listing has had no update for 11 months (removed on 31 Jan 2027)", "acme/old"),
            ("1 listing has had no update for 11 months (removed on 31 Jan 2027)", "acme/older"),
        ];
        assert_eq!(shown, expected.map(|(sentence, skus)| (sentence.to_owned(), skus.to_owned())));
    }

    #[test]
    fn only_a_removal_within_seven_days_is_urgent() {
        let at = |rule, days| {
            let dates = [due("acme/a", rule, None, NOW + Duration::days(days))];
            due_together(&dates)[0].is_urgent(NOW)
        };
        for (rule, days, expected) in [
            (ListingRule::NoUpdate, 8, false),
            (ListingRule::NoUpdate, 7, true),
            (ListingRule::EndOfLife, -20, true),
            (ListingRule::Compatibility, -20, false),
        ] {
            assert_eq!(at(rule, days), expected, "{rule:?} in {days} days");
        }
    }
}
