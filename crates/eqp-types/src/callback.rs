//! Callbacks: what the Marketplace sends to a registered URL.
//!
//! Both published forms are read: the first, and the one sent since 2022, which adds `modified_at`
//! and, for submissions, the state of all flows. Codes and fields that are not documented are kept whole.
//!
//! A field that cannot be read is missing and stays among the extra fields; only a resource ID is required.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::open_enum::documented;
use crate::raw_fields::{FieldError, RawFields, is_nested_too_deep};
use crate::{EqpStatus, Extra, FileUploadId, Flow, ItemId, MalwareStatus, SubmissionId, Timestamp};

/// One callback, read.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Callback {
    /// The asynchronous malware scan of a file ended.
    MalwareScanComplete(MalwareScanComplete),
    /// The state of a submission changed.
    EqpStatusUpdate(EqpStatusUpdate),
    /// An event code that is not documented.
    Unknown(UnknownCallback),
}

/// `update_info` of `malware_scan_complete`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MalwareScanComplete {
    /// The scanned file.
    pub file_upload_id: FileUploadId,
    /// How the scan ended; no word for a failure is documented.
    pub tool_result: MalwareStatus,
    /// When; in the later form only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<Timestamp>,
    /// Fields that are not documented.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `update_info` of `eqp_status_update`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EqpStatusUpdate {
    /// The submission whose state changed.
    pub submission_id: SubmissionId,
    /// The developer's own id, where one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item_id: Option<ItemId>,
    /// The flow that the callback names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eqp_flow: Option<Flow>,
    /// The named flow's state. Read it with [`EqpStatusUpdate::named_outcome`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_status: Option<String>,
    /// Seen in the place of `current_status`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eqp_state: Option<String>,
    /// The state of all flows; in the later form only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eqp_status: Option<EqpStatus>,
    /// When the package changed (not the flow); in the later form only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<Timestamp>,
    /// Fields that are not documented.
    #[serde(flatten)]
    pub extra: Extra,
}

impl EqpStatusUpdate {
    /// The flow that the callback names and its state, in whichever field it came.
    pub fn named_outcome(&self) -> Option<(&Flow, &str)> {
        let status = self.current_status.as_deref().or(self.eqp_state.as_deref())?;
        Some((self.eqp_flow.as_ref()?, status))
    }
}

/// A callback whose event code is not documented, whole.
#[derive(Clone, Debug, PartialEq)]
pub struct UnknownCallback {
    /// The event code.
    pub callback_event: String,
    /// The whole object, event code included.
    pub body: Extra,
}

/// Why a body is not a callback.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallbackError {
    /// The body is not UTF-8.
    #[error("the body is not UTF-8 (first wrong byte at {at})")]
    NotUtf8 {
        /// Offset of the first byte that is not UTF-8.
        at: usize,
    },
    /// The body is not JSON.
    #[error("the body is not JSON: {0}")]
    NotJson(#[source] serde_json::Error),
    /// The body is nested deeper than 128 levels.
    #[error("the body is nested deeper than {} levels", crate::DEEPEST_JSON)]
    TooDeep,
    /// The body is JSON, but not an object.
    #[error("the body is not a JSON object")]
    NotAnObject,
    /// There is no event code.
    #[error("`callback_event` is missing or not text")]
    NoEventCode,
    /// A documented event without an `update_info`.
    #[error("`update_info` of `{event}` is missing or not an object")]
    NoUpdateInfo {
        /// The event code.
        event: &'static str,
    },
    /// A documented event whose `update_info` lacks what nothing can replace.
    #[error("`update_info` of `{event}`: `{field}` {source}")]
    UpdateInfo {
        /// The event code.
        event: &'static str,
        /// The field that is needed.
        field: &'static str,
        /// Why it cannot be used.
        source: FieldError,
    },
}

const MALWARE_SCAN_COMPLETE: &str = "malware_scan_complete";
const EQP_STATUS_UPDATE: &str = "eqp_status_update";

impl Callback {
    /// Reads a body as it arrived.
    ///
    /// Event codes, flows and statuses that are documented are recognised whatever their letter case and surrounding
    /// whitespace. A field that cannot be read is `None` and stays in `extra`.
    ///
    /// # Errors
    /// Says why the bytes are not a callback: not JSON, no event code, or a documented event without a resource ID (or, for
    /// a file, without a result). An event code that is not documented is not an error.
    pub fn decode(body: &[u8]) -> Result<Self, CallbackError> {
        let text = std::str::from_utf8(body).map_err(|error| CallbackError::NotUtf8 { at: error.valid_up_to() })?;
        let value: &RawValue = serde_json::from_str(text).map_err(CallbackError::NotJson)?;
        if is_nested_too_deep(body) {
            return Err(CallbackError::TooDeep);
        }
        let mut envelope = RawFields::of(value).ok_or(CallbackError::NotAnObject)?;
        let Some(code) = envelope.take_as::<String>("callback_event").filter(|code| !code.trim().is_empty()) else {
            return Err(CallbackError::NoEventCode);
        };
        let Some(event) = documented(&[MALWARE_SCAN_COMPLETE, EQP_STATUS_UPDATE], &code) else {
            let mut body = envelope.rest();
            body.insert("callback_event".to_owned(), code.clone().into());
            return Ok(Self::Unknown(UnknownCallback { callback_event: code, body }));
        };
        let info = envelope.take_raw("update_info").and_then(RawFields::of);
        let info = info.ok_or(CallbackError::NoUpdateInfo { event })?;
        if event == MALWARE_SCAN_COMPLETE {
            MalwareScanComplete::read(info).map(Self::MalwareScanComplete)
        } else {
            EqpStatusUpdate::read(info).map(Self::EqpStatusUpdate)
        }
    }

    /// The event code.
    pub fn event_code(&self) -> &str {
        match self {
            Self::MalwareScanComplete(_) => MALWARE_SCAN_COMPLETE,
            Self::EqpStatusUpdate(_) => EQP_STATUS_UPDATE,
            Self::Unknown(unknown) => &unknown.callback_event,
        }
    }
}

impl MalwareScanComplete {
    fn read(mut fields: RawFields<'_>) -> Result<Self, CallbackError> {
        let (event, field) = (MALWARE_SCAN_COMPLETE, "file_upload_id");
        let file_upload_id = fields.take_id(field).and_then(|id| Ok(FileUploadId::new(id)?));
        let file_upload_id = file_upload_id.map_err(|source| CallbackError::UpdateInfo { event, field, source })?;
        let field = "tool_result";
        let tool_result =
            fields.take_code(field).map_err(|source| CallbackError::UpdateInfo { event, field, source })?;
        Ok(Self {
            file_upload_id,
            tool_result: MalwareStatus::from(tool_result.as_str()),
            modified_at: fields.take_as("modified_at"),
            extra: fields.rest(),
        })
    }
}

impl EqpStatusUpdate {
    fn read(mut fields: RawFields<'_>) -> Result<Self, CallbackError> {
        let (event, field) = (EQP_STATUS_UPDATE, "submission_id");
        let submission_id = fields.take_id(field).and_then(|id| Ok(SubmissionId::new(id)?));
        Ok(Self {
            submission_id: submission_id.map_err(|source| CallbackError::UpdateInfo { event, field, source })?,
            item_id: fields.take_id("item_id").ok().and_then(|id| ItemId::new(id).ok()),
            eqp_flow: fields.take_code("eqp_flow").ok().map(|flow| Flow::from(flow.as_str())),
            current_status: fields.take_code("current_status").ok(),
            eqp_state: fields.take_code("eqp_state").ok(),
            eqp_status: fields.take_raw_object("eqp_status").map(EqpStatus::read),
            modified_at: fields.take_as("modified_at"),
            extra: fields.rest(),
        })
    }
}

impl EqpStatus {
    fn read(mut fields: RawFields<'_>) -> Self {
        let mut flow = |name| fields.take_code(name).ok();
        let (overall, technical, marketing) = (flow("overall"), flow("technical"), flow("marketing"));
        Self {
            overall: overall.map(|status| status.as_str().into()),
            technical: technical.map(|status| status.as_str().into()),
            marketing: marketing.map(|status| status.as_str().into()),
            extra: fields.rest(),
        }
    }
}

impl Serialize for Callback {
    /// Writes the envelope that [`Callback::decode`] reads.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Envelope<'a, T> {
            callback_event: &'a str,
            update_info: &'a T,
        }
        let callback_event = self.event_code();
        match self {
            Self::MalwareScanComplete(update_info) => Envelope { callback_event, update_info }.serialize(serializer),
            Self::EqpStatusUpdate(update_info) => Envelope { callback_event, update_info }.serialize(serializer),
            Self::Unknown(unknown) => unknown.body.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
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
        assert_eq!(update.named_outcome(), Some((&Flow::Marketing, "approved")));
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
        assert_eq!(update.named_outcome(), Some((&Flow::Technical, "rejected")));
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
        assert_eq!(update.named_outcome(), Some((&Flow::Technical, "approved")));
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
        assert!(matches!(decode("{}"), Err(CallbackError::NoEventCode)));
        for (body, reason) in [
            (r#"{"callback_event": 7}"#, "`callback_event` is missing or not text"),
            (r#"{"callback_event": " "}"#, "`callback_event` is missing or not text"),
            (
                r#"{"callback_event": "eqp_status_update", "update_info": []}"#,
                "`update_info` of `eqp_status_update` is missing or not an object",
            ),
            (
                r#"{"callback_event": "eqp_status_update", "update_info": {"submission_id": {"a": 1}}}"#,
                "`update_info` of `eqp_status_update`: `submission_id` has an unexpected type",
            ),
            (
                r#"{"callback_event": "malware_scan_complete", "update_info": {"file_upload_id": null}}"#,
                "`update_info` of `malware_scan_complete`: `file_upload_id` is missing",
            ),
            (
                "{\"callback_event\": \"malware_scan_complete\", \
                 \"update_info\": {\"file_upload_id\": \"a\\u0000\", \"tool_result\": \"passed\"}}",
                "`update_info` of `malware_scan_complete`: `file_upload_id` holds a control character",
            ),
            (
                r#"{"callback_event": "malware_scan_complete", "update_info": {"file_upload_id": "a", "tool_result": 1}}"#,
                "`update_info` of `malware_scan_complete`: `tool_result` has an unexpected type",
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
        assert_eq!(update.named_outcome(), Some((&Flow::Technical, "APPROVED")));
        let scan = decode(
            r#"{"callback_event": "MALWARE_SCAN_COMPLETE", "update_info": {"file_upload_id": "f", "tool_result": "PASS"}}"#,
        );
        assert!(matches!(scan, Ok(Callback::MalwareScanComplete(scan)) if scan.tool_result.has_passed()));
    }

    #[test]
    fn ids_sent_as_numbers_keep_their_digits() {
        for id in
            ["123456789012345678901234567890", "123456789012345678901234567891", "2309480238.2384750", "1e5", "-7"]
        {
            let update = status_update(&format!(
                r#"{{"callback_event": "eqp_status_update", "update_info": {{"submission_id": {id}, "item_id": {id}}}}}"#
            ));
            assert_eq!((update.submission_id.as_str(), update.item_id.unwrap().as_str()), (id, id));
        }
    }

    /// What is odd about one field costs that field, and is written back as it came.
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
                let fields =
                    fields.map(|(name, json)| format!("\"{name}\": {}", if name == field { odd } else { json }));
                let body = format!(
                    r#"{{"callback_event": "eqp_status_update", "update_info": {{"submission_id": "s1", {}}}}}"#,
                    fields.join(", ")
                );
                let read = status_update(&body);
                assert_eq!(read.item_id.is_some(), field != "item_id" || is_number, "{body}");
                assert_eq!(read.named_outcome().is_some(), !matches!(field, "eqp_flow" | "current_status"), "{body}");
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
}
