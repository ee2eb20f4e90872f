//! The files of a release and their state at the Marketplace.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use eqp_types::{FileRecord, FileUploadId, MalwareStatus, UploadedFile};

use super::local_file::LocalFile;
use super::observed_state::FilesState;

/// A file of a release.
#[derive(Clone, Debug)]
pub struct RemoteFile {
    /// The local file. `None` if the manifest has the ID of an uploaded file.
    pub(super) local: Option<LocalFile>,
    /// The record, if the file is uploaded.
    pub(super) record: Option<FileRecord>,
}

impl RemoteFile {
    /// Returns a name of the file for messages.
    pub fn name(&self) -> String {
        let path = self.local.as_ref().map(|local| local.path.display().to_string());
        let uploaded = self.record.as_ref().map(|record| &record.file);
        path.or_else(|| uploaded.and_then(|file| file.filename.clone()))
            .or_else(|| uploaded.map(|file| file.file_upload_id.to_string()))
            .expect("a file is local or uploaded")
    }

    /// Returns the ID, if the file is uploaded.
    pub fn id(&self) -> Option<&FileUploadId> {
        self.record.as_ref().map(|record| &record.file.file_upload_id)
    }

    /// Returns the record, if the file is uploaded.
    pub fn record(&self) -> Option<&FileRecord> {
        self.record.as_ref()
    }

    /// Returns whether the scan has failed.
    pub fn is_infected(&self) -> bool {
        let status = self.record.as_ref().and_then(|record| record.malware_status.as_ref());
        status.is_some_and(MalwareStatus::has_failed)
    }

    /// Sets the response to an upload.
    pub(super) fn set_uploaded(&mut self, file: UploadedFile) {
        self.record = Some(FileRecord {
            file,
            malware_status: None,
            file_hash: None,
            submission_ids: Vec::new(),
            is_profile_image: None,
            url: None,
        });
    }

    /// Updates the record. After the scan, the checksum may show that it is another file with the same name and size; such a record is
    /// removed.
    pub(super) fn update(&mut self, record: FileRecord) {
        let has_failed = record.malware_status.as_ref().is_some_and(MalwareStatus::has_failed);
        let is_match = has_failed || self.local.as_ref().is_none_or(|local| local.is(&record));
        self.record = is_match.then_some(record);
    }

    /// Returns whether the scan has finished, or the file is not uploaded.
    pub fn is_scan_finished(&self) -> bool {
        self.record.as_ref().is_none_or(|record| {
            record.malware_status.as_ref().is_some_and(|status| status.has_passed() || status.has_failed())
        })
    }
}

/// Returns the combined state of the files.
pub(super) fn combined_state(files: &[RemoteFile]) -> FilesState {
    let is = |reported: fn(&MalwareStatus) -> bool| {
        move |one: &RemoteFile| {
            one.record.as_ref().and_then(|record| record.malware_status.as_ref()).is_some_and(reported)
        }
    };
    if files.iter().any(is(MalwareStatus::has_failed)) {
        FilesState::Infected
    } else if files.iter().any(|one| one.record.is_none()) {
        FilesState::Missing
    } else if files.iter().all(is(MalwareStatus::has_passed)) {
        FilesState::Clean
    } else {
        FilesState::Scanning
    }
}

/// Returns the IDs of the local files, by path.
pub(super) fn upload_ids(files: &[RemoteFile]) -> HashMap<PathBuf, FileUploadId> {
    let id = |one: &RemoteFile| Some((one.local.as_ref()?.path.clone(), one.id()?.clone()));
    files.iter().filter_map(id).collect()
}

/// Returns the file with this path.
pub(super) fn at<'a>(files: &'a [RemoteFile], path: &Path) -> Option<&'a RemoteFile> {
    files.iter().find(|one| one.local.as_ref().is_some_and(|local| local.path == path))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn file(status: Option<&str>) -> RemoteFile {
        let record = json!({"file_upload_id": "1.2.3", "filename": "a.zip", "size": 3, "malware_status": status});
        RemoteFile { local: None, record: Some(serde_json::from_value(record).unwrap()) }
    }

    #[test]
    fn all_files_together_are_as_far_as_the_last() {
        let (clean, queued, bad) = (file(Some("pass")), file(Some("queued")), file(Some("fail")));
        let missing = RemoteFile { local: None, record: None };
        for (files, state) in [
            (vec![], FilesState::Clean),
            (vec![clean.clone(), file(Some("passed"))], FilesState::Clean),
            (vec![clean.clone(), queued.clone()], FilesState::Scanning),
            (vec![clean.clone(), file(None)], FilesState::Scanning),
            (vec![queued.clone(), missing.clone()], FilesState::Missing),
            (vec![missing, bad, queued], FilesState::Infected),
        ] {
            assert_eq!(combined_state(&files), state, "{files:?}");
        }
    }

    #[test]
    fn a_checksum_that_comes_late_can_tell_that_it_is_another_file() {
        let local = LocalFile { path: "a.zip".into(), name: "a.zip".into(), bytes: 3, md5: "a".repeat(32) };
        let mut files = RemoteFile { local: Some(local), ..file(Some("in-progress")) };
        let mut record = file(Some("pass")).record.unwrap();
        record.file_hash = Some("b".repeat(32));
        files.update(record.clone());
        assert!(files.record.is_none());
        record.file_hash = Some("A".repeat(32));
        files.update(record);
        assert_eq!(combined_state(&[files]), FilesState::Clean);
    }
}
