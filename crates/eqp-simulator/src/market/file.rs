//! Uploaded files.

use std::collections::BTreeSet;

use eqp_types::{FileUploadId, MalwareStatus};
use serde_json::{Value, json};

use super::account::{AccountIndex, PackageIndex};
use super::course::Happening;
use super::{Account, Market};
use crate::chance;
use crate::refused::Refused;
use crate::script::Scan;

/// What an upload brought: all that is kept of it.
#[derive(Clone, Debug)]
pub(crate) struct NewFile {
    pub(crate) filename: String,
    pub(crate) content_type: String,
    pub(crate) size: u64,
    pub(crate) md5: String,
    /// What the archive's composer.json says, where there is one.
    pub(crate) composer: Option<Composer>,
}

/// Name and version of a package, as its archive says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Composer {
    pub(crate) name: Option<String>,
    pub(crate) version: Option<String>,
}

/// A file as it is remembered.
#[derive(Clone, Debug)]
pub(crate) struct FileEntry {
    pub(crate) id: FileUploadId,
    pub(crate) file: NewFile,
    pub(crate) malware_status: MalwareStatus,
    pub(crate) packages: BTreeSet<PackageIndex>,
}

impl FileEntry {
    /// What the upload answers.
    pub(crate) fn as_uploaded(&self) -> Value {
        json!({
            "filename": self.file.filename,
            "content_type": self.file.content_type,
            "size": self.file.size,
            "file_upload_id": self.id,
        })
    }

    /// The record, as it is read later.
    pub(crate) fn as_record(&self, account: &Account, base_url: &str) -> Value {
        let submissions: Vec<_> =
            self.packages.iter().filter_map(|index| account.packages.get(*index)).map(|p| &p.submission_id).collect();
        json!({
            "file_upload_id": self.id,
            "filename": self.file.filename,
            "content_type": self.file.content_type,
            "size": self.file.size,
            "malware_status": self.malware_status,
            "file_hash": self.malware_status.has_passed().then_some(&self.file.md5),
            "submission_ids": submissions,
            "is_profile_image": false,
            "url": format!("{base_url}/rest/v1/files/uploads/{}", self.id),
        })
    }
}

impl Market {
    /// Takes a file; its scan begins.
    pub(crate) fn add_file(&mut self, account: AccountIndex, file: NewFile) -> Result<Value, Refused> {
        let number = self.next_number();
        let words = ["file", &number.to_string()];
        let seed = self.manners.seed;
        let first = 1_000_000_000 + chance::number(seed, &words) % 9_000_000_000;
        let second = 100_000 + chance::number(seed ^ 1, &words) % 900_000;
        let id = FileUploadId::new(format!("{first}.{second}.{number}"))
            .map_err(|reason| Refused::bad_request(format!("the file's id {reason}")))?;
        let scan = self.manners.script.scan_of(&file.filename);
        let entry =
            FileEntry { id: id.clone(), file, malware_status: MalwareStatus::InProgress, packages: BTreeSet::new() };
        let answer = entry.as_uploaded();
        let owner = &mut self.accounts[account];
        owner.file_numbers.insert(id.to_string(), number);
        owner.files.insert(number, entry);
        let passed = match scan {
            Scan::Passes => Some(true),
            Scan::Fails => Some(false),
            Scan::NeverEnds => None,
        };
        if let Some(passed) = passed {
            let length = self.varied(self.manners.script.pace.scan, &["scan", &number.to_string()]);
            self.schedule(length, account, Happening::ScanEnds { file: number, passed });
        }
        Ok(answer)
    }

    /// The legacy deletion: refuses, submission by submission, what is live in the store.
    pub(crate) fn remove_file(&mut self, account: AccountIndex, id: &str) -> Result<Value, Refused> {
        let owner = &mut self.accounts[account];
        let number = *owner.file_numbers.get(id).ok_or_else(|| Refused::not_found("file", id))?;
        let live: Vec<Value> = owner
            .files
            .get(&number)
            .into_iter()
            .flat_map(|file| &file.packages)
            .filter_map(|index| owner.packages.get(*index))
            .filter(|package| package.status.is_live())
            .map(|package| {
                json!({
                    "submission_id": package.submission_id,
                    "code": eqp_types::ApiError::PACKAGE_LIVE_IN_STORE,
                    "message": "Package live in store",
                })
            })
            .collect();
        if live.is_empty() {
            owner.files.remove(&number);
            owner.file_numbers.remove(id);
        }
        Ok(Value::Array(live))
    }
}
