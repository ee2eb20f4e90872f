//! Times and durations.

use maud::{Markup, html};
use time::{Duration, OffsetDateTime, UtcOffset};

/// Ages up to this one are shown; a date says more about older times.
const OLDEST: Duration = Duration::days(99);

/// Shows a time: how long ago it was, or how far ahead it is, and the time in UTC.
pub(crate) fn moment(at: OffsetDateTime, now: OffsetDateTime) -> Markup {
    let at = at.to_offset(UtcOffset::UTC);
    let distance = (now - at).abs();
    html! {
        time datetime=(machine(at)) {
            @if distance <= OLDEST {
                span.ago { @if at > now { "in " (age(distance)) } @else { (age(distance)) " ago" } }
                " "
                span.utc { (utc(at)) }
            } @else {
                (utc(at))
            }
        }
    }
}

/// Shows a time in UTC only, after a text that says how long ago it was.
pub(crate) fn date(at: OffsetDateTime) -> Markup {
    html! { time.utc datetime=(machine(at.to_offset(UtcOffset::UTC))) { (utc(at)) } }
}

/// Returns a duration in its largest unit, such as `9 h`.
pub(crate) fn age(duration: Duration) -> String {
    match duration.whole_seconds().max(0) {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3_600 => format!("{} min", seconds / 60),
        seconds @ 3_600..86_400 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// Returns a configured duration exactly, such as `15 min` or `1 h 30 min`.
pub(crate) fn length(seconds: u64) -> String {
    let units = [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let parts: Vec<_> =
        units.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count} {unit}")).collect();
    if parts.is_empty() { "0 s".to_owned() } else { parts.join(" ") }
}

/// Returns a time such as `29 Nov 2026, 09:12:04 UTC`.
pub(crate) fn utc(at: OffsetDateTime) -> String {
    let at = at.to_offset(UtcOffset::UTC);
    let (day, year, clock) = (at.day(), at.year(), at.time());
    let month = at.month().to_string();
    format!("{day} {} {year}, {:02}:{:02}:{:02} UTC", &month[..3], clock.hour(), clock.minute(), clock.second())
}

/// Returns a time as scripts read it.
fn machine(at: OffsetDateTime) -> String {
    let clock = at.time();
    format!("{}T{:02}:{:02}:{:02}Z", at.date(), clock.hour(), clock.minute(), clock.second())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-29 11:20:04 UTC);

    #[test]
    fn a_time_is_shown_with_its_age_and_in_utc() {
        for (at, text) in [
            (
                datetime!(2026-11-29 10:12:04 +1),
                "<span class=\"ago\">2 h ago</span> <span class=\"utc\">29 Nov 2026, 09:12:04 UTC</span>",
            ),
            (
                datetime!(2026-11-29 11:25:04 UTC),
                "<span class=\"ago\">in 5 min</span> <span class=\"utc\">29 Nov 2026, 11:25:04 UTC</span>",
            ),
            (datetime!(2026-01-02 03:04:05 UTC), "2 Jan 2026, 03:04:05 UTC"),
        ] {
            let shown = moment(at, NOW).into_string();
            assert!(shown.contains(text), "{shown}");
        }
        let shown = moment(datetime!(2026-01-02 03:04:05 UTC), NOW).into_string();
        assert!(shown.contains("datetime=\"2026-01-02T03:04:05Z\""), "{shown}");
    }

    #[test]
    fn a_configured_duration_is_exact() {
        assert_eq!([0, 900, 5_400, 90_061].map(length), ["0 s", "15 min", "1 h 30 min", "1 d 1 h 1 min 1 s"]);
    }

    #[test]
    fn a_duration_has_one_unit() {
        let ages = [40, 60, 7_199, 7_200, 86_400 * 99].map(|seconds| age(Duration::seconds(seconds)));
        assert_eq!(ages, ["40 s", "1 min", "1 h", "2 h", "99 d"]);
    }
}
