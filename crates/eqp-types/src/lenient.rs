//! serde helpers for the different ways in which the API writes empty values, numbers and text.
//!
//! The API writes an empty object as `[]`, a missing value as `null` or `""`, numbers as strings, and text as numbers. In this module
//! "empty" means `null`, `""` or `[]`.

mod take;

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, DeserializeOwned, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

pub use take::{take, take_integer, take_text, take_value};

/// Deserializes text. Numbers and booleans are converted to their JSON text.
///
/// # Errors
/// If the value is `null`, a list or an object.
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
            // `to_string` of an `f64` would turn `2.0` into `2`.
            Ok(Number::from_f64(value).map_or_else(|| value.to_string(), |number| number.to_string()))
        }
    }

    deserializer.deserialize_any(Text)
}

/// Deserializes a `T`, or `None` if the value is empty (`null`, `""` or `[]`). Use it with `#[serde(default)]`.
///
/// # Errors
/// If the value is neither empty nor a `T`.
pub fn optional<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    struct Something<T>(PhantomData<T>);

    // Values are passed on without a buffer, so that an error knows its complete path.
    impl<'de, T: DeserializeOwned> Visitor<'de> for Something<T> {
        type Value = Option<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a value")
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

/// Deserializes an object, or `None` if the value is empty or an empty object. Use it with `#[serde(default)]`.
///
/// # Errors
/// If the value is neither empty nor a `T`.
pub fn optional_object<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    struct Filled<T>(Option<T>);

    impl<'de, T: DeserializeOwned> Deserialize<'de> for Filled<T> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Fields<T>(PhantomData<T>);

            impl<'de, T: DeserializeOwned> Visitor<'de> for Fields<T> {
                type Value = Filled<T>;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("an object")
                }
                fn visit_str<E: de::Error>(self, value: &str) -> Result<Filled<T>, E> {
                    T::deserialize(value.into_deserializer()).map(|value| Filled(Some(value)))
                }
                fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Filled<T>, A::Error> {
                    let Some(first) = fields.next_key::<String>()? else { return Ok(Filled(None)) };
                    let fields = AfterFirst { first: Some(first), fields };
                    T::deserialize(MapAccessDeserializer::new(fields)).map(|value| Filled(Some(value)))
                }
            }

            deserializer.deserialize_any(Fields(PhantomData))
        }
    }

    Ok(optional::<D, Filled<T>>(deserializer)?.and_then(|filled| filled.0))
}

/// The fields of an object whose first name was already read.
struct AfterFirst<A> {
    first: Option<String>,
    fields: A,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for AfterFirst<A> {
    type Error = A::Error;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        match self.first.take() {
            Some(name) => seed.deserialize(name.into_deserializer()).map(Some),
            None => self.fields.next_key_seed(seed),
        }
    }

    fn next_value_seed<S: de::DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.fields.next_value_seed(seed)
    }
}

/// Deserializes a `T`, or its default if the value is empty. Use it with `#[serde(default)]`.
///
/// # Errors
/// If the value is neither empty nor a `T`.
pub fn or_default<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(deserializer: D) -> Result<T, D::Error> {
    optional(deserializer).map(Option::unwrap_or_default)
}

/// Deserializes text, which may be written as a number, or `None` if the value is empty.
///
/// # Errors
/// If the value is an object or a list with items.
pub fn optional_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    if is_empty(&value) {
        return Ok(None);
    }
    text(value).map(Some).map_err(de::Error::custom)
}

/// Deserializes a code, which may be written as a number, or `None` if the value is empty.
///
/// # Errors
/// If the value is an object or a list with items.
pub fn optional_code<'de, D: Deserializer<'de>, T: for<'a> From<&'a str>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    optional_text(deserializer).map(|code| code.map(|code| T::from(&code)))
}

/// Deserializes a whole number, which may be written as a string, or `None` if the value is empty.
///
/// # Errors
/// If the value is neither empty nor a whole number.
pub fn optional_integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let Some(text) = optional_text(deserializer)? else { return Ok(None) };
    text.trim().parse().map(Some).map_err(|_| de::Error::custom(format_args!("`{text}` is not a whole number")))
}

/// Deserializes a whole number, which may be written as a string.
///
/// # Errors
/// If the value is empty or not a whole number.
pub fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    optional_integer(deserializer)?.ok_or_else(|| de::Error::custom("a whole number is missing"))
}

/// Deserializes a boolean, which may be written as `0`, `1`, `"0"`, `"1"`, `"true"`, `"false"`, `"yes"` or `"no"`, or `None` if the
/// value is empty.
///
/// # Errors
/// If the value is something else.
pub fn optional_bool<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    match optional_text(deserializer)?.as_deref() {
        None => Ok(None),
        Some("1" | "true" | "yes") => Ok(Some(true)),
        Some("0" | "false" | "no") => Ok(Some(false)),
        Some(other) => Err(de::Error::custom(format_args!("`{other}` is not true or false"))),
    }
}

/// Deserializes a `T`, or `None` if the value is not a `T`.
///
/// Used for optional information, so that an unexpected value does not prevent the rest of an object from being read.
///
/// # Errors
/// Only if the input is not valid JSON.
pub fn readable<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(T::deserialize(value).ok())
}

fn is_empty(value: &Value) -> bool {
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
    fn every_spelling_of_nothing_is_empty() {
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
