//! JSON schemas of the types that implement serialization themselves. Only with the feature `schema`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

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
