//! Suggests known names for unknown ones.

use serde::Deserialize;
use serde::de::{Deserializer, Visitor};
use serde::forward_to_deserialize_any;

/// Returns the names of the fields that a struct is deserialized from.
pub(crate) fn names_of<T: for<'de> Deserialize<'de>>() -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    // Always an error: the deserializer only records the fields.
    drop(T::deserialize(Names(&mut names)));
    names
}

struct Names<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Names<'_> {
    type Error = serde::de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(serde::de::Error::custom("only structs have names"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Layer;
    use crate::text::nearest;

    #[test]
    fn a_struct_reports_its_names() {
        let sections =
            ["data", "marketplace", "database", "server", "receiver", "alerts", "deliver", "mail", "composer"];
        assert_eq!(names_of::<Layer>(), sections);
    }

    #[test]
    fn the_nearest_name_is_found_if_it_is_near() {
        let names = ["environment", "api_url", "ca_file"];
        assert_eq!(nearest("enviroment", names), Some("environment"));
        assert_eq!(nearest("apiurl", names), Some("api_url"));
        assert_eq!(nearest("zzz", names), None);
    }
}
