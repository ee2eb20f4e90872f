//! Normalises JSON, to compare values before and after a round trip through our types.
//!
//! The API writes some values in several ways, and the types write the documented one: a number instead of a quoted
//! number, a padded hour. That is not a loss.

use eqp_types::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// Returns `value` with every scalar in its normal form.
pub fn one_spelling(value: &Value) -> Value {
    match value {
        Value::Number(number) => spelled(&number.to_string()),
        Value::Bool(flag) => Value::String(flag.to_string()),
        Value::String(text) => spelled(text),
        Value::Array(items) => items.iter().map(one_spelling).collect(),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), one_spelling(value)));
            let fields = Value::Object(fields.collect());
            // A date that PHP has serialized as an object.
            match fields.get("date").map(|_| Timestamp::deserialize(&fields)) {
                Some(Ok(time)) => spelled(&time.to_string()),
                _ => fields,
            }
        }
        Value::Null => Value::Null,
    }
}

/// Normalises digits, which can be seconds since 1970 as text or as a number.
fn spelled(text: &str) -> Value {
    Value::String(text.parse::<Timestamp>().map_or_else(|_| text.to_owned(), |time| time.to_string()))
}
