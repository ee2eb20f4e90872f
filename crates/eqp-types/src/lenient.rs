//! Readers for the ways in which the API spells "nothing", numbers and text.
//!
//! Seen in profiles and packages: an empty object as `[]`, a missing value as `null` or `""`,
//! numbers inside strings, and text that is sent as a number.

mod take;

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, DeserializeOwned, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

pub use take::{take, take_integer, take_text, take_value};

/// Reads text; a number or a boolean is taken by its JSON spelling.
///
/// # Errors
/// Anything that is not a scalar.
pub fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    struct Text;

    impl Visitor<'_> for Text {
        type Value = String;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("text")
        }
        fn visit_str<E: de::Error>(self, value: &str) -> Result<String, E> {
            Ok(value.to_owned())
        }
        fn visit_string<E: de::Error>(self, value: String) -> Result<String, E> {
            Ok(value)
        }
        fn visit_bool<E: de::Error>(self, value: bool) -> Result<String, E> {
            Ok(value.to_string())
        }
        fn visit_i64<E: de::Error>(self, value: i64) -> Result<String, E> {
            Ok(value.to_string())
        }
        fn visit_u64<E: de::Error>(self, value: u64) -> Result<String, E> {
            Ok(value.to_string())
        }
        fn visit_f64<E: de::Error>(self, value: f64) -> Result<String, E> {
            // As JSON spells it: `2.0` is not to become `2`.
            Ok(Number::from_f64(value).map_or_else(|| value.to_string(), |number| number.to_string()))
        }
    }

    deserializer.deserialize_any(Text)
}

/// Reads a `T`, or `None` where the API says "nothing": `null`, `""`, `[]`; use with `#[serde(default)]`.
///
/// # Errors
/// What is there and is not a `T`.
pub fn optional<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    struct Something<T>(PhantomData<T>);

    // What comes is handed on and not read into memory first: so an error deep in it knows its whole path.
    impl<'de, T: DeserializeOwned> Visitor<'de> for Something<T> {
        type Value = Option<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a value or nothing")
        }
        fn visit_unit<E: de::Error>(self) -> Result<Option<T>, E> {
            Ok(None)
        }
        fn visit_none<E: de::Error>(self) -> Result<Option<T>, E> {
            Ok(None)
        }
        fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
            deserializer.deserialize_any(self)
        }
        fn visit_bool<E: de::Error>(self, value: bool) -> Result<Option<T>, E> {
            T::deserialize(value.into_deserializer()).map(Some)
        }
        fn visit_i64<E: de::Error>(self, value: i64) -> Result<Option<T>, E> {
            T::deserialize(value.into_deserializer()).map(Some)
        }
        fn visit_u64<E: de::Error>(self, value: u64) -> Result<Option<T>, E> {
            T::deserialize(value.into_deserializer()).map(Some)
        }
        fn visit_f64<E: de::Error>(self, value: f64) -> Result<Option<T>, E> {
            T::deserialize(value.into_deserializer()).map(Some)
        }
        fn visit_str<E: de::Error>(self, value: &str) -> Result<Option<T>, E> {
            if value.is_empty() { Ok(None) } else { T::deserialize(value.into_deserializer()).map(Some) }
        }
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Option<T>, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map)).map(Some)
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Option<T>, A::Error> {
            let mut items = Vec::new();
            while let Some(item) = list.next_element::<Value>()? {
                items.push(item);
            }
            if items.is_empty() {
                return Ok(None);
            }
            T::deserialize(Value::Array(items)).map(Some).map_err(de::Error::custom)
        }
    }

    deserializer.deserialize_any(Something(PhantomData))
}

/// Reads a `T`, or its default where the API says "nothing"; use with `#[serde(default)]`.
///
/// # Errors
/// What is there and is not a `T`.
pub fn or_default<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(deserializer: D) -> Result<T, D::Error> {
    optional(deserializer).map(Option::unwrap_or_default)
}

/// Reads optional text that may come as a number; nothing is `None`.
///
/// # Errors
/// Anything that is not a scalar or "nothing".
pub fn optional_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    if is_nothing(&value) {
        return Ok(None);
    }
    text(value).map(Some).map_err(de::Error::custom)
}

/// Reads a whole number that may come inside a string.
///
/// # Errors
/// What is neither a number nor a string of digits.
pub fn optional_integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let Some(spelled) = optional_text(deserializer)? else { return Ok(None) };
    spelled.trim().parse().map(Some).map_err(|_| de::Error::custom(format_args!("`{spelled}` is not a whole number")))
}

/// Reads a required whole number that may come inside a string.
///
/// # Errors
/// As [`optional_integer`]; nothing is an error too.
pub fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    optional_integer(deserializer)?.ok_or_else(|| de::Error::custom("a whole number is missing"))
}

/// Reads a yes or no that may come as `0`, `1`, `"0"`, `"1"`, `"true"`, `"false"`.
///
/// # Errors
/// Anything else.
pub fn optional_bool<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    match optional_text(deserializer)?.as_deref() {
        None => Ok(None),
        Some("1" | "true" | "yes") => Ok(Some(true)),
        Some("0" | "false" | "no") => Ok(Some(false)),
        Some(other) => Err(de::Error::custom(format_args!("`{other}` is neither yes nor no"))),
    }
}

/// Reads a `T`; a value that `T` refuses is `None`, never an error.
///
/// For facts that are a help when they can be read and no reason to lose the rest when they cannot.
///
/// # Errors
/// Only when the input is not JSON at all.
pub fn readable<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(T::deserialize(value).ok())
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    struct Inner {
        #[serde(default, deserialize_with = "optional_integer")]
        n: Option<i64>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Outer {
        #[serde(default, deserialize_with = "or_default")]
        inner: Inner,
        #[serde(default, deserialize_with = "optional_text")]
        label: Option<String>,
        #[serde(default, deserialize_with = "optional_bool")]
        flag: Option<bool>,
    }

    fn read(json: &str) -> Outer {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn every_spelling_of_nothing_is_nothing() {
        let nothing = read("{}");
        for spelled in ["null", "\"\"", "[]"] {
            assert_eq!(read(&format!(r#"{{"inner": {spelled}, "label": {spelled}, "flag": {spelled}}}"#)), nothing);
        }
    }

    #[test]
    fn numbers_and_text_are_read_in_either_spelling() {
        for n in ["7", "\"7\"", "\" 7 \""] {
            assert_eq!(read(&format!(r#"{{"inner": {{"n": {n}}}}}"#)).inner.n, Some(7));
        }
        assert_eq!(read(r#"{"label": 12}"#).label.as_deref(), Some("12"));
        for yes in ["true", "1", "\"1\"", "\"true\""] {
            assert_eq!(read(&format!(r#"{{"flag": {yes}}}"#)).flag, Some(true));
        }
    }

    #[test]
    fn a_number_read_as_text_is_spelled_as_in_json() {
        for (json, spelled) in
            [("2.0", "2.0"), ("8.1", "8.1"), ("-7", "-7"), ("18446744073709551615", "18446744073709551615")]
        {
            assert_eq!(read(&format!(r#"{{"label": {json}}}"#)).label.as_deref(), Some(spelled));
        }
    }

    #[test]
    fn what_is_there_and_wrong_is_an_error() {
        assert!(serde_json::from_str::<Outer>(r#"{"inner": {"n": "many"}}"#).is_err());
        assert!(serde_json::from_str::<Outer>(r#"{"flag": "perhaps"}"#).is_err());
    }
}
