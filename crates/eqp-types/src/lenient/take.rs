//! Removes typed fields from an object one by one; unreadable fields stay and are written back unchanged.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::is_empty;
use crate::Extra;

/// Removes a field and returns it as a `T`.
///
/// An empty value, and one that is not a `T`, stays in `fields`, so that it is written back unchanged.
pub fn take<T: DeserializeOwned>(fields: &mut Extra, name: &str) -> Option<T> {
    take_as(fields, name, |value| T::deserialize(value).ok())
}

/// Removes a field that is not empty and returns it.
pub fn take_value(fields: &mut Extra, name: &str) -> Option<Value> {
    if has_no_content(fields.get(name)?) { None } else { fields.remove(name) }
}

/// Removes a field that is text or a number and returns it as text.
pub fn take_text(fields: &mut Extra, name: &str) -> Option<String> {
    take_as(fields, name, |value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// Removes a field that is a whole number, or a string with one in JSON syntax (not `007`), and returns it.
pub fn take_integer(fields: &mut Extra, name: &str) -> Option<i64> {
    take_as(fields, name, |value| {
        let inside = |text: &str| text.parse().ok().filter(|number: &i64| number.to_string() == text);
        value.as_i64().or_else(|| inside(value.as_str()?))
    })
}

fn take_as<T>(fields: &mut Extra, name: &str, read: impl FnOnce(&Value) -> Option<T>) -> Option<T> {
    let value = fields.get(name).filter(|value| !has_no_content(value))?;
    let taken = read(value)?;
    fields.remove(name);
    Some(taken)
}

/// Returns whether the value is empty or an empty object, which the API also writes as `[]`.
fn has_no_content(value: &Value) -> bool {
    is_empty(value) || value.as_object().is_some_and(Extra::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_is_not_taken_stays() {
        let mut fields = Extra::new();
        for (name, value) in [
            ("text", serde_json::json!("a")),
            ("number", serde_json::json!("7")),
            ("nothing", serde_json::json!([])),
            ("list", serde_json::json!([1])),
            ("padded", serde_json::json!("007")),
        ] {
            fields.insert(name.to_owned(), value);
        }
        assert_eq!(take_text(&mut fields, "text").as_deref(), Some("a"));
        assert_eq!(take_integer(&mut fields, "number"), Some(7));
        assert_eq!(take_value(&mut fields, "nothing"), None);
        assert_eq!(take::<Vec<String>>(&mut fields, "list"), None);
        assert_eq!(take_integer(&mut fields, "padded"), None);
        assert_eq!(take_integer(&mut fields, "none"), None);
        assert_eq!(fields.keys().collect::<Vec<_>>(), ["list", "nothing", "padded"]);
    }
}
