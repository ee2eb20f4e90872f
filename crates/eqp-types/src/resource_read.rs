//! Reads the status of a submission or a file, field by field, from the JSON of the API.
//!
//! [`Package`](crate::Package) and [`FileRecord`](crate::FileRecord) represent the whole object and reject some unexpected types. This
//! module reads only what a status report needs, with the tolerance of [`Callback::decode`](crate::Callback::decode).

use serde_json::value::RawValue;

use crate::raw_fields::{FieldError, RawFields, is_nested_too_deep};
use crate::{FileUploadId, Flow, ItemId, SubmissionId, Timestamp, canonical_status};

/// The status of a submission or a file, as the API reports it.
///
/// ```
/// use eqp_types::{Flow, ResourceRead};
///
/// let json = br#"{"submission_id": "s5w9k703ru", "modified_at": "2022-08-25 19:20:21",
///     "eqp_status": {"overall": "in_progress", "technical": "Approved"}}"#;
/// let read = ResourceRead::package(json)?;
/// assert_eq!(read.statuses, [(Flow::Overall, "in_progress".into()), (Flow::Technical, "approved".into())]);
/// # Ok::<(), eqp_types::ResourceReadError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResourceRead {
    /// The `submission_id` or the `file_upload_id`.
    pub resource_id: String,
    /// The developer's item ID of a submission, if it has one.
    pub item_id: Option<ItemId>,
    /// When the resource was created.
    pub created_at: Option<Timestamp>,
    /// When the resource last changed, in any flow. Files have no such time.
    pub modified_at: Option<Timestamp>,
    /// The flows whose status can be read, with the status in its canonical spelling. Never empty.
    pub statuses: Vec<(Flow, String)>,
}

/// The reason why a response of the API is not a status report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResourceReadError {
    /// The text is not UTF-8 or not JSON.
    #[error("it is not JSON")]
    NotJson,
    /// The text is nested deeper than 128 levels.
    #[error("it is nested deeper than {} levels", crate::MAX_JSON_DEPTH)]
    TooDeep,
    /// The text is JSON, but not an object.
    #[error("it is not a JSON object")]
    NotAnObject,
    /// The ID of the resource cannot be used.
    #[error("`{field}` {source}")]
    Id {
        /// The field with the ID.
        field: &'static str,
        /// The reason why it cannot be used.
        source: FieldError,
    },
    /// No status can be read.
    #[error("`{field}` has no status that can be read")]
    NoStatus {
        /// The field with the status.
        field: &'static str,
    },
}

impl ResourceRead {
    /// Reads the object that the API returns for a package.
    ///
    /// # Errors
    /// [`ResourceReadError`] if the text is not a JSON object with a `submission_id`, or if no status in `eqp_status` can be read.
    pub fn package(json: &[u8]) -> Result<Self, ResourceReadError> {
        let mut fields = object(json)?;
        let field = "submission_id";
        let id = fields.take_id(field).and_then(|id| Ok(SubmissionId::new(id)?));
        let id = id.map_err(|source| ResourceReadError::Id { field, source })?;
        let mut flows =
            fields.take_raw_object("eqp_status").ok_or(ResourceReadError::NoStatus { field: "eqp_status" })?;
        let mut statuses = Vec::new();
        for flow in [Flow::Overall, Flow::Technical, Flow::Marketing] {
            if let Ok(status) = flows.take_code(flow.as_str()) {
                let status = canonical_status(&flow, &status).to_owned();
                statuses.push((flow, status));
            }
        }
        if statuses.is_empty() {
            return Err(ResourceReadError::NoStatus { field: "eqp_status" });
        }
        Ok(Self {
            resource_id: id.as_str().to_owned(),
            item_id: fields.take_id("item_id").ok().and_then(|id| ItemId::new(id).ok()),
            created_at: fields.take_time("created_at"),
            modified_at: fields.take_time("modified_at"),
            statuses,
        })
    }

    /// Reads the record that the API returns for a file.
    ///
    /// # Errors
    /// [`ResourceReadError`] if the text is not a JSON object with a `file_upload_id`, or if `malware_status` cannot be read.
    pub fn file(json: &[u8]) -> Result<Self, ResourceReadError> {
        let mut fields = object(json)?;
        let field = "file_upload_id";
        let id = fields.take_id(field).and_then(|id| Ok(FileUploadId::new(id)?));
        let id = id.map_err(|source| ResourceReadError::Id { field, source })?;
        let field = "malware_status";
        let status = fields.take_code(field).map_err(|_| ResourceReadError::NoStatus { field })?;
        Ok(Self {
            resource_id: id.as_str().to_owned(),
            item_id: None,
            created_at: fields.take_time("created_at"),
            modified_at: fields.take_time("modified_at"),
            statuses: vec![(Flow::Malware, canonical_status(&Flow::Malware, &status).to_owned())],
        })
    }
}

fn object(json: &[u8]) -> Result<RawFields<'_>, ResourceReadError> {
    let text = std::str::from_utf8(json).map_err(|_| ResourceReadError::NotJson)?;
    let value: &RawValue = serde_json::from_str(text).map_err(|_| ResourceReadError::NotJson)?;
    if is_nested_too_deep(json) {
        return Err(ResourceReadError::TooDeep);
    }
    RawFields::of(value).ok_or(ResourceReadError::NotAnObject)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_read_field_by_field() {
        let read = ResourceRead::package(
            br#"{"submission_id": 12345678901234567890123, "item_id": "i1", "created_at": "0000-00-00 00:00:00",
                 "modified_at": "2020-07-21 8:09:10", "sku": ["odd"],
                 "eqp_status": {"overall": " IN_PROGRESS", "technical": {}, "marketing": "On the moon", "legal": "draft"}}"#,
        );
        let read = read.unwrap();
        assert_eq!(read.resource_id, "12345678901234567890123");
        assert_eq!(read.item_id.unwrap().as_str(), "i1");
        assert_eq!((read.created_at, read.modified_at.unwrap().to_string()), (None, "2020-07-21 08:09:10".to_owned()));
        let statuses = [(Flow::Overall, "in_progress".to_owned()), (Flow::Marketing, "On the moon".to_owned())];
        assert_eq!(read.statuses, statuses);
    }

    #[test]
    fn both_spellings_of_a_scan_result_are_equal() {
        let file = |status: &str| {
            ResourceRead::file(format!(r#"{{"file_upload_id": "1.2.0", "malware_status": "{status}"}}"#).as_bytes())
        };
        assert_eq!(file("pass"), file("passed"));
        assert_eq!(file("in-progress").unwrap().statuses, [(Flow::Malware, "in-progress".to_owned())]);
    }

    #[test]
    fn an_answer_without_an_id_or_a_status_is_not_a_report() {
        for (json, why) in [
            (&b"\xff"[..], "it is not JSON"),
            (b"<html>", "it is not JSON"),
            (b"[]", "it is not a JSON object"),
            (br#"{"code": 1208, "message": "no"}"#, "`submission_id` is missing"),
            (br#"{"submission_id": "s"}"#, "`eqp_status` has no status that can be read"),
            (br#"{"submission_id": "s", "eqp_status": []}"#, "`eqp_status` has no status that can be read"),
            (br#"{"submission_id": "s", "eqp_status": {"overall": "a\u0007"}}"#, "`eqp_status` has no status"),
        ] {
            let error = ResourceRead::package(json).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        let uploaded = br#"{"file_upload_id": "1.2.0", "malware_status": ""}"#;
        assert_eq!(ResourceRead::file(uploaded), Err(ResourceReadError::NoStatus { field: "malware_status" }));
        let deep = format!(r#"{{"submission_id": "s", "x": {}{}}}"#, "[".repeat(200), "]".repeat(200));
        assert_eq!(ResourceRead::package(deep.as_bytes()), Err(ResourceReadError::TooDeep));
    }
}
