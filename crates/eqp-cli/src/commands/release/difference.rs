//! Whether a submission already holds what a manifest says. Pure.
//!
//! The API writes things in other ways than it reads them: numbers as text, empty objects as lists, files with more
//! than their id. Only what differs in meaning counts.

use serde_json::Value;

/// Fields that are set when a package is created and never again, and what is no field of the package at all.
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

/// Written, and not read back under that name everywhere: where it is missing nothing is known of it.
const NOT_READ_BACK: &[&str] = &["requested_launch_date"];

/// The names of the fields in which `wished` differs from what is `there`.
pub(super) fn differences(wished: &Value, there: &Value) -> Vec<String> {
    let Some(fields) = wished.as_object() else { return Vec::new() };
    let is_other = |name: &str, value: &Value| !means_the_same(value, there.get(name).unwrap_or(&Value::Null));
    fields
        .iter()
        .filter(|(name, _)| !NOT_COMPARED.contains(&name.as_str()))
        .filter(|(name, _)| !NOT_READ_BACK.contains(&name.as_str()) || there.get(name.as_str()).is_some())
        .filter(|(name, value)| is_other(name, value))
        .map(|(name, _)| name.clone())
        .collect()
}

/// What is there may say more than what is wished.
fn means_the_same(wished: &Value, there: &Value) -> bool {
    if is_nothing(wished) || is_nothing(there) {
        return is_nothing(wished) && is_nothing(there);
    }
    match (wished, there) {
        (Value::Object(wished), Value::Object(there)) => {
            wished.iter().all(|(name, value)| means_the_same(value, there.get(name).unwrap_or(&Value::Null)))
        }
        (Value::Array(wished), Value::Array(there)) => {
            wished.len() == there.len() && wished.iter().zip(there).all(|(wished, there)| means_the_same(wished, there))
        }
        (Value::String(wished), Value::String(there)) if same_text(wished, there) => true,
        _ => match (number(wished), number(there)) {
            (Some(wished), Some(there)) => wished.total_cmp(&there).is_eq(),
            _ => match (truth(wished), truth(there)) {
                (Some(wished), Some(there)) => wished == there,
                _ => false,
            },
        },
    }
}

/// The API writes "nothing" in many ways.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_nothing),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Blanks at the end and kinds of line ends are no difference.
fn same_text(wished: &str, there: &str) -> bool {
    wished.split_whitespace().eq(there.split_whitespace())
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
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
        let wished = json!({
            "name": "Badges", "prices": [{"edition": "CE", "price": 99}], "launch_on_approval": true,
            "long_description": "<p>a</p>\r\n<p>b</p>\n", "artifact": {"file_upload_id": "1"}, "categories": [],
            "media_artifacts": {"icon_image": {"file_upload_id": "2"}}, "marketing_options": {},
            "action": {"technical": "submit"}, "sku": "acme/a", "pricing_model": {"pricing_type": "one-time"},
            "requested_launch_date": "2030-01-31 09:00:00",
        });
        let there = json!({
            "name": "Badges", "prices": [{"edition": "CE", "price": "99.00", "currency_code": "USD"}],
            "launch_on_approval": "1", "long_description": "<p>a</p>\n<p>b</p>",
            "artifact": {"file_upload_id": "1", "filename": "a.zip"}, "marketing_options": [],
            "media_artifacts": {"icon_image": {"file_upload_id": "2", "size": 3}, "gallery_images": []},
        });
        assert_eq!(differences(&wished, &there), Vec::<String>::new());
    }

    #[test]
    fn what_means_something_else_is_named() {
        let wished = json!({
            "name": "Badges", "prices": [{"price": 99}], "categories": ["a", "b"], "launch_on_approval": true,
            "artifact": {"file_upload_id": "1"}, "release_notes": "new", "stability": "",
            "requested_launch_date": "2030-01-31 09:00:00",
        });
        let there = json!({
            "name": "Labels", "prices": [{"price": "98"}], "categories": ["a"], "launch_on_approval": 0,
            "artifact": {"file_upload_id": "2"}, "stability": "beta", "requested_launch_date": "2030-02-01 09:00:00",
        });
        let mut found = differences(&wished, &there);
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
