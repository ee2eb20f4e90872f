//! Tests the decoding of callbacks as documented and as sent by real programs.

use serde_json::Value;

use super::*;

fn decode(json: &str) -> Result<Callback, CallbackError> {
    Callback::decode(json.as_bytes())
}

fn status_update(json: &str) -> EqpStatusUpdate {
    match decode(json).unwrap() {
        Callback::EqpStatusUpdate(update) => update,
        other => panic!("{other:?}"),
    }
}

#[test]
fn reads_the_first_form_of_a_status_update() {
    let update = status_update(
        r#"{"callback_event": "eqp_status_update", "update_info": {"submission_id": "s5w9k703ru",
            "item_id": "user_upload_version_1", "eqp_flow": "marketing", "current_status": "approved"}}"#,
    );
    assert_eq!(update.explicit_status(), Some((&Flow::Marketing, "approved")));
    assert_eq!(update.item_id.unwrap().as_str(), "user_upload_version_1");
    assert_eq!((update.eqp_status, update.modified_at), (None, None));
}

#[test]
fn reads_the_later_form_of_a_status_update() {
    let update = status_update(
        r#"{"callback_event": "eqp_status_update", "update_info": {"submission_id": "s5w9k703ru",
            "item_id": "user_upload_version_1", "eqp_flow": "marketing", "current_status": "approved",
            "eqp_status": {"overall": "in_progress", "technical": "draft", "marketing": "approved"},
            "modified_at": "2022-08-25 19:20:21"}}"#,
    );
    assert_eq!(update.modified_at.unwrap().to_string(), "2022-08-25 19:20:21");
    assert_eq!(update.eqp_status.unwrap().overall.unwrap().as_str(), "in_progress");
}

#[test]
fn reads_eqp_state_in_the_place_of_current_status() {
    let update = status_update(
        r#"{"callback_event": "eqp_status_update", "update_info": {"submission_id": 12,
            "item_id": null, "eqp_flow": "technical", "eqp_state": "rejected", "modified_at": ""}}"#,
    );
    assert_eq!(update.explicit_status(), Some((&Flow::Technical, "rejected")));
    assert_eq!(update.submission_id.as_str(), "12");
    assert_eq!(update.item_id, None);
}

#[test]
fn a_time_that_cannot_be_read_costs_nothing_else() {
    let update = status_update(
        r#"{"callback_event": "eqp_status_update", "update_info": {"submission_id": "s1",
            "eqp_flow": "technical", "current_status": "approved", "modified_at": "yesterday"}}"#,
    );
    assert_eq!(update.modified_at, None);
    assert_eq!(update.explicit_status(), Some((&Flow::Technical, "approved")));
}

/// Tests placeholders for a missing time: the first moments of a calendar or of the epoch.
#[test]
fn a_placeholder_for_no_time_is_not_a_time() {
    for placeholder in [
        r#""0000-00-00 00:00:00""#,
        r#""0000-00-00""#,
        r#""-0001-11-30 00:00:00""#,
        r#""0001-01-01 00:00:00""#,
        r#""0001-01-01T00:00:00Z""#,
        r#""1899-12-30 00:00:00""#,
        r#""1970-01-01 00:00:00""#,
        r#""1970-01-01 01:00:00""#,
        "0",
        r#"{"date": "-0001-11-30 00:00:00.000000", "timezone_type": 3, "timezone": "UTC"}"#,
    ] {
        let json = format!(
            r#"{{"callback_event": "eqp_status_update", "update_info": {{"submission_id": "s1",
                "eqp_flow": "technical", "current_status": "approved", "modified_at": {placeholder}}}}}"#
        );
        let update = status_update(&json);
        assert_eq!(update.modified_at, None, "{placeholder}");
        assert_eq!(update.explicit_status(), Some((&Flow::Technical, "approved")));
        let written = serde_json::to_value(Callback::EqpStatusUpdate(update)).unwrap();
        assert_eq!(written, serde_json::from_str::<Value>(&json).unwrap(), "it is stored as it came");
    }
}

#[test]
fn a_submission_has_no_malware_flow() {
    for flow in ["malware", " MALWARE"] {
        let update = status_update(&format!(
            r#"{{"callback_event": "eqp_status_update", "update_info": {{"submission_id": "s1",
                "eqp_flow": "{flow}", "current_status": "approved"}}}}"#
        ));
        assert_eq!(update.explicit_status(), None);
        assert_eq!(update.current_status.as_deref(), Some("approved"));
    }
}

#[test]
fn an_unknown_event_is_kept_whole_and_written_back() {
    let json = r#"{"callback_event":"store_moved","update_info":{"to":"mars"},"v":2}"#;
    let callback = decode(json).unwrap();
    assert_eq!(callback.event_code(), "store_moved");
    assert_eq!(serde_json::to_value(&callback).unwrap(), serde_json::from_str::<Value>(json).unwrap());
}

#[test]
fn unknown_fields_survive_a_read_and_a_write() {
    let json = r#"{"callback_event": "malware_scan_complete", "update_info":
        {"file_upload_id": "1.2.0", "tool_result": "pass", "engine": {"name": "clam"}}}"#;
    let written = serde_json::to_value(decode(json).unwrap()).unwrap();
    assert_eq!(written, serde_json::from_str::<Value>(json).unwrap());
}

#[test]
fn says_why_a_body_is_not_a_callback() {
    assert!(matches!(Callback::decode(b"{\"a\": \"\xff\"}"), Err(CallbackError::NotUtf8 { at: 7 })));
    assert!(matches!(decode(""), Err(CallbackError::NotJson(_))));
    assert!(matches!(decode(&"[".repeat(100_000)), Err(CallbackError::NotJson(_))));
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(matches!(decode(&deep), Err(CallbackError::TooDeep)));
    assert!(matches!(decode("[]"), Err(CallbackError::NotAnObject)));
    assert!(matches!(decode("{}"), Err(CallbackError::NoEventCode { source: FieldError::Missing })));
    for (body, reason) in [
        (r#"{"callback_event": null}"#, "`callback_event` is missing"),
        (r#"{"callback_event": 7}"#, "`callback_event` is not text"),
        (r#"{"callback_event": " "}"#, "`callback_event` is empty"),
        (r#"{"callback_event": "eqp_status_update"}"#, "`update_info` of `eqp_status_update` is missing"),
        (
            r#"{"callback_event": "eqp_status_update", "update_info": []}"#,
            "`update_info` of `eqp_status_update` is not an object",
        ),
        (
            r#"{"callback_event": "eqp_status_update", "update_info": {"submission_id": {"a": 1}}}"#,
            "`update_info` of `eqp_status_update`: `submission_id` is neither text nor a number",
        ),
        (
            r#"{"callback_event": "eqp_status_update", "update_info": {"submission_id": true}}"#,
            "`update_info` of `eqp_status_update`: `submission_id` is neither text nor a number",
        ),
        (
            r#"{"callback_event": "eqp_status_update", "update_info": {"submission_id": " "}}"#,
            "`update_info` of `eqp_status_update`: `submission_id` is empty",
        ),
        (
            r#"{"callback_event": "eqp_status_update", "update_info": {"submission_id": []}}"#,
            "`update_info` of `eqp_status_update`: `submission_id` is empty",
        ),
        (
            &format!(
                r#"{{"callback_event": "eqp_status_update", "update_info": {{"submission_id": "{}"}}}}"#,
                "x".repeat(256)
            ),
            "`update_info` of `eqp_status_update`: `submission_id` is longer than 255 bytes (256)",
        ),
        (
            r#"{"callback_event": "malware_scan_complete", "update_info": {"file_upload_id": null}}"#,
            "`update_info` of `malware_scan_complete`: `file_upload_id` is missing",
        ),
        (
            "{\"callback_event\": \"malware_scan_complete\", \
             \"update_info\": {\"file_upload_id\": \"a\\u0000\", \"tool_result\": \"passed\"}}",
            "`update_info` of `malware_scan_complete`: `file_upload_id` contains a control character",
        ),
        (
            r#"{"callback_event": "malware_scan_complete", "update_info": {"file_upload_id": "a", "tool_result": 1}}"#,
            "`update_info` of `malware_scan_complete`: `tool_result` is not text",
        ),
    ] {
        assert_eq!(decode(body).unwrap_err().to_string(), reason, "{body}");
    }
}

#[test]
fn documented_codes_are_recognised_in_any_letter_case_and_between_blanks() {
    let update = status_update(
        r#"{"callback_event": " EQP_Status_Update", "update_info": {"submission_id": "s1",
            "eqp_flow": "Technical ", "current_status": "APPROVED"}}"#,
    );
    assert_eq!(update.explicit_status(), Some((&Flow::Technical, "APPROVED")));
    let scan = decode(
        r#"{"callback_event": "MALWARE_SCAN_COMPLETE", "update_info": {"file_upload_id": "f", "tool_result": "PASS"}}"#,
    );
    assert!(matches!(scan, Ok(Callback::MalwareScanComplete(scan)) if scan.tool_result.has_passed()));
}

#[test]
fn ids_sent_as_numbers_keep_their_digits() {
    for id in ["123456789012345678901234567890", "123456789012345678901234567891", "2309480238.2384750", "1e5", "-7"] {
        let update = status_update(&format!(
            r#"{{"callback_event": "eqp_status_update", "update_info": {{"submission_id": {id}, "item_id": {id}}}}}"#
        ));
        assert_eq!((update.submission_id.as_str(), update.item_id.unwrap().as_str()), (id, id));
    }
}

/// Tests that an unreadable field is missing, and is written back unchanged.
#[test]
fn a_field_that_cannot_be_read_is_missing_and_nothing_else_is() {
    let long = format!("\"{}\"", "x".repeat(256));
    let odd = ["null", "[]", "{}", "true", "1e999", "[[\"approved\"]]", r#"{"technical": ["approved"]}"#, &long]
        .into_iter()
        .chain([r#""""#, r#"" ""#, r#""\ud800""#, r#""a\u0000""#, "12"]);
    for odd in odd {
        let is_number = matches!(odd, "12" | "1e999");
        for field in ["item_id", "eqp_flow", "current_status", "eqp_status", "modified_at"] {
            let fields = [
                ("item_id", r#""i1""#),
                ("eqp_flow", r#""technical""#),
                ("current_status", r#""approved""#),
                ("eqp_status", r#"{"overall": "in_progress", "marketing": "draft"}"#),
                ("modified_at", r#""2022-08-25 19:20:21""#),
            ];
            let fields = fields.map(|(name, json)| format!("\"{name}\": {}", if name == field { odd } else { json }));
            let body = format!(
                r#"{{"callback_event": "eqp_status_update", "update_info": {{"submission_id": "s1", {}}}}}"#,
                fields.join(", ")
            );
            let read = status_update(&body);
            assert_eq!(read.item_id.is_some(), field != "item_id" || is_number, "{body}");
            assert_eq!(read.explicit_status().is_some(), !matches!(field, "eqp_flow" | "current_status"), "{body}");
            let overall = read.eqp_status.as_ref().and_then(|status| status.overall.as_ref());
            assert_eq!(overall.is_some(), field != "eqp_status", "{body}");
            assert_eq!(read.modified_at.is_some(), field != "modified_at", "{body}");
            let written = serde_json::to_string(&Callback::EqpStatusUpdate(read.clone())).unwrap();
            assert_eq!(status_update(&written), read, "{written}");
            let kept = serde_json::from_str::<Value>(odd).ok();
            if let Some(kept) = kept.filter(|_| !is_number || field != "item_id") {
                let written: Value = serde_json::from_str(&written).unwrap();
                assert_eq!(written["update_info"][field], kept, "{body}");
            }
        }
    }
}

#[test]
fn of_a_name_that_comes_twice_the_last_counts() {
    let update = status_update(
        r#"{"callback_event": "a", "callback_event": "eqp_status_update",
            "update_info": {"submission_id": "s1", "submission_id": "s2"}}"#,
    );
    assert_eq!(update.submission_id.as_str(), "s2");
}
