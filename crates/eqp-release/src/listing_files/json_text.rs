//! JSON for people and for git: one value per line, and numbers as they were written.

use std::collections::BTreeMap;

use eqp_types::JsonObject;
use serde_json::value::RawValue;

/// Returns an object with one value per line, its names sorted, and a line break at the end.
pub(super) fn pretty(object: &JsonObject) -> String {
    let json = serde_json::to_string(object).expect("an object of JSON values can be written");
    let mut text = String::new();
    write(&json, 0, &mut text);
    text.push('\n');
    text
}

fn write(json: &str, depth: usize, text: &mut String) {
    let items: Vec<(Option<&String>, &str)>;
    let object: BTreeMap<String, &RawValue>;
    let list: Vec<&RawValue>;
    let (open, close) = match json.as_bytes().first() {
        Some(b'{') => {
            object = serde_json::from_str(json).expect("the text of a value is valid JSON");
            items = object.iter().map(|(name, value)| (Some(name), value.get())).collect();
            ('{', '}')
        }
        Some(b'[') => {
            list = serde_json::from_str(json).expect("the text of a value is valid JSON");
            items = list.iter().map(|value| (None, value.get())).collect();
            ('[', ']')
        }
        _ => return text.push_str(json),
    };
    text.push(open);
    for (index, (name, value)) in items.iter().enumerate() {
        text.push_str(if index == 0 { "\n" } else { ",\n" });
        text.push_str(&"  ".repeat(depth + 1));
        if let Some(name) = name {
            text.push_str(&serde_json::to_string(name).expect("text can be written as JSON"));
            text.push_str(": ");
        }
        write(value, depth + 1, text);
    }
    if !items.is_empty() {
        text.push('\n');
        text.push_str(&"  ".repeat(depth));
    }
    text.push(close);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_on_a_line_and_numbers_keep_their_digits() {
        let json = r#"{"b":[{"price":75.10,"edition":"CE"},[]],"a":"x \"y\"","empty":{}}"#;
        let object: JsonObject = serde_json::from_str(json).unwrap();
        let text = pretty(&object);
        assert_eq!(
            text,
            "{\n  \"a\": \"x \\\"y\\\"\",\n  \"b\": [\n    {\n      \"edition\": \"CE\",\n      \"price\": 75.10\n    },\n    []\n  ],\n  \
             \"empty\": {}\n}\n"
        );
        assert_eq!(serde_json::from_str::<JsonObject>(&text).unwrap(), object);
    }
}
