//! The Marketplace's response about one resource, as a run compares it.

use eqp_store::ResourceKind;
use eqp_types::{FileRecord, Package, ResourceRead};
use time::OffsetDateTime;

/// When a request was sent, and when its response had arrived, by our clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadTime {
    pub(super) began_at: OffsetDateTime,
    pub(super) received_at: OffsetDateTime,
}

/// The Marketplace's answer about a submission or a file.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) kind: ResourceKind,
    pub(super) sku: Option<String>,
    pub(super) version: Option<String>,
    pub(super) name: Option<String>,
    pub(super) package_type: Option<String>,
    /// The statuses and times in the response.
    pub(super) report: ResourceRead,
    pub(super) time: ReadTime,
    /// The response as JSON.
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// Reads a package. Returns `None` if it has no status, so that there is nothing to compare.
    pub(super) fn of_package(package: &Package, time: ReadTime) -> Option<Self> {
        let body = serde_json::to_vec(package).ok()?;
        Some(Self {
            kind: ResourceKind::Submission,
            sku: package.sku.as_ref().map(ToString::to_string),
            version: package.version.as_deref().map(storable),
            name: package.name.as_deref().map(storable),
            package_type: package.kind.as_ref().map(|kind| storable(kind.as_str())),
            report: ResourceRead::package(&body).ok()?,
            time,
            body,
        })
    }

    /// Reads a file. Returns `None` if it has no status.
    pub(super) fn of_file(file: &FileRecord, time: ReadTime) -> Option<Self> {
        let body = serde_json::to_vec(file).ok()?;
        Some(Self {
            kind: ResourceKind::File,
            sku: None,
            version: None,
            name: file.file.filename.as_deref().map(storable),
            package_type: None,
            report: ResourceRead::file(&body).ok()?,
            time,
            body,
        })
    }
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

    #[test]
    fn a_package_without_a_status_is_not_compared() {
        let package = |status: &str| -> Package {
            serde_json::from_str(&format!(r#"{{"submission_id": "s1", "sku": "acme/a", "eqp_status": {status}}}"#))
                .unwrap()
        };
        let answer = Answer::of_package(&package(r#"{"overall": "in_progress", "technical": null}"#), TIME).unwrap();
        assert_eq!(answer.report.statuses, [(Flow::Overall, "in_progress".to_owned())]);
        assert_eq!(answer.sku.as_deref(), Some("acme/a"));
        assert!(Answer::of_package(&package("[]"), TIME).is_none());
    }

    #[test]
    fn a_file_has_the_spelling_of_callbacks() {
        let file: FileRecord = serde_json::from_str(r#"{"file_upload_id": "1.2", "malware_status": "pass"}"#).unwrap();
        let answer = Answer::of_file(&file, TIME).unwrap();
        assert_eq!(answer.report.statuses, [(Flow::Malware, "passed".to_owned())]);
    }
}
