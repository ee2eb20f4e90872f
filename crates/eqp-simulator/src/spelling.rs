//! Alternative spellings of fields that the API writes in two ways.
//!
//! Handlers respond in the default form; if another one is configured, responses and callbacks are rewritten before
//! they are sent.

use axum::body::Bytes;
use serde_json::{Value, json};

/// The variant to use for fields that the API writes in two ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spelling {
    /// `content_type`, `pass` and `in-progress`, `current_status`, padded hours, actions as lists for each flow, the pricing
    /// model as an object, numbers in profiles, a package by its item id as an object.
    #[default]
    Usual,
    /// `content-type`, `passed` and `queued`, `eqp_state`, hours without a leading zero, actions as one string, the
    /// pricing model as two fields, numbers as text, a package by its item id as a list, no `requested_launch_date`.
    Other,
}

/// The form of empty objects in profiles and packages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Empty {
    /// `[]`
    #[default]
    List,
    /// `{}`
    Object,
    /// `null`
    Null,
    /// `""`
    Text,
    /// The field is omitted.
    Absent,
}

/// The configured variants of a simulator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Style {
    pub(crate) spelling: Spelling,
    pub(crate) empty: Empty,
}

/// Fields that are objects, even if an empty one is written as something else.
const OBJECTS: [&str; 12] = [
    "max_version_launched",
    "artifact",
    "documentation_artifacts",
    "user",
    "media_artifacts",
    "icon_image",
    "browser_os_compatibility",
    "social_media_info",
    "profile_image_artifact",
    "marketing_options",
    "technical_options",
    "external_services",
];

impl Style {
    /// Returns the body of a callback in this style.
    pub(crate) fn callback(self, body: Bytes) -> Bytes {
        let (Spelling::Other, Ok(mut value)) = (self.spelling, serde_json::from_slice(&body)) else { return body };
        self.rewrite(&mut value);
        value.to_string().into()
    }

    pub(crate) fn rewrite(self, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.rewrite(item)),
            Value::Object(members) => {
                members.values_mut().for_each(|member| self.rewrite(member));
                if self.empty != Empty::List {
                    members.retain(|name, member| !OBJECTS.contains(&name.as_str()) || self.empty(member));
                }
                if self.spelling == Spelling::Other {
                    for (name, other) in [("content_type", "content-type"), ("current_status", "eqp_state")] {
                        if let Some(member) = members.remove(name) {
                            members.insert(other.to_owned(), member);
                        }
                    }
                    members.remove("requested_launch_date");
                    if let Some(Value::Object(model)) = members.remove("pricing_model") {
                        members.extend(model);
                    }
                    for (name, member) in members {
                        rewrite_member(name, member);
                    }
                }
            }
            _ => {}
        }
    }

    /// Writes an empty object as configured, and returns whether it stays.
    fn empty(self, member: &mut Value) -> bool {
        let is_empty = match member {
            Value::Null => true,
            Value::Array(items) => items.is_empty(),
            Value::Object(members) => members.is_empty(),
            _ => false,
        };
        if is_empty {
            *member = match self.empty {
                Empty::List => json!([]),
                Empty::Object => json!({}),
                Empty::Null => Value::Null,
                Empty::Text => json!(""),
                Empty::Absent => return false,
            };
        }
        true
    }
}

/// Rewrites one field into its other variant.
fn rewrite_member(name: &str, member: &mut Value) {
    match (name, &mut *member) {
        ("malware_status" | "tool_result", Value::String(word)) => {
            let other = match word.as_str() {
                "pass" => "passed",
                "passed" => "pass",
                "fail" => "failed",
                "failed" => "fail",
                "in-progress" => "queued",
                other => other,
            };
            *word = other.to_owned();
        }
        ("actions_now_available", Value::Object(flows)) => {
            let mut actions: Vec<&str> =
                flows.values().filter_map(Value::as_array).flatten().filter_map(Value::as_str).collect();
            actions.sort_unstable();
            actions.dedup();
            *member = json!(actions.join(","));
        }
        (_, Value::String(text)) => {
            if let Some(unpadded) = unpadded(text) {
                *text = unpadded;
            }
        }
        (name, Value::Number(number)) if is_number_or_text(name) => *member = json!(number.to_string()),
        _ => {}
    }
}

/// Returns whether the documentation shows this field as a number in one example and as text in another.
fn is_number_or_text(name: &str) -> bool {
    const PROFILE: [&str; 4] = ["partner_level", "payment_type", "taxpayer_type", "tax_review_status"];
    name.contains("price") || name.ends_with("_percent") || PROFILE.contains(&name)
}

/// Returns a time such as `2020-07-21 08:09:10` without the leading zero of its hour.
fn unpadded(text: &str) -> Option<String> {
    let (date, time) = text.split_once(" 0").filter(|(date, time)| date.len() == 10 && time.len() == 7)?;
    let is_stamp = date.bytes().chain(time.bytes()).all(|byte| byte.is_ascii_digit() || b"-:".contains(&byte));
    is_stamp.then(|| format!("{date} {time}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(style: Style, mut value: Value) -> Value {
        style.rewrite(&mut value);
        value
    }

    #[test]
    fn the_other_spelling_of_everything() {
        let style = Style { spelling: Spelling::Other, ..Style::default() };
        let usual = json!([{
            "content_type": "application/zip", "malware_status": "in-progress", "created_at": "2020-07-21 08:09:10",
            "actions_now_available": {"overall": ["cancel"], "technical": ["draft", "submit"], "marketing": ["draft"]},
            "prices": [{"edition": "CE", "price": 9.5}], "name": "A 0", "modified_at": "2020-07-21 18:09:10",
        }]);
        let other = json!([{
            "content-type": "application/zip", "malware_status": "queued", "created_at": "2020-07-21 8:09:10",
            "actions_now_available": "cancel,draft,submit",
            "prices": [{"edition": "CE", "price": "9.5"}], "name": "A 0", "modified_at": "2020-07-21 18:09:10",
        }]);
        assert_eq!(rewritten(style, usual), other);
    }

    #[test]
    fn empty_objects_are_written_as_configured() {
        let usual = json!({"icon_image": [], "categories": [], "user": {"file_upload_id": "1"}, "artifact": null});
        for (empty, written) in [(Empty::Object, json!({})), (Empty::Null, Value::Null), (Empty::Text, json!(""))] {
            let expected =
                json!({"icon_image": written, "categories": [], "user": {"file_upload_id": "1"}, "artifact": written});
            assert_eq!(rewritten(Style { empty, ..Style::default() }, usual.clone()), expected);
        }
        let absent = Style { empty: Empty::Absent, ..Style::default() };
        assert_eq!(rewritten(absent, usual), json!({"categories": [], "user": {"file_upload_id": "1"}}));
    }
}
