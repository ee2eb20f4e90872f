//! A JSON object in the order in which it is written, as PHP keeps it.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// A value; its objects keep their order.
#[derive(Debug)]
pub(super) enum Content {
    /// Names with their values: a name that is there twice has its last value at its first place. A list has empty names.
    Nested(Vec<(String, Content)>),
    Plain(Value),
}

impl Content {
    /// The value of a name.
    pub(super) fn get(&self, name: &str) -> Option<&Content> {
        let Self::Nested(fields) = self else { return None };
        fields.iter().find(|(other, _)| other == name).map(|(_, content)| content)
    }
}

/// Namespaces with their folders. Nobody should write them as a list, but the store's script takes it.
pub(super) fn namespaces(declared: &Content) -> Vec<(String, Vec<String>)> {
    let Content::Nested(declared) = declared else { return Vec::new() };
    declared.iter().map(|(name, folders)| (name.clone(), folders_of(folders))).collect()
}

fn folders_of(content: &Content) -> Vec<String> {
    match content {
        Content::Plain(Value::String(folder)) => vec![folder.clone()],
        Content::Plain(_) => Vec::new(),
        Content::Nested(several) => several.iter().flat_map(|(_, folder)| folders_of(folder)).collect(),
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Content;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Content, A::Error> {
                let mut fields: Vec<(String, Content)> = Vec::new();
                let mut places = std::collections::HashMap::new();
                while let Some((name, content)) = map.next_entry::<String, Content>()? {
                    if let Some(place) = places.get(&name) {
                        let field: &mut (String, Content) = &mut fields[*place];
                        field.1 = content;
                    } else {
                        places.insert(name.clone(), fields.len());
                        fields.push((name, content));
                    }
                }
                Ok(Content::Nested(fields))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Content, A::Error> {
                let mut fields = Vec::new();
                while let Some(content) = list.next_element()? {
                    fields.push((String::new(), content));
                }
                Ok(Content::Nested(fields))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Content, E> {
                Ok(Content::Plain(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Content, E> {
                Ok(Content::Plain(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Content, E> {
                Ok(Content::Plain(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Content, E> {
                Ok(Content::Plain(value.into()))
            }

            fn visit_str<E>(self, value: &str) -> Result<Content, E> {
                Ok(Content::Plain(value.into()))
            }

            fn visit_unit<E>(self) -> Result<Content, E> {
                Ok(Content::Plain(Value::Null))
            }
        }

        deserializer.deserialize_any(Reader)
    }
}
