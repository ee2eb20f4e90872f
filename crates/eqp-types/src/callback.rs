//! Callbacks: the requests that the Marketplace sends to a registered URL.
//!
//! Both published formats are supported: the older one, and the newer one of 2022, which adds `modified_at` and, for
//! submissions, the status of all flows. Undocumented codes and fields are preserved. A field that cannot be read is
//! `None` and stays in `extra`; only a resource ID (and the result of a file scan) is required.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::code::documented;
use crate::json_error::JsonError;
use crate::raw_fields::{FieldError, RawFields, is_nested_too_deep};
use crate::{
    EqpStatus, Extra, FileUploadId, Flow, ItemId, MalwareStatus, MarketingStatus, OverallStatus, SubmissionId,
    TechnicalStatus, Timestamp,
};

/// A decoded callback.
///
/// ```
/// use eqp_types::{Callback, Flow};
///
/// let body = br#"{"callback_event": "eqp_status_update", "update_info": {
///     "submission_id": "s5w9k703ru", "eqp_flow": "technical", "current_status": "approved"}}"#;
/// let Callback::EqpStatusUpdate(update) = Callback::decode(body)? else { panic!() };
/// assert_eq!(update.explicit_status(), Some((&Flow::Technical, "approved")));
/// # Ok::<(), eqp_types::CallbackError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Callback {
    /// The malware scan of a file has finished.
    MalwareScanComplete(MalwareScanComplete),
    /// The status of a submission has changed.
    EqpStatusUpdate(EqpStatusUpdate),
    /// The event code is not documented.
    Unknown(UnknownCallback),
}

/// `update_info` of `malware_scan_complete`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MalwareScanComplete {
    /// The scanned file.
    pub file_upload_id: FileUploadId,
    /// The result of the scan. The code for a failure is not documented.
    pub tool_result: MalwareStatus,
    /// The time of the result. Only present since 2022.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<Timestamp>,
    /// Fields that are not documented.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `update_info` of `eqp_status_update`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EqpStatusUpdate {
    /// The submission whose status has changed.
    pub submission_id: SubmissionId,
    /// The developer's item ID, if the submission has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item_id: Option<ItemId>,
    /// The flow that the callback is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eqp_flow: Option<Flow>,
    /// The status of that flow. Use [`EqpStatusUpdate::explicit_status`] to read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_status: Option<String>,
    /// Observed instead of `current_status`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eqp_state: Option<String>,
    /// The status of all flows. Only present since 2022.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eqp_status: Option<EqpStatus>,
    /// The time at which the package (not the flow) was changed. Only present since 2022.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<Timestamp>,
    /// Fields that are not documented.
    #[serde(flatten)]
    pub extra: Extra,
}

impl EqpStatusUpdate {
    /// Returns the flow that the callback is about and its status, from either field. `None` for the flow `malware`, which
    /// submissions do not have.
    pub fn explicit_status(&self) -> Option<(&Flow, &str)> {
        let status = self.current_status.as_deref().or(self.eqp_state.as_deref())?;
        let flow = self.eqp_flow.as_ref().filter(|flow| **flow != Flow::Malware)?;
        Some((flow, status))
    }
}

/// A callback with an undocumented event code.
#[derive(Clone, Debug, PartialEq)]
pub struct UnknownCallback {
    /// The event code.
    pub callback_event: String,
    /// The complete object, including the event code.
    pub body: Extra,
}

/// The reason why a body is not a callback.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallbackError {
    /// The body is not UTF-8.
    #[error("the body is not UTF-8 (first invalid byte at offset {at})")]
    NotUtf8 {
        /// The offset of the first byte that is not UTF-8.
        at: usize,
    },
    /// The body is not JSON.
    #[error("the body is not JSON: {0}")]
    NotJson(#[source] JsonError),
    /// The body is nested deeper than 128 levels.
    #[error("the body is nested deeper than {} levels", crate::MAX_JSON_DEPTH)]
    TooDeep,
    /// The body is JSON, but not an object.
    #[error("the body is not a JSON object")]
    NotAnObject,
    /// There is no event code.
    #[error("`callback_event` {source}")]
    NoEventCode {
        /// The reason why it cannot be used.
        source: FieldError,
    },
    /// A documented event without an `update_info`.
    #[error("`update_info` of `{event}` {source}")]
    NoUpdateInfo {
        /// The event code.
        event: &'static str,
        /// The reason why it cannot be used.
        source: FieldError,
    },
    /// A documented event whose `update_info` has no usable value in a required field.
    #[error("`update_info` of `{event}`: `{field}` {source}")]
    UpdateInfo {
        /// The event code.
        event: &'static str,
        /// The required field.
        field: &'static str,
        /// The reason why it cannot be used.
        source: FieldError,
    },
}

const MALWARE_SCAN_COMPLETE: &str = "malware_scan_complete";
const EQP_STATUS_UPDATE: &str = "eqp_status_update";

impl Callback {
    /// Decodes the body of a request.
    ///
    /// Letter case and surrounding whitespace of documented event codes, flows and statuses are ignored. A field that cannot be read
    /// is `None` and stays in `extra`.
    ///
    /// # Errors
    /// [`CallbackError`] if the body is not a JSON object with an event code, or if a documented event has no resource ID (or, for a
    /// file, no result). An undocumented event code is not an error.
    pub fn decode(body: &[u8]) -> Result<Self, CallbackError> {
        let text = std::str::from_utf8(body).map_err(|error| CallbackError::NotUtf8 { at: error.valid_up_to() })?;
        let value: &RawValue = serde_json::from_str(text).map_err(|error| CallbackError::NotJson(error.into()))?;
        if is_nested_too_deep(body) {
            return Err(CallbackError::TooDeep);
        }
        let mut envelope = RawFields::of(value).ok_or(CallbackError::NotAnObject)?;
        let code =
            envelope.take_event_code("callback_event").map_err(|source| CallbackError::NoEventCode { source })?;
        let Some(event) = documented(&[MALWARE_SCAN_COMPLETE, EQP_STATUS_UPDATE], &code) else {
            let mut body = envelope.rest();
            body.insert("callback_event".to_owned(), code.clone().into());
            return Ok(Self::Unknown(UnknownCallback { callback_event: code, body }));
        };
        let info =
            envelope.take_object("update_info").map_err(|source| CallbackError::NoUpdateInfo { event, source })?;
        if event == MALWARE_SCAN_COMPLETE {
            MalwareScanComplete::read(info).map(Self::MalwareScanComplete)
        } else {
            EqpStatusUpdate::read(info).map(Self::EqpStatusUpdate)
        }
    }

    /// Returns the event code.
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
            tool_result: MalwareStatus::read(&tool_result),
            modified_at: fields.take_time("modified_at"),
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
            eqp_flow: fields.take_code("eqp_flow").ok().map(|flow| Flow::read(&flow)),
            current_status: fields.take_code("current_status").ok(),
            eqp_state: fields.take_code("eqp_state").ok(),
            eqp_status: fields.take_raw_object("eqp_status").map(EqpStatus::read),
            modified_at: fields.take_time("modified_at"),
            extra: fields.rest(),
        })
    }
}

impl EqpStatus {
    fn read(mut fields: RawFields<'_>) -> Self {
        let mut flow = |name| fields.take_code(name).ok();
        let (overall, technical, marketing) = (flow("overall"), flow("technical"), flow("marketing"));
        Self {
            overall: overall.map(|status| OverallStatus::read(&status)),
            technical: technical.map(|status| TechnicalStatus::read(&status)),
            marketing: marketing.map(|status| MarketingStatus::read(&status)),
            extra: fields.rest().into(),
        }
    }
}

impl Serialize for Callback {
    /// Serializes the object that [`Callback::decode`] reads.
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
mod tests;
