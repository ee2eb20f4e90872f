//! The files of a release, and how far each is at the Marketplace.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use eqp_types::{FileRecord, FileUploadId, MalwareStatus, UploadedFile};

use super::local_file::LocalFile;
use super::situation::Files;

/// One file.
#[derive(Clone, Debug)]
pub(super) struct Located {
    /// The file of this machine; none for one that was named by its id.
    pub(super) local: Option<LocalFile>,
    /// What the Marketplace says of it, if it has it.
    pub(super) record: Option<FileRecord>,
}

impl Located {
    /// Its name, for people.
    pub(super) fn name(&self) -> String {
        let shown = self.local.as_ref().map(|local| local.path.display().to_string());
        let known = self.record.as_ref().map(|record| &record.file);
        shown
            .or_else(|| known.and_then(|file| file.filename.clone()))
            .or_else(|| known.map(|file| file.file_upload_id.to_string()))
            .unwrap_or_default()
    }

    /// Its id, if the Marketplace has it.
    pub(super) fn id(&self) -> Option<&FileUploadId> {
        self.record.as_ref().map(|record| &record.file.file_upload_id)
    }

    /// What was just uploaded.
    pub(super) fn uploaded(&mut self, file: UploadedFile) {
        self.record = Some(FileRecord {
            file,
            malware_status: None,
            file_hash: None,
            submission_ids: Vec::new(),
            is_profile_image: None,
            url: None,
        });
    }

    /// Takes what the Marketplace says of it now. Once its scan has passed the checksum may show that it is another
    /// file of the same name and size.
    pub(super) fn heard(&mut self, record: FileRecord) {
        let has_failed = record.malware_status.as_ref().is_some_and(MalwareStatus::has_failed);
        let is_it = has_failed || self.local.as_ref().is_none_or(|local| local.is(&record));
        self.record = is_it.then_some(record);
    }

    /// Its scan has ended, or it is not there.
    pub(super) fn is_settled(&self) -> bool {
        self.record.as_ref().is_none_or(|record| {
            record.malware_status.as_ref().is_some_and(|status| status.has_passed() || status.has_failed())
        })
    }
}

/// How far they are, all together.
pub(super) fn files_of(located: &[Located]) -> Files {
    let is = |told: fn(&MalwareStatus) -> bool| {
        move |one: &Located| one.record.as_ref().and_then(|record| record.malware_status.as_ref()).is_some_and(told)
    };
    if located.iter().any(is(MalwareStatus::has_failed)) {
        Files::Infected
    } else if located.iter().any(|one| one.record.is_none()) {
        Files::Missing
    } else if located.iter().all(is(MalwareStatus::has_passed)) {
        Files::Clean
    } else {
        Files::Scanning
    }
}

/// The ids of the files of this machine, by their paths.
pub(super) fn ids(located: &[Located]) -> HashMap<PathBuf, FileUploadId> {
    let id = |one: &Located| Some((one.local.as_ref()?.path.clone(), one.id()?.clone()));
    located.iter().filter_map(id).collect()
}

/// The file with this path.
pub(super) fn at<'a>(located: &'a [Located], path: &Path) -> Option<&'a Located> {
    located.iter().find(|one| one.local.as_ref().is_some_and(|local| local.path == path))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn file(status: Option<&str>) -> Located {
        let record = json!({"file_upload_id": "1.2.3", "filename": "a.zip", "size": 3, "malware_status": status});
        Located { local: None, record: Some(serde_json::from_value(record).unwrap()) }
    }

    #[test]
    fn all_files_together_are_as_far_as_the_last() {
        let (clean, queued, bad) = (file(Some("pass")), file(Some("queued")), file(Some("fail")));
        let missing = Located { local: None, record: None };
        for (files, state) in [
            (vec![], Files::Clean),
            (vec![clean.clone(), file(Some("passed"))], Files::Clean),
            (vec![clean.clone(), queued.clone()], Files::Scanning),
            (vec![clean.clone(), file(None)], Files::Scanning),
            (vec![queued.clone(), missing.clone()], Files::Missing),
            (vec![missing, bad, queued], Files::Infected),
        ] {
            assert_eq!(files_of(&files), state, "{files:?}");
        }
    }

    #[test]
    fn a_checksum_that_comes_late_can_tell_that_it_is_another_file() {
        let local = LocalFile { path: "a.zip".into(), name: "a.zip".into(), bytes: 3, md5: "a".repeat(32) };
        let mut located = Located { local: Some(local), ..file(Some("in-progress")) };
        let mut record = file(Some("pass")).record.unwrap();
        record.file_hash = Some("b".repeat(32));
        located.heard(record.clone());
        assert!(located.record.is_none());
        record.file_hash = Some("A".repeat(32));
        located.heard(record);
        assert_eq!(files_of(&[located]), Files::Clean);
    }
}
