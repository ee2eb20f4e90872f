//! Times as the API writes them: UTC, whole seconds, `YYYY-MM-DD HH:MM:SS`.

use std::fmt;
use std::str::FromStr;

use time::format_description::StaticFormatDescription;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

const WRITTEN: StaticFormatDescription = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
/// Hours are sometimes not zero-padded (`2020-07-21 8:09:10`).
const READ: StaticFormatDescription =
    format_description!("[year]-[month]-[day] [hour padding:none]:[minute]:[second][optional [.[subsecond]]]");
const DAY: StaticFormatDescription = format_description!("[year]-[month]-[day] [hour]");

/// A moment with whole seconds, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(OffsetDateTime);

/// Text that is no time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no time of the form `YYYY-MM-DD HH:MM:SS`")]
pub struct TimestampError(String);

impl Timestamp {
    /// This moment without its fraction of a second.
    pub fn of(moment: OffsetDateTime) -> Self {
        let moment = moment.to_offset(time::UtcOffset::UTC);
        Self(moment.replace_nanosecond(0).unwrap_or(moment))
    }

    /// The moment, for arithmetic and for the database.
    pub fn moment(self) -> OffsetDateTime {
        self.0
    }
}

impl From<OffsetDateTime> for Timestamp {
    fn from(moment: OffsetDateTime) -> Self {
        Self::of(moment)
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    /// Reads the documented form, with or without padded hours, a date alone, and RFC 3339.
    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let text = text.trim();
        let refused = || TimestampError(text.chars().take(40).collect());
        if let Ok(plain) = PrimitiveDateTime::parse(text, READ) {
            return Ok(Self::of(plain.assume_utc()));
        }
        if let Ok(midnight) = PrimitiveDateTime::parse(&format!("{text} 00"), DAY) {
            return Ok(Self::of(midnight.assume_utc()));
        }
        OffsetDateTime::parse(text, &Rfc3339).map(Self::of).map_err(|_| refused())
    }
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
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::lenient::text(deserializer)?.parse().map_err(serde::de::Error::custom)
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
    fn reads_neighbouring_forms() {
        for text in ["2022-08-25T19:20:21Z", "2022-08-25T21:20:21+02:00", "2022-08-25 19:20:21.5"] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), "2022-08-25 19:20:21");
        }
        assert_eq!("2022-08-25".parse::<Timestamp>().unwrap().to_string(), "2022-08-25 00:00:00");
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in ["", "soon", "2022-13-01 00:00:00", "0000-00-00 00:00:00", "2022-08-25 25:00:00"] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }
}
