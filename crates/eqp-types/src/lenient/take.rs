//! Fields taken out of an object one by one: what cannot be read stays, and is written back as it came.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::is_nothing;
use crate::Extra;

/// Takes a field out of `fields` as a `T`.
///
/// What the API says for "nothing", and what is no `T`, stays where it is: it is not lost, and is written back as it came.
pub fn take<T: DeserializeOwned>(fields: &mut Extra, name: &str) -> Option<T> {
    take_as(fields, name, |value| T::deserialize(value).ok())
}

/// The same for any value that is something.
pub fn take_value(fields: &mut Extra, name: &str) -> Option<Value> {
    if says_nothing(fields.get(name)?) { None } else { fields.remove(name) }
}

/// The same for text that may come as a number.
pub fn take_text(fields: &mut Extra, name: &str) -> Option<String> {
    take_as(fields, name, |value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// The same for a whole number that may come inside a string, if that spells it as JSON would: `007` is none.
pub fn take_integer(fields: &mut Extra, name: &str) -> Option<i64> {
    take_as(fields, name, |value| {
        let inside = |text: &str| text.parse().ok().filter(|number: &i64| number.to_string() == text);
        value.as_i64().or_else(|| inside(value.as_str()?))
    })
}

fn take_as<T>(fields: &mut Extra, name: &str, read: impl FnOnce(&Value) -> Option<T>) -> Option<T> {
    let value = fields.get(name).filter(|value| !says_nothing(value))?;
    let taken = read(value)?;
    fields.remove(name);
    Some(taken)
}

/// Nothing, or an empty object, which is the same where it is not to be told apart from `[]`.
fn says_nothing(value: &Value) -> bool {
    is_nothing(value) || value.as_object().is_some_and(Extra::is_empty)
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
