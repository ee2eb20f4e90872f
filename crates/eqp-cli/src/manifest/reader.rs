//! Reads a value into a type and says where in it something is wrong: the place, and for an unknown key what is known.

use std::fmt;

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::Value;

/// Reads `value`, which stands at `place`.
pub(super) fn read<T: DeserializeOwned>(value: &Value, place: &str) -> Result<T, ReadError> {
    T::deserialize(Node(value)).map_err(|error| error.inside(place))
}

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ReadError {
    /// The place, as `package.prices[1].edition`.
    pub(super) place: String,
    /// What is wrong there.
    pub(super) problem: Problem,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// A key that is not known.
    UnknownKey {
        /// The key.
        key: String,
        /// Those that are.
        known: &'static [&'static str],
    },
    /// Anything else, in words.
    Other(String),
}

impl ReadError {
    fn inside(mut self, outer: &str) -> Self {
        let joint = if self.place.is_empty() || self.place.starts_with('[') { "" } else { "." };
        self.place.insert_str(0, joint);
        self.place.insert_str(0, outer);
        self
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            Problem::UnknownKey { key, .. } => write!(f, "unknown key `{key}`"),
            Problem::Other(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for ReadError {}

impl de::Error for ReadError {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self { place: String::new(), problem: Problem::Other(text.to_string()) }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self { place: String::new(), problem: Problem::UnknownKey { key: field.to_owned(), known: expected } }
    }
}

/// A value on its way into a type.
#[derive(Clone, Copy)]
struct Node<'a>(&'a Value);

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(truth) => visitor.visit_bool(*truth),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(number), _, _) => visitor.visit_u64(number),
                (None, Some(number), _) => visitor.visit_i64(number),
                (None, None, number) => visitor.visit_f64(number.unwrap_or(f64::NAN)),
            },
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(items) => visitor.visit_seq(Items { items: items.iter(), at: 0 }),
            Value::Object(fields) => visitor.visit_map(Fields { fields: fields.iter(), current: None }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match self.0 {
            // The API spells an empty object so.
            Value::Array(items) if items.is_empty() => {
                visitor.visit_map(Fields { fields: std::iter::empty(), current: None })
            }
            _ => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map enum identifier ignored_any
    }
}

struct Fields<'de, I> {
    fields: I,
    current: Option<(&'de str, &'de Value)>,
}

impl<'de, I: Iterator<Item = (&'de String, &'de Value)>> MapAccess<'de> for Fields<'de, I> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ReadError> {
        let Some((key, value)) = self.fields.next() else { return Ok(None) };
        self.current = Some((key, value));
        seed.deserialize(key.as_str().into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ReadError> {
        let (key, value) = self.current.take().ok_or_else(|| de::Error::custom("a value without its key"))?;
        seed.deserialize(Node(value)).map_err(|error| error.inside(key))
    }
}

struct Items<'de> {
    items: std::slice::Iter<'de, Value>,
    at: usize,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ReadError> {
        let Some(item) = self.items.next() else { return Ok(None) };
        let at = self.at;
        self.at += 1;
        seed.deserialize(Node(item)).map(Some).map_err(|error| error.inside(&format!("[{at}]")))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Outer {
        name: Option<String>,
        inner: Vec<Inner>,
        one: Option<Inner>,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Inner {
        price: Option<f64>,
    }

    fn error(value: &Value) -> (String, Problem) {
        let error = read::<Outer>(value, "package").unwrap_err();
        (error.place, error.problem)
    }

    #[test]
    fn an_unknown_key_is_told_with_its_place_and_what_is_known() {
        let unknown = |key: &str, known| Problem::UnknownKey { key: key.to_owned(), known };
        assert_eq!(error(&json!({"nmae": 1})), ("package".into(), unknown("nmae", &["name", "inner", "one"])));
        let deep = json!({"inner": [{"price": 1}, {"prise": 2}]});
        assert_eq!(error(&deep), ("package.inner[1]".into(), unknown("prise", &["price"])));
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_told_with_its_place() {
        let (place, problem) = error(&json!({"inner": [{"price": "free"}]}));
        assert_eq!(place, "package.inner[0].price");
        assert!(matches!(problem, Problem::Other(text) if text.contains("free")));
        assert_eq!(error(&json!(7)).0, "package");
    }

    #[test]
    fn an_empty_object_may_be_spelled_as_a_list() {
        let read: Outer = read(&json!({"one": [], "name": null}), "package").unwrap();
        assert_eq!(read, Outer { one: Some(Inner::default()), ..Outer::default() });
    }
}
