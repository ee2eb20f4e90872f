//! Compares a manifest with a submission. No I/O.
//!
//! The API returns values in other formats than it accepts: numbers as text, empty objects as lists, files with additional fields. Only
//! differences in meaning count.

use serde_json::Value;

/// Fields that can only be set on creation, and keys that are not fields of a submission.
const NOT_COMPARED: &[&str] = &[
    "action",
    "item_id",
    "payment_period",
    "platform",
    "pricing_model",
    "pricing_type",
    "sku",
    "submission_id",
    "type",
    "version",
];

/// Fields that the API does not always return. A missing one is not a difference.
const NOT_READ_BACK: &[&str] = &["requested_launch_date"];

/// Returns the names of the fields that differ.
pub(super) fn differences(desired: &Value, current: &Value) -> Vec<String> {
    let Some(fields) = desired.as_object() else { return Vec::new() };
    let is_different = |name: &str, value: &Value| !is_equivalent(value, current.get(name).unwrap_or(&Value::Null));
    fields
        .iter()
        .filter(|(name, _)| !NOT_COMPARED.contains(&name.as_str()))
        .filter(|(name, _)| !NOT_READ_BACK.contains(&name.as_str()) || current.get(name.as_str()).is_some())
        .filter(|(name, value)| is_different(name, value))
        .map(|(name, _)| name.clone())
        .collect()
}

/// Returns whether two values have the same meaning. `current` may have additional fields.
fn is_equivalent(desired: &Value, current: &Value) -> bool {
    if is_empty(desired) || is_empty(current) {
        return is_empty(desired) && is_empty(current);
    }
    match (desired, current) {
        (Value::Object(desired), Value::Object(current)) => {
            desired.iter().all(|(name, value)| is_equivalent(value, current.get(name).unwrap_or(&Value::Null)))
        }
        (Value::Array(desired), Value::Array(current)) => {
            desired.len() == current.len()
                && desired.iter().zip(current).all(|(desired, current)| is_equivalent(desired, current))
        }
        (Value::String(desired), Value::String(current)) if same_text(desired, current) => true,
        _ => match (as_number(desired), as_number(current)) {
            (Some(desired), Some(current)) => desired.total_cmp(&current).is_eq(),
            _ => match (as_bool(desired), as_bool(current)) {
                (Some(desired), Some(current)) => desired == current,
                _ => false,
            },
        },
    }
}

/// Returns whether a value is empty. The API has many representations of that.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_empty),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Compares texts without regard to whitespace, which the API normalises.
fn same_text(desired: &str, current: &str) -> bool {
    desired.split_whitespace().eq(current.split_whitespace())
}

fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn as_bool(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::Number(number) => {
            number.as_u64().and_then(|number| [false, true].get(usize::try_from(number).ok()?).copied())
        }
        Value::String(text) => match text.as_str() {
            "1" | "yes" | "true" => Some(true),
            "0" | "no" | "false" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn another_spelling_is_no_difference() {
        let desired = json!({
            "name": "Badges", "prices": [{"edition": "CE", "price": 99}], "launch_on_approval": true,
            "long_description": "<p>a</p>\r\n<p>b</p>\n", "artifact": {"file_upload_id": "1"}, "categories": [],
            "media_artifacts": {"icon_image": {"file_upload_id": "2"}}, "marketing_options": {},
            "action": {"technical": "submit"}, "sku": "acme/a", "pricing_model": {"pricing_type": "one-time"},
            "requested_launch_date": "2030-01-31 09:00:00",
        });
        let current = json!({
            "name": "Badges", "prices": [{"edition": "CE", "price": "99.00", "currency_code": "USD"}],
            "launch_on_approval": "1", "long_description": "<p>a</p>\n<p>b</p>",
            "artifact": {"file_upload_id": "1", "filename": "a.zip"}, "marketing_options": [],
            "media_artifacts": {"icon_image": {"file_upload_id": "2", "size": 3}, "gallery_images": []},
        });
        assert_eq!(differences(&desired, &current), Vec::<String>::new());
    }

    #[test]
    fn what_means_something_else_is_named() {
        let desired = json!({
            "name": "Badges", "prices": [{"price": 99}], "categories": ["a", "b"], "launch_on_approval": true,
            "artifact": {"file_upload_id": "1"}, "release_notes": "new", "stability": "",
            "requested_launch_date": "2030-01-31 09:00:00",
        });
        let current = json!({
            "name": "Labels", "prices": [{"price": "98"}], "categories": ["a"], "launch_on_approval": 0,
            "artifact": {"file_upload_id": "2"}, "stability": "beta", "requested_launch_date": "2030-02-01 09:00:00",
        });
        let mut found = differences(&desired, &current);
        found.sort_unstable();
        assert_eq!(
            found,
            [
                "artifact",
                "categories",
                "launch_on_approval",
                "name",
                "prices",
                "release_notes",
                "requested_launch_date",
                "stability"
            ]
        );
    }
}
