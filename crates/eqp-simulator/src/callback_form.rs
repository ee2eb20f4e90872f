//! Callbacks in both published forms.

use bytes::Bytes;
use eqp_types::{Callback, EqpStatusUpdate, Extra, MalwareScanComplete};
use serde_json::{Value, json};

/// Which of the published forms callbacks have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CallbackForm {
    /// The form sent today: with the state of all flows and `modified_at`.
    #[default]
    Later,
    /// The form first published: only the named flow, no time.
    First,
}

/// The body of a status update in this form.
pub(crate) fn status_update(mut update: EqpStatusUpdate, form: CallbackForm, extra_fields: bool) -> Bytes {
    if form == CallbackForm::First {
        update.eqp_status = None;
        update.modified_at = None;
    }
    if extra_fields {
        update.extra = undocumented_fields();
    }
    written(&Callback::EqpStatusUpdate(update))
}

/// The body of the end of a scan in this form.
pub(crate) fn scan_complete(mut scan: MalwareScanComplete, form: CallbackForm, extra_fields: bool) -> Bytes {
    if form == CallbackForm::First {
        scan.modified_at = None;
    }
    if extra_fields {
        scan.extra = undocumented_fields();
    }
    written(&Callback::MalwareScanComplete(scan))
}

/// The body of a callback with an event code that no documentation knows.
pub(crate) fn unknown(code: &str, subject: &str, modified_at: &str) -> Bytes {
    let body = json!({
        "callback_event": code,
        "update_info": {"subject_id": subject, "locale": "de_DE", "modified_at": modified_at},
    });
    Bytes::from(body.to_string())
}

fn undocumented_fields() -> Extra {
    Extra::from_iter([("review_round".to_owned(), json!({"number": 1})), ("region".to_owned(), Value::Null)])
}

fn written(callback: &Callback) -> Bytes {
    // A callback made of text and maps with text keys can always be written.
    serde_json::to_vec(callback).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documented() -> EqpStatusUpdate {
        let json = r#"{"submission_id": "s5w9k703ru", "item_id": "user_upload_version_1", "eqp_flow": "marketing",
            "current_status": "approved",
            "eqp_status": {"overall": "in_progress", "technical": "draft", "marketing": "approved"},
            "modified_at": "2022-08-25 19:20:21"}"#;
        let body = format!(r#"{{"callback_event": "eqp_status_update", "update_info": {json}}}"#);
        let Callback::EqpStatusUpdate(update) = Callback::decode(body.as_bytes()).unwrap() else { panic!() };
        update
    }

    #[test]
    fn both_forms_are_written_as_documented() {
        assert_eq!(
            status_update(documented(), CallbackForm::Later, false),
            r#"{"callback_event":"eqp_status_update","update_info":{"submission_id":"s5w9k703ru","item_id":"user_upload_version_1","eqp_flow":"marketing","current_status":"approved","eqp_status":{"overall":"in_progress","technical":"draft","marketing":"approved"},"modified_at":"2022-08-25 19:20:21"}}"#
        );
        assert_eq!(
            status_update(documented(), CallbackForm::First, false),
            r#"{"callback_event":"eqp_status_update","update_info":{"submission_id":"s5w9k703ru","item_id":"user_upload_version_1","eqp_flow":"marketing","current_status":"approved"}}"#
        );
    }

    #[test]
    fn a_scan_is_written_as_documented() {
        let json = r#"{"file_upload_id": "2309480238.238475.0", "tool_result": "passed",
            "modified_at": "2022-08-25 19:20:21"}"#;
        let body = format!(r#"{{"callback_event": "malware_scan_complete", "update_info": {json}}}"#);
        let Callback::MalwareScanComplete(scan) = Callback::decode(body.as_bytes()).unwrap() else { panic!() };
        assert_eq!(
            scan_complete(scan.clone(), CallbackForm::First, false),
            r#"{"callback_event":"malware_scan_complete","update_info":{"file_upload_id":"2309480238.238475.0","tool_result":"passed"}}"#
        );
        let later = scan_complete(scan, CallbackForm::Later, true);
        let Callback::MalwareScanComplete(read) = Callback::decode(&later).unwrap() else { panic!() };
        assert!(read.modified_at.is_some() && read.extra.contains_key("review_round"));
    }

    #[test]
    fn an_unknown_event_is_a_callback_all_the_same() {
        let body = unknown("store_moved", "s1", "2022-08-25 19:20:21");
        assert_eq!(Callback::decode(&body).unwrap().event_code(), "store_moved");
    }
}
