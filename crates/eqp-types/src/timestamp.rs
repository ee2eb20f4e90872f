//! Timestamps of the API: UTC with whole seconds, in the format `YYYY-MM-DD HH:MM:SS`.
//!
//! The parser also accepts other formats that PHP and JavaScript programs write. Years outside 1 to 9999 are an error.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde_json::Value;
use time::format_description::StaticFormatDescription;
use time::format_description::well_known::Rfc2822;
use time::macros::{datetime, format_description};
use time::{Date, Duration, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

const WRITTEN: StaticFormatDescription = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
const DATE: StaticFormatDescription = format_description!("[year]-[month]-[day]");
/// Hours are sometimes not zero-padded (`2020-07-21 8:09:10`).
const CLOCK: StaticFormatDescription = format_description!("[hour padding:none]:[minute][optional [:[second]]]");
/// The length of a date, which is followed by the time of day.
const DATE_BYTES: usize = 10;

/// The first and the last timestamp with a four-digit year, which Postgres can store.
const FIRST: OffsetDateTime = datetime!(0001-01-01 00:00:00 UTC);
const LAST: OffsetDateTime = datetime!(9999-12-31 23:59:59 UTC);

/// Times up to the end of this year are placeholders for "no time": programs write the first time of their calendar or epoch, in any
/// time zone.
const LAST_PLACEHOLDER_YEAR: i32 = 1970;

/// A point in time in UTC with whole seconds, from year 1 to year 9999.
///
/// ```
/// use eqp_types::Timestamp;
///
/// let timestamp: Timestamp = "2022-08-25T21:20:21+02:00".parse()?;
/// assert_eq!(timestamp.to_string(), "2022-08-25 19:20:21");
/// # Ok::<(), eqp_types::TimestampError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(OffsetDateTime);

/// The error that a text is not a timestamp.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a timestamp such as `2022-08-25 19:20:21`")]
pub struct TimestampError(String);

impl Timestamp {
    /// Converts a time and drops its fraction of a second. A time outside the years 1 to 9999 becomes the nearest one inside.
    pub fn of(time: OffsetDateTime) -> Self {
        Self::checked(time).unwrap_or(Self(if time < FIRST { FIRST } else { LAST }))
    }

    /// Converts a time and drops its fraction of a second. Returns `None` outside the years 1 to 9999.
    pub fn checked(time: OffsetDateTime) -> Option<Self> {
        let time = time.checked_to_offset(UtcOffset::UTC)?.replace_nanosecond(0).ok()?;
        (FIRST..=LAST).contains(&time).then_some(Self(time))
    }

    /// Returns the timestamp as an [`OffsetDateTime`] in UTC.
    pub fn to_utc(self) -> OffsetDateTime {
        self.0
    }

    /// Returns whether the time is a placeholder for "no time", such as `0001-01-01 00:00:00` or `1970-01-01 00:00:00`.
    pub fn is_placeholder(self) -> bool {
        self.0.year() <= LAST_PLACEHOLDER_YEAR
    }

    /// Adds a duration, which can be negative. The result is limited to the years 1 to 9999.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self::of(self.0.saturating_add(duration))
    }
}

impl From<OffsetDateTime> for Timestamp {
    fn from(time: OffsetDateTime) -> Self {
        Self::of(time)
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    /// Parses the documented format and its variants: hours without padding or padded by a space, `T` between date and time, a
    /// fraction, an offset (`+0000`, `+00:00`, `Z`, ` UTC`), a date only, RFC 2822, and seconds (9 to 11 digits) or milliseconds (13
    /// digits) since 1970. Without an offset the time is in UTC.
    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let text = text.trim();
        let time = since_epoch(text).or_else(|| date_and_clock(text));
        let time = time.or_else(|| OffsetDateTime::parse(text, &Rfc2822).ok());
        time.and_then(Self::checked).ok_or_else(|| TimestampError(text.chars().take(40).collect()))
    }
}

fn since_epoch(text: &str) -> Option<OffsetDateTime> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let number = whole.parse().ok()?;
    let seconds = match whole.len() {
        9..=11 => number,
        13 => number / 1000,
        _ => return None,
    };
    OffsetDateTime::from_unix_timestamp(seconds).ok()
}

fn date_and_clock(text: &str) -> Option<OffsetDateTime> {
    let (date, rest) = text.split_at_checked(DATE_BYTES)?;
    let date = Date::parse(date, DATE).ok()?;
    if rest.is_empty() {
        return Some(date.midnight().assume_utc());
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?.trim_start();
    let (clock, rest) = split_while(rest, |c| c.is_ascii_digit() || c == ':');
    let clock = Time::parse(clock, CLOCK).ok()?;
    let offset = match rest.strip_prefix('.').map(|rest| split_while(rest, |c| c.is_ascii_digit())) {
        None => offset(rest)?,
        Some(("", _)) => return None,
        Some((_fraction, rest)) => offset(rest)?,
    };
    Some(PrimitiveDateTime::new(date, clock).assume_offset(offset))
}

fn offset(text: &str) -> Option<UtcOffset> {
    let text = text.trim_start();
    if text.is_empty() || ["z", "utc", "gmt"].iter().any(|utc| text.eq_ignore_ascii_case(utc)) {
        return Some(UtcOffset::UTC);
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits = text.get(1..)?.replacen(':', "", 1);
    if !is_digits(&digits) {
        return None;
    }
    let (hours, minutes) = match digits.len() {
        2 => (digits.as_str(), "0"),
        4 => digits.split_at(2),
        _ => return None,
    };
    let (hours, minutes) = (hours.parse::<i8>().ok()?, minutes.parse::<i8>().ok()?);
    // The largest offset in use is +14:00.
    if hours > 14 {
        return None;
    }
    UtcOffset::from_hms(sign * hours, sign * minutes, 0).ok()
}

fn split_while(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = self.0.format(WRITTEN).map_err(|_| fmt::Error)?;
        f.pad(&written)
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    /// Accepts text, a number, and the object that PHP writes for a `DateTime`.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let text = written(&value).ok_or_else(|| serde::de::Error::custom("not a timestamp"))?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

fn written(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        // {"date": "2022-08-25 19:20:21.000000", "timezone_type": 3, "timezone": "UTC"}
        Value::Object(fields) => {
            let date = fields.get("date")?.as_str()?;
            let timezone = fields.get("timezone").and_then(Value::as_str).unwrap_or("");
            Some(Cow::Owned(format!("{date}{timezone}")))
        }
        Value::Null | Value::Bool(_) | Value::Array(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_documented_form_and_writes_it_back() {
        let text = "2022-08-25 19:20:21";
        assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
    }

    #[test]
    fn reads_an_hour_without_padding() {
        assert_eq!("2020-07-21 8:09:10".parse::<Timestamp>().unwrap().to_string(), "2020-07-21 08:09:10");
    }

    #[test]
    fn reads_what_php_and_others_write() {
        for text in [
            "2022-08-25T19:20:21Z",
            "2022-08-25T21:20:21+02:00",
            "2022-08-25T21:20:21+0200",
            "2022-08-25T21:20:21+02",
            "2022-08-25 19:20:21+0000",
            "2022-08-25 19:20:21 +00:00",
            "2022-08-25T14:20:21-0500",
            "2022-08-25T19:20:21",
            "2022-08-25t19:20:21z",
            "2022-08-25 19:20:21 UTC",
            "2022-08-25 19:20:21 gmt",
            " 2022-08-25 19:20:21\n",
            "2022-08-25 19:20:21.5",
            "2022-08-25T19:20:21.000000Z",
            "2022-08-25 19:20:21.1234567890123",
            "Thu, 25 Aug 2022 19:20:21 +0000",
            "Thu, 25 Aug 2022 19:20:21 GMT",
            "1661455221",
            "1661455221.25",
            "1661455221000",
        ] {
            assert_eq!(
                text.parse::<Timestamp>().map(|read| read.to_string()),
                Ok("2022-08-25 19:20:21".into()),
                "{text}"
            );
        }
        assert_eq!("2022-08-25  9:20:21".parse::<Timestamp>().unwrap().to_string(), "2022-08-25 09:20:21");
        assert_eq!("2022-08-25 9:20".parse::<Timestamp>().unwrap().to_string(), "2022-08-25 09:20:00");
        assert_eq!("2022-08-25".parse::<Timestamp>().unwrap().to_string(), "2022-08-25 00:00:00");
    }

    #[test]
    fn reads_numbers_and_the_object_of_a_php_datetime() {
        for json in [
            "\"2022-08-25 19:20:21\"",
            "1661455221",
            "1661455221.0",
            r#"{"date": "2022-08-25 19:20:21.000000", "timezone_type": 3, "timezone": "UTC"}"#,
            r#"{"date": "2022-08-25 21:20:21.000000", "timezone_type": 1, "timezone": "+02:00"}"#,
        ] {
            let read: Timestamp = serde_json::from_str(json).unwrap();
            assert_eq!(read.to_string(), "2022-08-25 19:20:21", "{json}");
        }
        for json in [
            "true",
            "null",
            "[]",
            "{}",
            r#"{"date": 1}"#,
            r#"{"date": "2022-08-25 19:20:21", "timezone": "Europe/Berlin"}"#,
        ] {
            assert!(serde_json::from_str::<Timestamp>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn refuses_what_is_not_a_timestamp() {
        for text in [
            "",
            "soon",
            "2022-13-01 00:00:00",
            "0000-00-00 00:00:00",
            "2022-08-25 25:00:00",
            "2022-08-25 09:20:21+25:00",
            "2022-08-25 19:20:21 CEST",
            "2022-08-25 19:20:21+99:99",
            "2022-08-25 19:20:21+",
            "2022-08-25 19:20:21.",
            "2022-08-25 19:20:21é",
            "20220825",
            "1e10",
            "99999999999999999999999999",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn refuses_what_could_not_be_written_back_and_never_panics() {
        for text in [
            "9999-12-31T23:59:59-01:00",
            "9999-12-31 23:59:59-23:59",
            "0001-01-01T00:00:00+00:01",
            "0000-12-31 23:59:59",
            "-9999-01-01 00:00:00",
            "-0001-01-01 00:00:00",
            "+10000-01-01 00:00:00",
            "12022-08-25 19:20:21",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
        for text in ["9999-12-31 23:59:59", "9999-12-31T23:59:59+14:00", "0001-01-01 00:00:00"] {
            let read: Timestamp = text.parse().unwrap();
            assert_eq!(read.to_string().parse(), Ok(read), "{text}");
        }
    }

    #[test]
    fn arithmetic_ends_at_the_first_and_the_last_timestamp() {
        let (first, last) = (Timestamp(FIRST), Timestamp(LAST));
        assert_eq!(last.saturating_add(Duration::SECOND), last);
        assert_eq!(first.saturating_add(-Duration::SECOND), first);
        assert_eq!(first.saturating_add(Duration::MAX), last);
        let beyond = PrimitiveDateTime::MAX.assume_offset(time::macros::offset!(-1));
        assert_eq!((Timestamp::of(beyond), Timestamp::checked(beyond)), (last, None));
        let before = PrimitiveDateTime::MIN.assume_offset(time::macros::offset!(+1));
        assert_eq!((Timestamp::of(before), Timestamp::checked(before)), (first, None));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics_and_what_is_read_is_written_back(text in "[-+0-9]{0,5}-?[0-9]{0,2}-[0-9]{0,2}[T ]?[0-9: ]{0,9}[.+-]?[0-9:]{0,6}|\\PC{0,40}") {
            if let Ok(read) = text.parse::<Timestamp>() {
                proptest::prop_assert_eq!(read.to_string().parse(), Ok(read));
            }
        }
    }
}
