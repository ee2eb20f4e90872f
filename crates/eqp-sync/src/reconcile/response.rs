//! The Marketplace's response about one resource, as a run compares it.

use eqp_store::ResourceKind;
use eqp_types::{FileRecord, Package, ResourceRead, ResourceReadError};
use serde::Serialize;
use time::OffsetDateTime;

/// When a request was sent, and when its response had arrived, by our clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadTime {
    pub(super) began_at: OffsetDateTime,
    pub(super) received_at: OffsetDateTime,
}

/// The Marketplace's response about one submission or file.
#[derive(Clone, Debug)]
pub(super) struct ResourceResponse {
    pub(super) kind: ResourceKind,
    pub(super) sku: Option<String>,
    pub(super) version: Option<String>,
    pub(super) name: Option<String>,
    pub(super) package_type: Option<String>,
    pub(super) is_patch: Option<bool>,
    pub(super) artifact_id: Option<String>,
    /// The statuses and times in the response.
    pub(super) report: ResourceRead,
    pub(super) time: ReadTime,
    /// The response as JSON.
    pub(super) body: Vec<u8>,
}

impl ResourceResponse {
    /// Reads a package. Returns `None` if it has no status, so that there is nothing to compare.
    pub(super) fn of_package(package: &Package, time: ReadTime) -> Result<Option<Self>, ResourceReadError> {
        let has_status = package
            .eqp_status
            .as_ref()
            .is_some_and(|status| status.overall.is_some() || status.technical.is_some() || status.marketing.is_some());
        if !has_status {
            return Ok(None);
        }
        let body = to_json(package);
        Ok(Some(Self {
            kind: ResourceKind::Submission,
            sku: package.sku.as_ref().map(ToString::to_string),
            version: package.version.as_deref().map(storable),
            name: package.name.as_deref().map(storable),
            package_type: package.kind.as_ref().map(|kind| storable(kind.as_str())),
            is_patch: package.is_reviewed_as_patch(),
            artifact_id: package.artifact.as_ref().map(|file| file.file_upload_id.to_string()),
            report: ResourceRead::package(&body)?,
            time,
            body,
        }))
    }

    /// Reads the parts of a package that are compared, although another part of it cannot be read.
    pub(super) fn of_unreadable_package(json: String, time: ReadTime) -> Result<Self, ResourceReadError> {
        let body = json.into_bytes();
        Ok(Self {
            kind: ResourceKind::Submission,
            sku: None,
            version: None,
            name: None,
            package_type: None,
            is_patch: None,
            artifact_id: None,
            report: ResourceRead::package(&body)?,
            time,
            body,
        })
    }

    /// Reads a file. Returns `None` if it has no status.
    pub(super) fn of_file(file: &FileRecord, time: ReadTime) -> Result<Option<Self>, ResourceReadError> {
        if file.malware_status.is_none() {
            return Ok(None);
        }
        let body = to_json(file);
        Ok(Some(Self {
            kind: ResourceKind::File,
            sku: None,
            version: None,
            name: file.file.filename.as_deref().map(storable),
            package_type: None,
            is_patch: None,
            artifact_id: None,
            report: ResourceRead::file(&body)?,
            time,
            body,
        }))
    }
}

fn to_json(record: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(record).expect("a record that was read from JSON has text keys only")
}

/// Replaces NUL, which Postgres cannot store in a text.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use eqp_types::Flow;

    use super::*;

    const TIME: ReadTime = ReadTime { began_at: OffsetDateTime::UNIX_EPOCH, received_at: OffsetDateTime::UNIX_EPOCH };

    fn package(json: &str) -> Package {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_package_without_a_status_is_not_compared() {
        let json =
            r#"{"submission_id": "s1", "sku": "acme/a", "eqp_status": {"overall": "in_progress", "technical": null}}"#;
        let response = ResourceResponse::of_package(&package(json), TIME).unwrap().unwrap();
        assert_eq!(response.report.statuses, [(Flow::Overall, "in_progress".to_owned())]);
        assert_eq!(response.sku.as_deref(), Some("acme/a"));
        let json = r#"{"submission_id": "s1", "sku": "acme/a", "eqp_status": []}"#;
        assert!(ResourceResponse::of_package(&package(json), TIME).unwrap().is_none());
    }

    #[test]
    fn the_archive_and_the_kind_of_review_of_a_package_are_known() {
        let json = r#"{"submission_id": "s1", "eqp_status": {"overall": "draft"}, "artifact": {"file_upload_id": "1.2"},
            "process_as_patch": "yes"}"#;
        let response = ResourceResponse::of_package(&package(json), TIME).unwrap().unwrap();
        assert_eq!((response.artifact_id.as_deref(), response.is_patch), (Some("1.2"), Some(true)));
    }

    #[test]
    fn a_package_whose_only_status_is_too_long_cannot_be_read() {
        let json = format!(r#"{{"submission_id": "s1", "eqp_status": {{"overall": "{}"}}}}"#, "x".repeat(100_000));
        let error = ResourceResponse::of_package(&package(&json), TIME).unwrap_err();
        assert_eq!(error.to_string(), "`eqp_status` has no status that can be read");
    }

    #[test]
    fn the_statuses_of_a_package_with_an_invalid_sku_are_read() {
        let json = r#"{"submission_id": "s1", "sku": ["odd"], "eqp_status": {"overall": "approved"}}"#;
        let response = ResourceResponse::of_unreadable_package(json.to_owned(), TIME).unwrap();
        assert_eq!(response.report.statuses, [(Flow::Overall, "approved".to_owned())]);
    }

    #[test]
    fn a_file_has_the_spelling_of_callbacks() {
        let file: FileRecord = serde_json::from_str(r#"{"file_upload_id": "1.2", "malware_status": "pass"}"#).unwrap();
        let response = ResourceResponse::of_file(&file, TIME).unwrap().unwrap();
        assert_eq!(response.report.statuses, [(Flow::Malware, "passed".to_owned())]);
    }
}
