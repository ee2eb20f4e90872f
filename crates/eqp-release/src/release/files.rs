//! Finds the files that the Marketplace already has, so that a run after a crash uploads nothing twice, and uploads the others.

use std::path::PathBuf;

use eqp_types::FileRecord;

use super::error::Error;
use super::local_file::LocalFile;
use super::progress::{Event, Progress, report};
use super::remote_file::{self, RemoteFile};
use super::{Release, Run};
use crate::check::TaskError;
use crate::manifest::FileSource;
use crate::referenced_files::referenced_files;

/// The page size of the list of files.
const PAGE_SIZE: u64 = 100;
/// The maximum number of files that are searched. Uploading a file twice does no harm.
const MAX_FILES: u64 = 10_000;

impl Release {
    /// Searches for every file, first among those of the submission, then in the list of the account.
    pub(super) async fn find_files(&mut self, progress: &mut dyn Progress) -> Result<(), Error> {
        let mut files = self.required_files().await?;
        let referenced = self.submission.as_ref().map(referenced_files).unwrap_or_default();
        for id in referenced {
            if files.iter().all(|one| one.record.is_some()) {
                break;
            }
            match self.client.files().get(&id).await {
                Ok(record) => assign(&mut files, record),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mut offset = 0;
        while offset < MAX_FILES && files.iter().any(|one| one.record.is_none()) {
            let page = self.client.files().list(offset, PAGE_SIZE).await?;
            let count = page.items.len() as u64;
            page.items.into_iter().for_each(|record| assign(&mut files, record));
            offset += count;
            if count < PAGE_SIZE {
                break;
            }
        }
        for one in &files {
            if let (Some(_), Some(id)) = (&one.local, one.id()) {
                report(progress, Event::FileFound { file: &one.name(), id })?;
            }
        }
        self.files = files;
        self.files_observed = true;
        Ok(())
    }

    /// Returns the files of the package without duplicates.
    async fn required_files(&self) -> Result<Vec<RemoteFile>, Error> {
        let mut files: Vec<RemoteFile> = Vec::new();
        for source in self.selected.package.files() {
            match source {
                FileSource::Path(path) => {
                    let is_known = |one: &RemoteFile| one.local.as_ref().is_some_and(|local| local.path == *path);
                    if !files.iter().any(is_known) {
                        files.push(RemoteFile { local: Some(read(path.clone()).await?), record: None });
                    }
                }
                FileSource::Uploaded(id) => {
                    if !files.iter().any(|one| one.id() == Some(id)) {
                        files.push(RemoteFile { local: None, record: Some(self.client.files().get(id).await?) });
                    }
                }
            }
        }
        Ok(files)
    }
}

/// Reads a file on a blocking thread.
pub(super) async fn read(path: PathBuf) -> Result<LocalFile, Error> {
    tokio::task::spawn_blocking(move || LocalFile::read(&path))
        .await
        .map_err(|error| Error::ReadAborted(TaskError(error)))?
}

/// Assigns a record to the first matching file that has none.
fn assign(files: &mut [RemoteFile], record: FileRecord) {
    if files.iter().any(|one| one.id() == Some(&record.file.file_upload_id)) {
        return;
    }
    let is_match =
        |one: &&mut RemoteFile| one.record.is_none() && one.local.as_ref().is_some_and(|local| local.is(&record));
    if let Some(one) = files.iter_mut().find(is_match) {
        one.record = Some(record);
    }
}

impl Run<'_> {
    /// Uploads the missing files in one request.
    pub(super) async fn upload(&mut self) -> Result<(), Error> {
        let missing: Vec<PathBuf> = self
            .release
            .files
            .iter()
            .filter(|one| one.record.is_none())
            .filter_map(|one| one.local.as_ref().map(|local| local.path.clone()))
            .collect();
        let bytes: u64 = missing
            .iter()
            .filter_map(|path| remote_file::at(&self.release.files, path)?.local.as_ref())
            .map(|file| file.bytes)
            .sum();
        self.report(Event::Uploading { files: missing.len(), bytes })?;
        let sent = self.progress.upload(missing.len(), bytes);
        let report_progress = move |file, bytes, total| sent.sent(file, bytes, total);
        let uploaded = self.release.client.files().upload_with_progress(&missing, report_progress).await?;
        for (path, file) in missing.iter().zip(uploaded) {
            let Some(one) =
                self.release.files.iter_mut().find(|one| one.local.as_ref().is_some_and(|l| l.path == *path))
            else {
                continue;
            };
            let id = file.file_upload_id.clone();
            one.set_uploaded(file);
            self.report(Event::Uploaded { path, id: &id })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_record_is_not_two_files() {
        let local = |path: &str| {
            let md5 = "0".repeat(32);
            RemoteFile {
                local: Some(LocalFile { path: path.into(), name: "icon.png".into(), bytes: 3, md5 }),
                record: None,
            }
        };
        let record = |id: &str| -> FileRecord {
            serde_json::from_value(json!({"file_upload_id": id, "filename": "icon.png", "size": 3})).unwrap()
        };
        let mut files = [local("a/icon.png"), local("b/icon.png")];
        assign(&mut files, record("1"));
        assign(&mut files, record("1"));
        assert!(files[0].record.is_some() && files[1].record.is_none());
        assign(&mut files, record("2"));
        assert_eq!(files[1].id().unwrap().as_str(), "2");
    }
}
