//! JSON in one spelling, for comparing what was read with what is written back.
//!
//! The API spells one thing in several ways, and the types write the usual one: a number for a number in a string, a
//! padded hour. That is no loss.

use eqp_types::Timestamp;
use serde_json::Value;

/// `value` with every scalar in one spelling.
pub fn one_spelling(value: &Value) -> Value {
    match value {
        Value::Number(number) => spelled(&number.to_string()),
        Value::Bool(flag) => Value::String(flag.to_string()),
        Value::String(text) => spelled(text),
        Value::Array(items) => items.iter().map(one_spelling).collect(),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (name.clone(), one_spelling(value))).collect())
        }
        Value::Null => Value::Null,
    }
}

/// Digits alone may be seconds since 1970, as text and as a number.
fn spelled(text: &str) -> Value {
    Value::String(text.parse::<Timestamp>().map_or_else(|_| text.to_owned(), |time| time.to_string()))
}
