//! Looks which files the Marketplace has already, so that a run after a crash uploads nothing twice.

use eqp_types::FileRecord;
use serde_json::json;

use super::Run;
use super::local_file::LocalFile;
use super::located::Located;
use crate::commands::referred_files::referred_files;
use crate::failure::{Exit, Failure, Outcome};
use crate::manifest::FileSource;

/// So many records are asked for at once.
const PAGE: u64 = 100;
/// Of an account with more files only so many are looked through: one that is uploaded twice harms nobody.
const MOST: u64 = 10_000;

impl Run<'_> {
    /// Looks for every file: first among those of the submission, then in the account's list.
    pub(super) async fn find_files(&mut self) -> Outcome {
        let mut located = self.wanted_files().await?;
        let referred = self.submission.as_ref().map(referred_files).unwrap_or_default();
        for id in referred {
            if located.iter().all(|one| one.record.is_some()) {
                break;
            }
            match self.client.files().get(&id).await {
                Ok(record) => assign(&mut located, record),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mut offset = 0;
        while offset < MOST && located.iter().any(|one| one.record.is_none()) {
            let page = self.client.files().list(offset, PAGE).await?;
            let count = page.items.len() as u64;
            page.items.into_iter().for_each(|record| assign(&mut located, record));
            offset += count;
            if count < PAGE {
                break;
            }
        }
        for one in &located {
            if let (Some(_), Some(id)) = (&one.local, one.id()) {
                let text = format!("{} is there already, as {id}", one.name());
                self.progress.done("find", &text, json!({"file": one.name(), "file_upload_id": id}))?;
            }
        }
        self.files = located;
        self.looked_at_files = true;
        Ok(())
    }

    /// The files of the package, each once.
    async fn wanted_files(&self) -> Outcome<Vec<Located>> {
        let mut located: Vec<Located> = Vec::new();
        for source in self.wanted.package.files() {
            match source {
                FileSource::Path(path) => {
                    let is_known = |one: &Located| one.local.as_ref().is_some_and(|local| local.path == *path);
                    if !located.iter().any(is_known) {
                        located.push(Located { local: Some(read(path.clone()).await?), record: None });
                    }
                }
                FileSource::Uploaded(id) => {
                    if !located.iter().any(|one| one.id() == Some(id)) {
                        located.push(Located { local: None, record: Some(self.client.files().get(id).await?) });
                    }
                }
            }
        }
        Ok(located)
    }
}

/// Reads a file on a thread of its own.
pub(super) async fn read(path: std::path::PathBuf) -> Outcome<LocalFile> {
    tokio::task::spawn_blocking(move || LocalFile::read(&path))
        .await
        .map_err(|error| Failure::new(Exit::Failed, "a file was not read").because(&error))?
}

/// Gives a record to the first file that it is, and has none; a record is one file.
fn assign(located: &mut [Located], record: FileRecord) {
    if located.iter().any(|one| one.id() == Some(&record.file.file_upload_id)) {
        return;
    }
    let is_it = |one: &&mut Located| one.record.is_none() && one.local.as_ref().is_some_and(|local| local.is(&record));
    if let Some(one) = located.iter_mut().find(is_it) {
        one.record = Some(record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_record_is_not_two_files() {
        let local = |path: &str| {
            let md5 = "0".repeat(32);
            Located {
                local: Some(LocalFile { path: path.into(), name: "icon.png".into(), bytes: 3, md5 }),
                record: None,
            }
        };
        let record = |id: &str| -> FileRecord {
            serde_json::from_value(json!({"file_upload_id": id, "filename": "icon.png", "size": 3})).unwrap()
        };
        let mut located = [local("a/icon.png"), local("b/icon.png")];
        assign(&mut located, record("1"));
        assign(&mut located, record("1"));
        assert!(located[0].record.is_some() && located[1].record.is_none());
        assign(&mut located, record("2"));
        assert_eq!(located[1].id().unwrap().as_str(), "2");
    }
}
