//! JSON values that preserve the order of object fields, as PHP does.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// A JSON value whose objects preserve their order.
#[derive(Debug)]
pub(super) enum OrderedValue {
    /// An object, or a list with empty names. A duplicate name has its last value at its first position.
    Nested(Vec<(String, OrderedValue)>),
    Scalar(Value),
}

impl OrderedValue {
    /// Returns the value of a field.
    pub(super) fn get(&self, name: &str) -> Option<&OrderedValue> {
        let Self::Nested(fields) = self else { return None };
        fields.iter().find(|(other, _)| other == name).map(|(_, content)| content)
    }
}

/// Returns the namespaces with their folders. The validator script also accepts a list.
pub(super) fn namespaces(declared: &OrderedValue) -> Vec<(String, Vec<String>)> {
    let OrderedValue::Nested(declared) = declared else { return Vec::new() };
    declared.iter().map(|(name, folders)| (name.clone(), folders_of(folders))).collect()
}

fn folders_of(content: &OrderedValue) -> Vec<String> {
    match content {
        OrderedValue::Scalar(Value::String(folder)) => vec![folder.clone()],
        OrderedValue::Scalar(_) => Vec::new(),
        OrderedValue::Nested(several) => several.iter().flat_map(|(_, folder)| folders_of(folder)).collect(),
    }
}

impl<'de> Deserialize<'de> for OrderedValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = OrderedValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<OrderedValue, A::Error> {
                let mut fields: Vec<(String, OrderedValue)> = Vec::new();
                let mut positions = std::collections::HashMap::new();
                while let Some((name, content)) = map.next_entry::<String, OrderedValue>()? {
                    if let Some(position) = positions.get(&name) {
                        let field: &mut (String, OrderedValue) = &mut fields[*position];
                        field.1 = content;
                    } else {
                        positions.insert(name.clone(), fields.len());
                        fields.push((name, content));
                    }
                }
                Ok(OrderedValue::Nested(fields))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<OrderedValue, A::Error> {
                let mut fields = Vec::new();
                while let Some(content) = list.next_element()? {
                    fields.push((String::new(), content));
                }
                Ok(OrderedValue::Nested(fields))
            }

            fn visit_bool<E>(self, value: bool) -> Result<OrderedValue, E> {
                Ok(OrderedValue::Scalar(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<OrderedValue, E> {
                Ok(OrderedValue::Scalar(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<OrderedValue, E> {
                Ok(OrderedValue::Scalar(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<OrderedValue, E> {
                Ok(OrderedValue::Scalar(value.into()))
            }

            fn visit_str<E>(self, value: &str) -> Result<OrderedValue, E> {
                Ok(OrderedValue::Scalar(value.into()))
            }

            fn visit_unit<E>(self) -> Result<OrderedValue, E> {
                Ok(OrderedValue::Scalar(Value::Null))
            }
        }

        deserializer.deserialize_any(Reader)
    }
}
