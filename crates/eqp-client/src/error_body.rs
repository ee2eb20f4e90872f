//! Detects the error body of the API, `{"code": …, "message": …}`, in a response with HTTP 200.
//!
//! Most fields of records are optional, so such a body would otherwise be read as an empty record.

use std::borrow::Cow;
use std::collections::HashMap;

use eqp_types::ApiError;
use serde_json::value::RawValue;

type Members<'a> = HashMap<Cow<'a, str>, &'a RawValue>;

/// Returns the error that a response with HTTP 200 contains instead of a record or a list of records.
///
/// If `answers_items` is set, the call returns a list in which each item has its own `code`; those are evaluated by the caller.
pub(crate) fn instead_of_an_answer(body: &[u8], answers_items: bool) -> Option<ApiError> {
    match body.trim_ascii_start().first() {
        Some(b'{') => of_record(&serde_json::from_slice(body).ok()?),
        Some(b'[') if !answers_items => {
            let items: Vec<&RawValue> = serde_json::from_slice(body).ok()?;
            items.into_iter().find_map(|item| of_record(&serde_json::from_str(item.get()).ok()?))
        }
        _ => None,
    }
}

/// Treats a record as an error if its code is not a success and it has a message or no other field.
fn of_record(members: &Members<'_>) -> Option<ApiError> {
    const DONE: std::ops::RangeInclusive<i64> = 200..=299;
    let member = |name: &str| members.get(name).map_or("null", |value| value.get());
    let json = format!("{{\"code\": {}, \"message\": {}}}", member("code"), member("message"));
    let error: ApiError = serde_json::from_str(&json).ok()?;
    let code = error.code.filter(|code| !DONE.contains(code))?;
    let others = members.keys().filter(|name| !matches!(name.as_ref(), "code" | "message")).count();
    let is_error = error.message.is_some() || others == 0;
    is_error.then_some(ApiError { code: Some(code), ..error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_with_a_code_of_its_own_is_an_error_and_a_record_is_not() {
        let code = |body: &str, answers_items| {
            instead_of_an_answer(body.as_bytes(), answers_items).and_then(|error| error.code)
        };
        for (body, expected) in [
            (r#"{"code": 1208, "message": "Insufficient"}"#, Some(1208)),
            (r#" {"code": "1321", "message": "Malware scan is still in progress", "trace": []}"#, Some(1321)),
            (r#"{"code": 404}"#, Some(404)),
            (r#"{"code": 0, "message": "No"}"#, Some(0)),
            (r#"{"code": 200, "message": "Success", "submission_id": "s1"}"#, None),
            (r#"{"code": 7, "name": "a record with a code"}"#, None),
            (r#"{"message": "hello"}"#, None),
            (r#"{"code": "blue", "message": "a code that is none"}"#, None),
            (r#"{"submission_id": "s1"}"#, None),
            (r#"[{"submission_id": "s1"}, {"code": 1500, "message": "Package live in store"}]"#, Some(1500)),
            (r#"[{"submission_id": "s1"}, 7, "text"]"#, None),
            ("[]", None),
            ("", None),
            ("{", None),
            ("\"text\"", None),
        ] {
            assert_eq!(code(body, false), expected, "{body}");
        }
        // A batch has a code for each item, and one for the batch if it was rejected completely.
        assert_eq!(code(r#"[{"code": 1208, "message": "no"}]"#, true), None);
        assert_eq!(code(r#"{"code": 1208, "message": "no"}"#, true), Some(1208));
    }
}
