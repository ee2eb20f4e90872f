//! JSON schemas of the types that implement serialization themselves. Only with the feature `schema`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use crate::{Amount, Environment, Flag, JsonObject, Timestamp};

macro_rules! schema {
    ($( $name:ident: $schema:tt ),* $(,)?) => { $(
        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )* };
}

schema! {
    // The original text of a number or a boolean is preserved, with or without quotes.
    Amount: {"type": ["number", "string"]},
    Flag: {"type": ["boolean", "number", "string"]},
    Environment: {"type": "string", "enum": ["production", "sandbox"]},
    JsonObject: {"type": "object", "additionalProperties": true},
    Timestamp: {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$"},
}

/// Returns a transformation of the schema of an object in which only the fields in `strict` are certain to have their documented form.
/// Any other field that cannot be read is written back as it was received, such as `[]` instead of an object.
pub(crate) fn as_received_except(strict: &'static [&'static str]) -> impl FnMut(&mut Schema) {
    move |schema| {
        let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
        for (name, property) in properties.into_iter().flatten() {
            if strict.contains(&name.as_str()) {
                continue;
            }
            let mut documented = property.take();
            let description = documented.as_object_mut().and_then(|documented| documented.remove("description"));
            *property = json!({"anyOf": [documented, true]});
            if let Some(description) = description {
                property["description"] = description;
            }
        }
    }
}
