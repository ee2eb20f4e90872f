//! Uploaded files: `/rest/v1/files/uploads`.

use serde::{Deserialize, Serialize};

use crate::{Extra, FileUploadId, MalwareStatus, SubmissionId, lenient};

/// One item of the response to an upload. The malware scan starts afterwards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UploadedFile {
    /// The ID of the file.
    pub file_upload_id: FileUploadId,
    /// The name that the file was uploaded with.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// The content type. The documentation also spells the field `content-type`.
    #[serde(
        default,
        alias = "content-type",
        deserialize_with = "lenient::optional_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub content_type: Option<String>,
    /// The size in bytes.
    #[serde(default, deserialize_with = "lenient::optional_integer", skip_serializing_if = "Option::is_none")]
    pub size: Option<i64>,
    /// Fields that are not documented.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The record of an uploaded file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(from = "FlatRecord")]
#[cfg_attr(feature = "schema", schemars(!from))]
pub struct FileRecord {
    /// The fields that the response to the upload contains too.
    #[serde(flatten)]
    pub file: UploadedFile,
    /// The status of the malware scan. A submission is reviewed only after all its files have passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub malware_status: Option<MalwareStatus>,
    /// A checksum of 32 or 40 hex digits, only present after the scan has passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_hash: Option<String>,
    /// The submissions that refer to the file.
    pub submission_ids: Vec<SubmissionId>,
    /// Whether the file is the image of a profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_profile_image: Option<bool>,
    /// The URL of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// The fields of a [`FileRecord`] without nesting. serde does not report the path of an error in a flattened struct.
#[derive(Deserialize)]
struct FlatRecord {
    file_upload_id: FileUploadId,
    #[serde(default, deserialize_with = "lenient::optional_text")]
    filename: Option<String>,
    #[serde(default, alias = "content-type", deserialize_with = "lenient::optional_text")]
    content_type: Option<String>,
    #[serde(default, deserialize_with = "lenient::optional_integer")]
    size: Option<i64>,
    #[serde(default, deserialize_with = "lenient::optional")]
    malware_status: Option<MalwareStatus>,
    #[serde(default, deserialize_with = "lenient::optional_text")]
    file_hash: Option<String>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    submission_ids: Vec<SubmissionId>,
    #[serde(default, deserialize_with = "lenient::optional_bool")]
    is_profile_image: Option<bool>,
    #[serde(default, deserialize_with = "lenient::optional_text")]
    url: Option<String>,
    #[serde(flatten)]
    extra: Extra,
}

impl From<FlatRecord> for FileRecord {
    fn from(flat: FlatRecord) -> Self {
        let FlatRecord { file_upload_id, filename, content_type, size, extra, .. } = flat;
        Self {
            file: UploadedFile { file_upload_id, filename, content_type, size, extra },
            malware_status: flat.malware_status,
            file_hash: flat.file_hash,
            submission_ids: flat.submission_ids,
            is_profile_image: flat.is_profile_image,
            url: flat.url,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_spellings_of_the_content_type() {
        for field in ["content_type", "content-type"] {
            let json = format!(
                r#"{{"filename": "a.zip", "{field}": "application/zip", "size": "12", "file_upload_id": "1.2.0"}}"#
            );
            let file: UploadedFile = serde_json::from_str(&json).unwrap();
            assert_eq!((file.content_type.as_deref(), file.size), (Some("application/zip"), Some(12)));
        }
    }

    #[test]
    fn reads_a_record_and_keeps_what_it_does_not_know() {
        let record: FileRecord = serde_json::from_str(
            r#"{"file_upload_id": "1.2.0", "malware_status": "in-progress", "submission_ids": "", "file_hash": null, "shelf": 3}"#,
        )
        .unwrap();
        assert_eq!(record.malware_status, Some(MalwareStatus::InProgress));
        assert_eq!(record.submission_ids, []);
        assert_eq!(record.file.extra["shelf"], 3);
    }
}
