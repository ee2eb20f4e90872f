//! Packages: `/rest/v1/products/packages`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Extra, FileUploadId, ItemId, MarketingStatus, OverallStatus, Sku, SubmissionId, TechnicalStatus, Timestamp, lenient,
};

/// How far each flow of a submission is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EqpStatus {
    /// The submission as a whole.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub overall: Option<OverallStatus>,
    /// The technical review.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub technical: Option<TechnicalStatus>,
    /// The marketing review.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub marketing: Option<MarketingStatus>,
    /// Flows that are not documented.
    #[serde(flatten)]
    pub extra: Extra,
}

/// What a create or an update asks for, per flow: `draft`, `submit`, `recall`; overall `remove`, `cancel`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actions {
    /// `remove` from the store or `cancel` this version.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub overall: Option<String>,
    /// `draft` (default), `submit` or `recall`.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub technical: Option<String>,
    /// `draft` (default), `submit` or `recall`.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub marketing: Option<String>,
}

impl Actions {
    /// Submits both reviews.
    pub fn submit_both() -> Self {
        Self { overall: None, technical: Some("submit".into()), marketing: Some("submit".into()) }
    }

    /// Submits the marketing review alone.
    pub fn submit_marketing() -> Self {
        Self { marketing: Some("submit".into()), ..Self::default() }
    }
}

/// An uploaded file inside a package; the only field that is read from a request is the id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileReference {
    /// The file.
    pub file_upload_id: FileUploadId,
    /// What else the API shows of it.
    #[serde(flatten)]
    pub extra: Extra,
}

impl FileReference {
    /// Refers to a file that was uploaded.
    pub fn new(file_upload_id: FileUploadId) -> Self {
        Self { file_upload_id, extra: Extra::new() }
    }
}

/// One version of one extension, theme or shared package: as it is read, and as it is sent.
///
/// Every field is optional because a draft may lack it. Read-only fields in a request are ignored by the API.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Package {
    /// The Marketplace's id of this submission.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub submission_id: Option<SubmissionId>,
    /// The developer's own id; unique over all that an account creates.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub item_id: Option<ItemId>,
    /// `extension`, `theme` or `shared_package`.
    #[serde(
        default,
        rename = "type",
        deserialize_with = "lenient::optional_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub kind: Option<String>,
    /// `M2`.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// Read from the archive once its scan passed, so it can appear late.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub sku: Option<Sku>,
    /// As `sku`, read from the archive's `composer.json`.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The title in the store.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// HTML, at most 25,989 characters.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub long_description: Option<String>,
    /// At most 10,000 characters.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub release_notes: Option<String>,
    /// `afl`, `apache`, `bsd`, …, or `custom`.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub license_type: Option<String>,
    /// The archive.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub artifact: Option<FileReference>,
    /// How far each flow is.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub eqp_status: Option<EqpStatus>,
    /// What a request asks for.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub action: Option<Actions>,
    /// What may be asked for now: documented as a comma-separated string, seen as a list per flow.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub actions_now_available: Option<Value>,
    /// When the submission was made.
    #[serde(default, deserialize_with = "lenient::readable", skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When it last changed, in whatever flow.
    #[serde(default, deserialize_with = "lenient::readable", skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<Timestamp>,
    /// Everything else: prices, categories, media, options.
    #[serde(flatten)]
    pub extra: Extra,
}

/// One item of a batch's answer. A bad item has only `code` and `message`: match items by position.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BatchItem {
    /// 200 is success, whatever the HTTP status says.
    #[serde(default, deserialize_with = "lenient::optional_integer", skip_serializing_if = "Option::is_none")]
    pub code: Option<i64>,
    /// The same in words.
    #[serde(default, deserialize_with = "lenient::optional_text", skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The submission, of a good item.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub submission_id: Option<SubmissionId>,
    /// The developer's own id, where one was sent.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub item_id: Option<ItemId>,
    /// How far each flow is now.
    #[serde(default, deserialize_with = "lenient::optional", skip_serializing_if = "Option::is_none")]
    pub eqp_status: Option<EqpStatus>,
    /// When the submission was made.
    #[serde(default, deserialize_with = "lenient::readable", skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When it last changed.
    #[serde(default, deserialize_with = "lenient::readable", skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<Timestamp>,
    /// Fields that are not documented.
    #[serde(flatten)]
    pub extra: Extra,
}

impl BatchItem {
    /// The item was done.
    pub fn is_success(&self) -> bool {
        self.code == Some(200)
    }

    /// Returns whether the item came too early: the malware scan of one of its files has not ended. That is not a rejection;
    /// sent again after the scan it succeeds.
    pub fn is_scan_in_progress(&self) -> bool {
        self.code == Some(crate::ApiError::SCAN_IN_PROGRESS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_objects_sent_as_lists_are_nothing() {
        let package: Package = serde_json::from_str(
            r#"{"submission_id": "s1", "artifact": [], "eqp_status": [], "sku": "", "type": "extension"}"#,
        )
        .unwrap();
        assert_eq!((package.artifact, package.eqp_status, package.sku), (None, None, None));
        assert_eq!(package.kind.as_deref(), Some("extension"));
    }

    #[test]
    fn fields_without_a_name_here_survive() {
        let json = serde_json::json!({"submission_id": "s1", "prices": [{"edition": "CE", "price": "25.00"}],
            "max_version_launched": [], "actions_now_available": {"overall": ["cancel"]}});
        let package: Package = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(serde_json::to_value(package).unwrap(), json);
    }

    #[test]
    fn a_bad_item_has_only_code_and_message() {
        let item: BatchItem = serde_json::from_str(r#"{"code": "1208", "message": "Insufficient"}"#).unwrap();
        assert!(!item.is_success());
        assert_eq!(item.code, Some(1208));
    }
}
