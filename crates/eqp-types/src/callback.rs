//! Callbacks: what the Marketplace sends to a registered URL.
//!
//! Both published forms are read: the first, and the one sent since 2022, which adds `modified_at`
//! and, for submissions, the state of all flows. Codes and fields that are not documented are kept whole.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{EqpStatus, Extra, FileUploadId, Flow, ItemId, MalwareStatus, SubmissionId, Timestamp, lenient};

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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MalwareScanComplete {
    /// The scanned file.
    pub file_upload_id: FileUploadId,
    /// How the scan ended; no word for a failure is documented.
    pub tool_result: MalwareStatus,
    /// When; in the later form only.
    #[serde(default, deserialize_with = "lenient::readable", skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<Timestamp>,
    /// Fields that are not documented.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `update_info` of `eqp_status_update`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EqpStatusUpdate {
    /// The submission whose state changed.
    pub submission_id: SubmissionId,
    /// The developer's own id, where one was given.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub item_id: Option<ItemId>,
    /// The flow that the callback names.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub eqp_flow: Option<Flow>,
    /// The named flow's state. Read it with [`EqpStatusUpdate::named_outcome`].
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub current_status: Option<String>,
    /// Seen in the place of `current_status`.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub eqp_state: Option<String>,
    /// The state of all flows; in the later form only.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub eqp_status: Option<EqpStatus>,
    /// When the package changed (not the flow); in the later form only.
    #[serde(default, deserialize_with = "lenient::readable", skip_serializing_if = "Option::is_none")]
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
    /// The body is not JSON, or is nested deeper than 128 levels.
    #[error("the body is not JSON: {0}")]
    NotJson(#[source] serde_json::Error),
    /// The body is JSON, but not an object.
    #[error("the body is not a JSON object")]
    NotAnObject,
    /// There is no event code.
    #[error("`callback_event` is missing or not text")]
    NoEventCode,
    /// A documented event whose `update_info` lacks what the documentation promises.
    #[error("`update_info` of `{event}`: {source}")]
    UpdateInfo {
        /// The event code.
        event: &'static str,
        /// What is missing or wrong.
        source: serde_json::Error,
    },
}

const MALWARE_SCAN_COMPLETE: &str = "malware_scan_complete";
const EQP_STATUS_UPDATE: &str = "eqp_status_update";

impl Callback {
    /// Reads a body as it arrived.
    ///
    /// # Errors
    /// Says why the bytes are not a callback. An undocumented event code is no error.
    pub fn decode(body: &[u8]) -> Result<Self, CallbackError> {
        let text = std::str::from_utf8(body).map_err(|error| CallbackError::NotUtf8 { at: error.valid_up_to() })?;
        let value: Value = serde_json::from_str(text).map_err(CallbackError::NotJson)?;
        let Value::Object(mut envelope) = value else { return Err(CallbackError::NotAnObject) };
        let Some(Value::String(event)) = envelope.get("callback_event") else {
            return Err(CallbackError::NoEventCode);
        };
        match event.as_str() {
            MALWARE_SCAN_COMPLETE => update_info(&mut envelope, MALWARE_SCAN_COMPLETE).map(Self::MalwareScanComplete),
            EQP_STATUS_UPDATE => update_info(&mut envelope, EQP_STATUS_UPDATE).map(Self::EqpStatusUpdate),
            _ => Ok(Self::Unknown(UnknownCallback { callback_event: event.clone(), body: envelope })),
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

fn update_info<T: serde::de::DeserializeOwned>(envelope: &mut Extra, event: &'static str) -> Result<T, CallbackError> {
    let info = envelope.remove("update_info").unwrap_or(Value::Null);
    serde_json::from_value(info).map_err(|source| CallbackError::UpdateInfo { event, source })
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
        assert!(matches!(decode("[]"), Err(CallbackError::NotAnObject)));
        assert!(matches!(decode("{}"), Err(CallbackError::NoEventCode)));
        let error = decode(r#"{"callback_event": "eqp_status_update"}"#).unwrap_err();
        assert!(matches!(error, CallbackError::UpdateInfo { event: "eqp_status_update", .. }), "{error}");
        let nul = "{\"callback_event\": \"malware_scan_complete\", \
             \"update_info\": {\"file_upload_id\": \"a\\u0000\", \"tool_result\": \"passed\"}}";
        assert!(matches!(decode(nul), Err(CallbackError::UpdateInfo { .. })));
    }
}
