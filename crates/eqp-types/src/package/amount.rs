//! Numbers and booleans, which the API writes with or without quotes.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::json_object;

/// A number with its original text, so that 149.999 is not rounded before a rule checks it.
///
/// Amounts are compared by their text: `9.10` equals `"9.10"`, but not `9.1`.
///
/// ```
/// use eqp_types::Amount;
///
/// let price: Amount = serde_json::from_str("149.50")?;
/// assert_eq!((price.as_str(), price.cents()), ("149.50", Some(14_950)));
/// assert_eq!(price, Amount::new("149.50"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Amount {
    text: Box<str>,
    in_quotes: bool,
}

impl Amount {
    /// Creates an amount that is sent in quotes.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self { text: text.into(), in_quotes: true }
    }

    /// Returns the text as it was written, without quotes and without surrounding blanks.
    pub fn as_str(&self) -> &str {
        self.text.trim()
    }

    /// Returns the amount in hundredths; `None` if it is not a number, is negative, or has more than two decimals.
    pub fn cents(&self) -> Option<u64> {
        let (whole, decimals) = self.as_str().split_once('.').unwrap_or((self.as_str(), ""));
        // 149.5, 149.50 and 149.500 are the same amount.
        let decimals = decimals.trim_end_matches('0');
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !is_number(whole) || !is_number(decimals) || decimals.len() > 2 {
            return None;
        }
        let whole: u64 = whole.parse().ok()?;
        let cents: u64 = format!("{decimals:0<2}").parse().ok()?;
        whole.checked_mul(100)?.checked_add(cents)
    }

    /// Returns the amount if it is a whole number.
    pub fn whole(&self) -> Option<u64> {
        self.cents().filter(|cents| cents % 100 == 0).map(|cents| cents / 100)
    }
}

impl From<u32> for Amount {
    fn from(number: u32) -> Self {
        Self { text: number.to_string().into(), in_quotes: false }
    }
}

impl PartialEq for Amount {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Amount {}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.in_quotes {
            return serializer.serialize_str(&self.text);
        }
        let number = RawValue::from_string(self.text.to_string()).expect("it was read as a JSON number");
        number.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        json_object::check(&json)?;
        let (text, in_quotes) = match json.get().as_bytes().first() {
            Some(b'-' | b'0'..=b'9') => (json.get().to_owned(), false),
            Some(b'"') => (serde_json::from_str(json.get()).map_err(de::Error::custom)?, true),
            _ => return Err(de::Error::custom("expected a number, with or without quotes")),
        };
        Ok(Self { text: text.into(), in_quotes })
    }
}

/// A boolean with its original spelling: `true`, `1`, `"1"`, `"yes"`, `"true"`, or the opposite.
///
/// Two flags are equal if they have the same meaning.
///
/// ```
/// use eqp_types::Flag;
///
/// let is_patch: Flag = serde_json::from_str("\"yes\"")?;
/// assert!(is_patch.is_set() && is_patch == Flag::from(true));
/// assert_eq!(serde_json::to_string(&is_patch)?, "\"yes\"");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Flag {
    json: Box<str>,
    is_set: bool,
}

impl Flag {
    /// Returns whether the flag means yes.
    pub fn is_set(&self) -> bool {
        self.is_set
    }
}

impl From<bool> for Flag {
    fn from(is_set: bool) -> Self {
        Self { json: is_set.to_string().into(), is_set }
    }
}

impl PartialEq for Flag {
    fn eq(&self, other: &Self) -> bool {
        self.is_set == other.is_set
    }
}

impl Eq for Flag {}

impl Serialize for Flag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = RawValue::from_string(self.json.to_string()).expect("it was read as JSON");
        value.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Box::<RawValue>::deserialize(deserializer)?;
        let is_set = match value.get().trim_matches('"') {
            "true" | "1" | "yes" => true,
            "false" | "0" | "no" => false,
            _ => return Err(de::Error::custom("expected true or false")),
        };
        Ok(Self { json: value.get().into(), is_set })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_both_forms_and_not_rounded() {
        let cents = |json: &str| serde_json::from_str::<Amount>(json).unwrap().cents();
        assert_eq!(cents("149"), Some(14_900));
        assert_eq!(cents("149.5"), Some(14_950));
        assert_eq!(cents("\"149.50\""), Some(14_950));
        assert_eq!(cents("\" 149.500 \""), Some(14_950));
        assert_eq!(cents("0.00"), Some(0));
        for wrong in ["149.999", "-1", "\"\"", "\"1e3\"", "\"$ 25\"", "\"25,00\"", "\".5\"", "\"99999999999999999999\""]
        {
            assert_eq!(cents(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_number_is_written_as_it_was_read() {
        for json in ["9.10", "\"9.10\"", "1e40", "-0", "\" 7 \"", "12345678901234567890123"] {
            assert_eq!(serde_json::to_string(&serde_json::from_str::<Amount>(json).unwrap()).unwrap(), json);
        }
        assert!(serde_json::from_str::<Amount>("[1]").is_err());
        assert_eq!(serde_json::to_value(Amount::from(12)).unwrap(), 12);
    }
}
