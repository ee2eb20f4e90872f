//! Times and durations as arguments, and how fast time runs.

use eqp_types::Timestamp;
use time::{Duration, OffsetDateTime};

/// Reads a UTC time, or an age from now.
pub(super) fn since(text: &str) -> Result<OffsetDateTime, String> {
    if let Ok(age) = duration(text) {
        return OffsetDateTime::now_utc().checked_sub(age).ok_or_else(|| "is too long ago".to_owned());
    }
    text.parse::<Timestamp>().map(Timestamp::moment).map_err(|_| {
        "is neither a UTC time (2026-01-31 12:00:00, RFC 3339, a date) nor an age (90s, 15m, 2h, 3d)".to_owned()
    })
}

/// Reads a duration for waiting.
pub(super) fn span(text: &str) -> Result<std::time::Duration, String> {
    duration(text)?.try_into().map_err(|_| "is no time that can be waited".to_owned())
}

/// Reads how many times faster than reality a simulator runs.
pub(super) fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok().filter(|speed: &f64| speed.is_finite() && *speed > 0.0);
    speed.ok_or_else(|| "is no positive number".to_owned())
}

/// Reads `90s`, `15m`, `2h`, `3d`, up to ten years.
fn duration(text: &str) -> Result<Duration, String> {
    const LONGEST: Duration = Duration::days(3_650);
    let refused = || "is no duration such as 90s, 15m, 2h or 3d".to_owned();
    let split = text.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(refused)?;
    let (number, unit) = text.split_at(split);
    let number: i64 = number.parse().map_err(|_| refused())?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(refused()),
    };
    let duration = number.checked_mul(unit).map(Duration::seconds).ok_or_else(refused)?;
    if duration > LONGEST { Err("is longer than ten years".to_owned()) } else { Ok(duration) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_unit() {
        assert_eq!(duration("90s"), Ok(Duration::seconds(90)));
        assert_eq!(duration("3d"), Ok(Duration::days(3)));
        for text in ["", "5", "m", "5x", "-5m", "99999999999999999d", "4000d"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn since_takes_a_time_or_an_age() {
        assert_eq!(since("2026-01-31").unwrap(), time::macros::datetime!(2026-01-31 0:00 UTC));
        let two_hours_ago = since("2h").unwrap();
        assert!(OffsetDateTime::now_utc() - two_hours_ago >= Duration::hours(2));
        assert!(since("yesterday").is_err());
    }
}
