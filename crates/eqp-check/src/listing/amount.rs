//! A number as the API writes numbers: sometimes bare, sometimes in quotes. Kept as it was written, so that 149.999 is not
//! rounded before a rule sees it.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};

/// A number as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amount(String);

impl Amount {
    /// A number in decimal digits.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// In hundredths; `None` for what is no number, is negative, or has more than two decimals.
    pub fn cents(&self) -> Option<u64> {
        let (whole, decimals) = self.0.split_once('.').unwrap_or((&self.0, ""));
        // 149.5 and 149.50 are the same, and so is 149.500, which a program may write.
        let decimals = decimals.trim_end_matches('0');
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !is_number(whole) || !is_number(decimals) || decimals.len() > 2 {
            return None;
        }
        let whole: u64 = whole.parse().ok()?;
        let cents: u64 = format!("{decimals:0<2}").parse().ok()?;
        whole.checked_mul(100)?.checked_add(cents)
    }

    /// As a whole number.
    pub(crate) fn whole(&self) -> Option<u64> {
        self.cents().filter(|cents| cents % 100 == 0).map(|cents| cents / 100)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;
        impl Visitor<'_> for Written {
            type Value = Amount;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or a number in quotes")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Amount, E> {
                Ok(Amount(number.to_string()))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Amount, E> {
                Ok(Amount(number.to_string()))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Amount, E> {
                Ok(Amount(number.to_string()))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Amount, E> {
                Ok(Amount(text.trim().to_owned()))
            }
        }
        deserializer.deserialize_any(Written)
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
        assert_eq!(cents("\"149.500\""), Some(14_950));
        assert_eq!(cents("0.00"), Some(0));
        for wrong in ["149.999", "-1", "\"\"", "\"1e3\"", "\"$ 25\"", "\"25,00\"", "\".5\"", "\"99999999999999999999\""]
        {
            assert_eq!(cents(wrong), None, "{wrong}");
        }
    }
}
