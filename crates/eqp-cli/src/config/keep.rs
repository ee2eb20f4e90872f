//! How long callbacks are kept.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;

use crate::duration::duration;

/// A shorter time is a mistake in the unit, and would delete what nobody can bring back.
const SHORTEST: time::Duration = time::Duration::DAY;

/// The age from which on callbacks are deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Keep(pub(crate) Duration);

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            seconds if seconds.is_multiple_of(86_400) => write!(f, "{}d", seconds / 86_400),
            seconds if seconds.is_multiple_of(3_600) => write!(f, "{}h", seconds / 3_600),
            seconds => write!(f, "{seconds}s"),
        }
    }
}

impl FromStr for Keep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let keep = duration(text)?;
        if keep < SHORTEST {
            return Err("is less than a day".to_owned());
        }
        keep.try_into().map(Self).map_err(|_| "is no time to keep something for".to_owned())
    }
}

impl TryFrom<String> for Keep {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map_err(|why| format!("`{text}` {why}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_keeps_for_less_than_a_day() {
        assert_eq!("400d".parse(), Ok(Keep(Duration::from_hours(400 * 24))));
        assert_eq!("24h".parse(), Ok(Keep(Duration::from_hours(24))));
        for text in ["400d", "25h", "86401s"] {
            assert_eq!(text.parse::<Keep>().unwrap().to_string(), text);
        }
        for text in ["400m", "0d", "23h", "400", "-1d", "forever"] {
            assert!(text.parse::<Keep>().is_err(), "{text}");
        }
    }
}
