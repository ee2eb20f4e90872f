//! Parses argument values that several commands share: numbers, durations and times.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use clap::ValueEnum;
use eqp_deliver::OrderHold;
use eqp_types::Timestamp;
use time::{Duration, OffsetDateTime};

/// Parses a whole number.
pub(crate) fn whole<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "it is not a whole number".to_owned())
}

/// Parses a number of bytes, without a unit.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "it is not a number of bytes, such as 268435456".to_owned())
}

/// Returns a parser for whole numbers in a range.
pub(crate) fn within<T>(range: RangeInclusive<T>) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
where
    T: FromStr + Display + PartialOrd + Clone + Send + Sync + 'static,
{
    move |text| {
        let number = whole(text)?;
        if range.contains(&number) {
            return Ok(number);
        }
        Err(format!("it is not between {} and {}", range.start(), range.end()))
    }
}

/// Parses a duration of up to ten years, such as `90s`, `15m`, `2h`, `3d` or `1h 30m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    const LONGEST: Duration = Duration::days(3_650);
    let malformed = "it is not a duration such as 90s, 15m, 2h or 3d";
    // A number without a unit is more likely a mistake than zero.
    if text.trim() == "0" {
        return Err(malformed.to_owned());
    }
    let duration = humantime::parse_duration(text).map_err(|_| malformed)?;
    Duration::try_from(duration)
        .ok()
        .filter(|duration| *duration <= LONGEST)
        .ok_or("it is longer than ten years".to_owned())
}

/// Parses the time for which a failing delivery holds back later events of its resource: a duration, `none` or `strict`.
pub(crate) fn order_hold(text: &str) -> Result<OrderHold, String> {
    match text {
        "strict" => Ok(OrderHold::Strict),
        "none" => Ok(OrderHold::For(std::time::Duration::ZERO)),
        text => {
            let time = duration(text).map_err(|error| format!("{error}, and neither none nor strict"))?;
            Ok(OrderHold::For(std::time::Duration::from_secs(time.whole_seconds().unsigned_abs())))
        }
    }
}

/// Parses a UTC time, or an age relative to now.
pub(super) fn since(text: &str) -> Result<OffsetDateTime, String> {
    if let Ok(age) = duration(text) {
        return OffsetDateTime::now_utc().checked_sub(age).ok_or_else(|| "it is too long ago".to_owned());
    }
    text.parse::<Timestamp>().map(Timestamp::to_utc).map_err(|_| {
        "it is neither a UTC time (2026-01-31 12:00:00, RFC 3339, a date) nor an age (90s, 15m, 2h, 3d)".to_owned()
    })
}

/// Returns whether a text looks like the ID of a file rather than of a submission.
pub(crate) fn looks_like_file_id(text: &str) -> bool {
    text.contains('.') && text.chars().all(|letter| letter.is_ascii_digit() || letter == '.')
}

/// Parses a SKU. The Marketplace's own rules are not applied, so that an unusual one can be named.
pub(crate) fn sku(text: &str) -> Result<String, String> {
    let is_sku = (1..=255).contains(&text.len()) && !text.chars().any(|letter| letter.is_control() || letter == ',');
    if is_sku { Ok(text.to_owned()) } else { Err("it is not a SKU such as acme/checkout".to_owned()) }
}

/// Parses a timeout.
pub(crate) fn timeout(text: &str) -> Result<std::time::Duration, String> {
    duration(text)?.try_into().map_err(|_| "it is not a valid timeout".to_owned())
}

/// Parses the time to wait for something. Zero, for which the unit can be omitted, means that it is only queried once.
pub(crate) fn wait_time(text: &str) -> Result<std::time::Duration, String> {
    if text.trim() == "0" { Ok(std::time::Duration::ZERO) } else { timeout(text) }
}

/// Parses the maximum run time of a program.
pub(crate) fn run_time(text: &str) -> Result<std::time::Duration, String> {
    let time = timeout(text)?;
    if time.is_zero() { Err("it is not longer than zero".to_owned()) } else { Ok(time) }
}

/// Parses the factor by which a simulator runs faster than real time.
#[cfg(feature = "simulator")]
pub(super) fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok().filter(|speed: &f64| speed.is_finite() && *speed > 0.0);
    speed.ok_or_else(|| "it is not a positive number".to_owned())
}

/// The review that a package is submitted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Track {
    /// Both reviews
    Both,
    /// The technical review only
    Technical,
    /// The marketing review only
    Marketing,
}

impl From<Track> for eqp_release::Track {
    fn from(track: Track) -> Self {
        match track {
            Track::Both => Self::Both,
            Track::Technical => Self::Technical,
            Track::Marketing => Self::Marketing,
        }
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;

    #[test]
    fn what_is_not_a_number_is_named_in_plain_words() {
        assert_eq!(bytes("268435456"), Ok(268_435_456));
        assert!(bytes("256MB").unwrap_err().contains("number of bytes"));
        assert_eq!(whole::<i64>("-7"), Ok(-7));
        assert!(whole::<u64>("x").is_err() && whole::<u64>("-7").is_err());
        let limit = within(1_u32..=10_000);
        assert_eq!(limit("10000"), Ok(10_000));
        assert_eq!(limit("0").unwrap_err(), "it is not between 1 and 10000");
    }

    #[test]
    fn a_duration_has_a_unit() {
        assert_eq!(duration("90s"), Ok(Duration::seconds(90)));
        assert_eq!(duration("3d"), Ok(Duration::days(3)));
        for text in ["", "5", "m", "5x", "-5m", "99999999999999999d", "4000d"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn no_time_is_a_time_to_wait_but_not_to_run() {
        assert_eq!(wait_time("0"), Ok(std::time::Duration::ZERO));
        assert_eq!(wait_time("2s"), Ok(std::time::Duration::from_secs(2)));
        assert!(wait_time("5").is_err() && run_time("0").is_err() && run_time("0s").is_err());
        assert_eq!(run_time("500ms"), Ok(std::time::Duration::from_millis(500)));
    }

    #[test]
    fn a_sku_has_no_control_characters() {
        assert_eq!(sku("acme/checkout").as_deref(), Ok("acme/checkout"));
        for text in ["", "a,b", "a\u{1b}[31m", "a\nb", &"a".repeat(256)] {
            assert!(sku(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_order_hold_is_a_duration_or_a_word() {
        assert_eq!(order_hold("15m"), Ok(OrderHold::default()));
        assert_eq!(order_hold("none"), Ok(OrderHold::For(std::time::Duration::ZERO)));
        assert_eq!(order_hold("strict"), Ok(OrderHold::Strict));
        assert!(order_hold("soon").unwrap_err().contains("neither none nor strict"));
    }

    #[test]
    fn since_takes_a_time_or_an_age() {
        assert_eq!(since("2026-01-31").unwrap(), time::macros::datetime!(2026-01-31 0:00 UTC));
        let two_hours_ago = since("2h").unwrap();
        assert!(OffsetDateTime::now_utc() - two_hours_ago >= Duration::hours(2));
        assert!(since("yesterday").is_err());
    }
}
