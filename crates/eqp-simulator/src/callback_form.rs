//! The bodies of callbacks, in both published formats.

use bytes::Bytes;
use eqp_types::{Callback, EqpStatusUpdate, Extra, MalwareScanComplete};
use serde_json::{Value, json};

/// The published formats of callbacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CallbackForm {
    /// The newer format, which the Marketplace sends today: with the status of all flows and `modified_at`.
    #[default]
    Later,
    /// The older format: only the named flow, without a time.
    First,
}

/// Returns the body of a status update.
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

/// Returns the body of a finished malware scan.
pub(crate) fn scan_complete(mut scan: MalwareScanComplete, form: CallbackForm, extra_fields: bool) -> Bytes {
    if form == CallbackForm::First {
        scan.modified_at = None;
    }
    if extra_fields {
        scan.extra = undocumented_fields();
    }
    written(&Callback::MalwareScanComplete(scan))
}

/// Returns the body of a callback with an undocumented event code.
pub(crate) fn unknown(code: &str, resource_id: &str, modified_at: &str) -> Bytes {
    let body = json!({
        "callback_event": code,
        "update_info": {"subject_id": resource_id, "locale": "de_DE", "modified_at": modified_at},
    });
    Bytes::from(body.to_string())
}

fn undocumented_fields() -> Extra {
    Extra::from_iter([("review_round".to_owned(), json!({"number": 1})), ("region".to_owned(), Value::Null)])
}

fn written(callback: &Callback) -> Bytes {
    serde_json::to_vec(callback)
        .expect("a callback has only text and maps with text keys, which JSON can represent")
        .into()
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
    fn an_unknown_event_is_still_a_callback() {
        let body = unknown("store_moved", "s1", "2022-08-25 19:20:21");
        assert_eq!(Callback::decode(&body).unwrap().event_code(), "store_moved");
    }
}
