//! Times and durations as arguments, and how fast time runs.

use eqp_types::Timestamp;
use time::OffsetDateTime;

use crate::duration::duration;

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

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;

    #[test]
    fn since_takes_a_time_or_an_age() {
        assert_eq!(since("2026-01-31").unwrap(), time::macros::datetime!(2026-01-31 0:00 UTC));
        let two_hours_ago = since("2h").unwrap();
        assert!(OffsetDateTime::now_utc() - two_hours_ago >= Duration::hours(2));
        assert!(since("yesterday").is_err());
    }
}
