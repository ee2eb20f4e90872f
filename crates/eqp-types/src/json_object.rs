//! JSON objects that preserve the original text of their fields, and structs with typed and unknown fields.
//!
//! Unknown fields are written back exactly: `9.10` stays `9.10`, and long fractions keep all digits. A [`serde_json::Value`] only does
//! that with a cargo feature that would apply to every crate of a build.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{self, DeserializeOwned, Deserializer, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, forward_to_deserialize_any};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::json_error::JsonError;

/// A JSON object that preserves the original text of each field.
///
/// Two objects are equal if their fields have the same meaning: whitespace, the order of the names and the escaping of characters are
/// ignored. Numbers are compared by their text.
///
/// ```
/// use eqp_types::JsonObject;
///
/// let object: JsonObject = serde_json::from_str(r#"{"weight": 9.10, "tags": ["a"]}"#)?;
/// assert_eq!(object.get::<Vec<String>>("tags").unwrap(), ["a"]);
/// assert_eq!(serde_json::to_string(&object)?, r#"{"tags":["a"],"weight":9.10}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Default, Serialize)]
#[serde(transparent)]
pub struct JsonObject(BTreeMap<String, Box<RawValue>>);

impl JsonObject {
    /// Creates an object without fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns whether the object has no fields.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the number of fields.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Iterates over the names of the fields, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Returns whether the object has a field with this name, including `null`.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Returns the JSON text of a field.
    pub fn json(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.get())
    }

    /// Deserializes a field. Returns `None` if it is absent or not a `T`.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_str(self.json(name)?).ok()
    }

    /// Sets a field.
    ///
    /// # Errors
    /// Returns [`JsonError`] if the value cannot be serialized, such as a map with keys that are not text.
    pub fn insert(&mut self, name: impl Into<String>, value: &impl Serialize) -> Result<(), JsonError> {
        self.0.insert(name.into(), serde_json::value::to_raw_value(value)?);
        Ok(())
    }

    /// Removes a field and returns its JSON text.
    pub fn remove(&mut self, name: &str) -> Option<String> {
        self.0.remove(name).map(|value| value.get().to_owned())
    }

    /// Removes a field if it is a `T`, and returns it.
    ///
    /// A value that is not a `T`, and an empty value (`null`, `""`, `[]` or `{}`), stays in the object.
    pub fn take<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        let json = self.json(name)?;
        if matches!(json, "null" | "\"\"" | "[]" | "{}") {
            return None;
        }
        let value = serde_json::from_str(json).ok()?;
        self.0.remove(name);
        Some(value)
    }

    /// Removes an ID or a code that is text or a number and returns it. All digits of a number are preserved. Any other value stays.
    pub(crate) fn take_scalar<T: FromStr>(&mut self, name: &str) -> Option<T> {
        let json = self.json(name)?;
        let value = match json.as_bytes().first() {
            Some(b'-' | b'0'..=b'9') => json.parse().ok()?,
            _ => serde_json::from_str::<String>(json).ok()?.parse().ok()?,
        };
        self.0.remove(name);
        Some(value)
    }
}

impl From<serde_json::Map<String, Value>> for JsonObject {
    fn from(fields: serde_json::Map<String, Value>) -> Self {
        fields.into_iter().collect()
    }
}

impl FromIterator<(String, Value)> for JsonObject {
    fn from_iter<T: IntoIterator<Item = (String, Value)>>(fields: T) -> Self {
        let raw = |value: Value| {
            RawValue::from_string(value.to_string()).expect("a JSON value is always written as well-formed JSON")
        };
        Self(fields.into_iter().map(|(name, value)| (name, raw(value))).collect())
    }
}

impl<'de> Deserialize<'de> for JsonObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = BTreeMap::<String, Box<RawValue>>::deserialize(deserializer)?;
        fields.values().try_for_each(|value| check(value))?;
        Ok(Self(fields))
    }
}

/// Checks that a value that is stored as text can be converted to a [`Value`] later. Half of a surrogate pair (`\ud800`) and a number
/// beyond the range of an `f64` cannot. Programs that display or compare packages rely on this.
pub(crate) fn check<E: de::Error>(value: &RawValue) -> Result<(), E> {
    serde_json::from_str::<Value>(value.get()).map(drop).map_err(E::custom)
}

impl fmt::Debug for JsonObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(&self.0).finish()
    }
}

impl PartialEq for JsonObject {
    fn eq(&self, other: &Self) -> bool {
        let pairs = || self.0.iter().zip(&other.0);
        self.0.len() == other.0.len()
            && pairs().all(|((a, _), (b, _))| a == b)
            && pairs().all(|((_, a), (_, b))| same_json(a, b))
    }
}

impl Eq for JsonObject {}

/// Returns whether two JSON texts have the same meaning; numbers are compared by their text.
fn same_json(a: &RawValue, b: &RawValue) -> bool {
    type Items<'a> = Vec<&'a RawValue>;
    let (a, b) = (a.get(), b.get());
    if a == b {
        return true;
    }
    match (a.as_bytes().first(), b.as_bytes().first()) {
        (Some(b'{'), Some(b'{')) => match (serde_json::from_str::<JsonObject>(a), serde_json::from_str(b)) {
            (Ok(a), Ok(b)) => a == b,
            _ => false,
        },
        (Some(b'['), Some(b'[')) => {
            match (serde_json::from_str::<Items<'_>>(a), serde_json::from_str::<Items<'_>>(b)) {
                (Ok(a), Ok(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_json(a, b)),
                _ => false,
            }
        }
        (Some(b'"'), Some(b'"')) => match (serde_json::from_str::<String>(a), serde_json::from_str::<String>(b)) {
            (Ok(a), Ok(b)) => a == b,
            // Text that is not valid Unicode, such as half of a surrogate pair, is compared by its JSON text.
            _ => false,
        },
        _ => false,
    }
}

/// A struct with typed fields that stores unknown fields in a [`JsonObject`].
///
/// serde's own `flatten` reads fields through a buffer, which rounds numbers and loses the path of errors. Instead, the derived
/// deserializer (`#[serde(remote = "Self")]`) is called with an adapter that separates the fields while they are read.
pub(crate) trait Object: Sized {
    /// Calls the derived deserializer, which reads the typed fields.
    fn read_known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;

    /// Returns the unknown fields.
    fn extra_mut(&mut self) -> &mut JsonObject;
}

/// Deserializes a struct with its unknown fields.
pub(crate) fn read<'de, D: Deserializer<'de>, T: Object>(deserializer: D) -> Result<T, D::Error> {
    struct Fields<T>(PhantomData<T>);

    impl<'de, T: Object> Visitor<'de> for Fields<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<T, A::Error> {
            let mut extra = JsonObject::new();
            let mut object = T::read_known(Known { fields, extra: &mut extra })?;
            *object.extra_mut() = extra;
            Ok(object)
        }
    }

    deserializer.deserialize_map(Fields(PhantomData))
}

/// Returns the names of the typed fields.
pub(crate) fn known_fields<T: Object>() -> &'static [&'static str] {
    struct Names<'a>(&'a Cell<&'static [&'static str]>);

    impl<'de> Deserializer<'de> for Names<'_> {
        type Error = de::value::Error;

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            names: &'static [&'static str],
            _: V,
        ) -> Result<V::Value, Self::Error> {
            self.0.set(names);
            Err(de::Error::custom("only the names are needed"))
        }

        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
            unreachable!("a derived deserializer of a struct requests a struct")
        }

        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
            newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }

    let names = Cell::new(&[] as &[_]);
    _ = T::read_known(Names(&names));
    names.get()
}

/// Passes the typed fields on and stores the others.
struct Known<'a, A> {
    fields: A,
    extra: &'a mut JsonObject,
}

impl<'de, A: MapAccess<'de>> Deserializer<'de> for Known<'_, A> {
    type Error = A::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        visitor.visit_map(Named { fields: self.fields, extra: self.extra, names })
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, A::Error> {
        unreachable!("a derived deserializer of a struct requests a struct")
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct Named<'a, A> {
    fields: A,
    extra: &'a mut JsonObject,
    names: &'static [&'static str],
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Named<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(name) = self.fields.next_key::<String>()? {
            if self.names.contains(&name.as_str()) {
                return seed.deserialize(name.into_deserializer()).map(Some);
            }
            let value: Box<RawValue> = self.fields.next_value()?;
            check(&value)?;
            self.extra.0.insert(name, value);
        }
        Ok(None)
    }

    fn next_value_seed<S: de::DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.fields.next_value_seed(seed)
    }
}

/// Implements serialization and deserialization for structs with `#[serde(remote = "Self")]` and an `extra` field.
macro_rules! object {
    ($( $name:ident $(<$file:ident>)? ),* $(,)?) => { $(
        impl $(<$file: serde::de::DeserializeOwned>)? $crate::json_object::Object for $name $(<$file>)? {
            fn read_known<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                // The derived deserializer: an inherent function takes precedence over one of a trait.
                Self::deserialize(deserializer)
            }

            fn extra_mut(&mut self) -> &mut $crate::JsonObject {
                &mut self.extra
            }
        }

        impl $(<$file: serde::de::DeserializeOwned>)? $name $(<$file>)? {
            /// Returns the names of the typed fields in the API.
            pub fn field_names() -> &'static [&'static str] {
                $crate::json_object::known_fields::<Self>()
            }
        }

        impl<'de $(, $file: serde::de::DeserializeOwned)?> serde::Deserialize<'de> for $name $(<$file>)? {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::json_object::read(deserializer)
            }
        }

        impl $(<$file: serde::Serialize>)? serde::Serialize for $name $(<$file>)? {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                Self::serialize(self, serializer)
            }
        }
    )* };
}

pub(crate) use object;

#[cfg(test)]
mod tests {
    use super::*;

    fn object(json: &str) -> JsonObject {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn numbers_keep_their_digits() {
        let json = r#"{"big":123456789012345678901234567890,"exact":1e40,"price":9.10}"#;
        assert_eq!(serde_json::to_string(&object(json)).unwrap(), json);
    }

    #[test]
    fn what_nobody_could_read_later_is_refused() {
        for value in [r#""\ud800""#, "1e400", r#"["\udfff"]"#, r#"{"a": -1e999}"#] {
            serde_json::from_str::<JsonObject>(&format!(r#"{{"a": {value}}}"#)).unwrap_err();
            serde_json::from_str::<crate::Package>(&format!(r#"{{"unknown": {value}}}"#)).unwrap_err();
        }
        assert_eq!(object(r#"{"a": "\ud83d\ude00"}"#).get::<String>("a").unwrap(), "\u{1f600}");
    }

    #[test]
    fn equal_is_what_has_the_same_meaning() {
        let this = object(r#"{"a": [1, {"b": "\u0041", "c": null}], "d": 9.10}"#);
        assert_eq!(this, object(r#"{"d":9.10,"a":[1,{"c":null,"b":"A"}]}"#));
        for other in [
            r#"{"d":9.1,"a":[1,{"c":null,"b":"A"}]}"#,
            r#"{"d":9.10,"a":[1,{"b":"A"}]}"#,
            r#"{"d":9.10,"a":[1,{"c":null,"b":"B"}]}"#,
            r#"{"e":9.10,"a":[1,{"c":null,"b":"A"}]}"#,
            r#"{"d":"9.10","a":[1,{"c":null,"b":"A"}]}"#,
        ] {
            assert_ne!(this, object(other), "{other}");
        }
    }

    #[test]
    fn a_field_is_taken_only_if_it_can_be_read() {
        let mut fields = object(r#"{"text": "a", "list": [1], "nothing": []}"#);
        assert_eq!(fields.take::<String>("text").as_deref(), Some("a"));
        assert_eq!(fields.take::<Vec<String>>("list"), None);
        assert_eq!(fields.take::<Vec<String>>("nothing"), None);
        assert_eq!(fields.names().collect::<Vec<_>>(), ["list", "nothing"]);
    }
}
