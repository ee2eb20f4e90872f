//! Times and durations in words.

use eqp_sync::Stage;
use time::{Month, OffsetDateTime, UtcOffset};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// The longest time that is shown as a number of days.
const LONGEST: u64 = 99;

/// The units of a duration, each with its length in seconds: short, and as a word.
fn unit(seconds: u64) -> (u64, &'static str, &'static str) {
    match seconds {
        0..HOUR => (MINUTE, "min", "minute"),
        HOUR..DAY => (HOUR, "h", "hour"),
        _ => (DAY, "d", "day"),
    }
}

/// Returns the time that has passed, in its largest unit, such as `19 d`. `None` if it is more than 99 days.
pub(super) fn age(since: OffsetDateTime, now: OffsetDateTime) -> Option<String> {
    // A clock that was set back must not lead to a negative age.
    let seconds = (now - since).whole_seconds().max(0).unsigned_abs();
    let (length, name, _) = unit(seconds);
    (seconds / DAY <= LONGEST).then(|| format!("{} {name}", seconds / length))
}

/// Returns the time that has passed in words, such as `40 seconds` or `6 minutes`.
pub(super) fn age_in_words(since: OffsetDateTime, now: OffsetDateTime) -> String {
    let seconds = (now - since).whole_seconds().max(0).unsigned_abs();
    let (length, _, name) = if seconds < MINUTE { (1, "s", "second") } else { unit(seconds) };
    let count = seconds / length;
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}

/// Returns how long ago something happened, such as `2 h ago`, or `on 12 Mar 2026`.
pub(super) fn ago(at: OffsetDateTime, now: OffsetDateTime) -> String {
    age(at, now).map_or_else(|| format!("on {}", date(at)), |age| format!("{age} ago"))
}

/// Returns for how long something has lasted, such as `for 19 d`, or `since 12 Mar 2026`.
pub(super) fn lasting(since: OffsetDateTime, now: OffsetDateTime) -> String {
    age(since, now).map_or_else(|| format!("since {}", date(since)), |age| format!("for {age}"))
}

/// Returns for how long something has lasted, after a comma: `3 h`, or `since 12 Mar 2026`.
pub(super) fn lasted(since: OffsetDateTime, now: OffsetDateTime) -> String {
    age(since, now).unwrap_or_else(|| format!("since {}", date(since)))
}

/// Returns a range in the unit of the longer duration, such as `4-7 d`. Durations are rounded up.
pub(super) fn range([from, to]: [u64; 2]) -> String {
    let (length, name, _) = unit(to);
    let [from, to] = [from, to].map(|seconds| seconds.div_ceil(length));
    if from == to { format!("{to} {name}") } else { format!("{from}-{to} {name}") }
}

/// Returns a range in words, such as `4 to 7 days`.
pub(super) fn range_in_words([from, to]: [u64; 2]) -> String {
    let (length, _, name) = unit(to);
    let [from, to] = [from, to].map(|seconds| seconds.div_ceil(length));
    let plural = if to == 1 { "" } else { "s" };
    if from == to { format!("{to} {name}{plural}") } else { format!("{from} to {to} {name}{plural}") }
}

/// Returns a date such as `12 Mar 2026`.
pub(super) fn date(at: OffsetDateTime) -> String {
    let at = at.to_offset(UtcOffset::UTC);
    format!("{} {} {}", at.day(), short(at.month()), at.year())
}

/// Returns a date such as `26 November`, with the year unless it is the current one.
pub(super) fn day(at: OffsetDateTime, now: OffsetDateTime) -> String {
    let at = at.to_offset(UtcOffset::UTC);
    let year =
        if at.year() == now.to_offset(UtcOffset::UTC).year() { String::new() } else { format!(" {}", at.year()) };
    format!("{} {}{year}", at.day(), at.month())
}

/// Returns a time of day such as `06:14 UTC`.
pub(super) fn time_of_day(at: OffsetDateTime) -> String {
    let at = at.to_offset(UtcOffset::UTC);
    format!("{:02}:{:02} UTC", at.hour(), at.minute())
}

fn short(month: Month) -> String {
    month.to_string().chars().take(3).collect()
}

/// Returns a stage as a part of its flow, which is named before it.
pub(super) fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Scan => "scan",
        Stage::Automation => "automated tests",
        Stage::ManualQa => "manual QA",
        Stage::Marketing => "review",
    }
}

/// Returns a status of the Marketplace in words.
pub(crate) fn status(status: &str) -> String {
    match status {
        "approved_with_modifications_pending" => "approved, modifications pending".to_owned(),
        "awaiting_manual_qa" => "awaiting manual QA".to_owned(),
        "in_manual_qa" => "in manual QA".to_owned(),
        other => other.replace(['_', '-'], " "),
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-29 11:20 UTC);

    #[test]
    fn times_are_relative_for_up_to_99_days() {
        for (passed, ago_text, lasting_text) in [
            (Duration::seconds(-90), "0 min ago", "for 0 min"),
            (Duration::seconds(59), "0 min ago", "for 0 min"),
            (Duration::minutes(59), "59 min ago", "for 59 min"),
            (Duration::hours(2), "2 h ago", "for 2 h"),
            (Duration::hours(24), "1 d ago", "for 1 d"),
            (Duration::days(99), "99 d ago", "for 99 d"),
            (Duration::days(100), "on 21 Aug 2026", "since 21 Aug 2026"),
        ] {
            assert_eq!(
                (ago(NOW - passed, NOW).as_str(), lasting(NOW - passed, NOW).as_str()),
                (ago_text, lasting_text)
            );
        }
    }

    #[test]
    fn an_age_in_words_is_exact_to_the_second_below_a_minute() {
        for (passed, words) in
            [(0, "0 seconds"), (1, "1 second"), (40, "40 seconds"), (60, "1 minute"), (7_200, "2 hours")]
        {
            assert_eq!(age_in_words(NOW - Duration::seconds(passed), NOW), words);
        }
    }

    #[test]
    fn ranges_are_in_the_unit_of_the_longer_duration() {
        let days = |from: u64, to: u64| [from * DAY, to * DAY];
        assert_eq!((range(days(4, 7)), range_in_words(days(4, 7))), ("4-7 d".into(), "4 to 7 days".into()));
        assert_eq!(range([HOUR, 3 * DAY - 1]), "1-3 d");
        assert_eq!((range([60, 60]), range_in_words([60, 60])), ("1 min".into(), "1 minute".into()));
        assert_eq!(range([0, 0]), "0 min");
    }

    #[test]
    fn a_day_of_another_year_has_its_year() {
        assert_eq!(day(datetime!(2026-11-26 00:00 UTC), NOW), "26 November");
        assert_eq!(day(datetime!(2025-11-26 00:00 UTC), NOW), "26 November 2025");
        assert_eq!(time_of_day(datetime!(2026-11-29 08:14 +2)), "06:14 UTC");
    }
}
