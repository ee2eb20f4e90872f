//! Uploads, and the legacy deletion of files.

use std::collections::BTreeSet;

use eqp_types::{FileUploadId, MalwareStatus};
use serde_json::{Value, json};

use super::Marketplace;
use super::schedule::ScheduledEvent;
use super::state::{AccountIndex, FileEntry, NewFile};
use crate::error_response::ErrorResponse;
use crate::rng;
use crate::script::Scan;

impl Marketplace {
    /// Stores an uploaded file and schedules the end of its scan.
    pub(crate) fn add_file(&mut self, account: AccountIndex, file: NewFile) -> Result<Value, ErrorResponse> {
        let number = self.next_number();
        let labels = ["file", &number.to_string()];
        let seed = self.behaviour.seed;
        let first = 1_000_000_000 + rng::number(seed, &labels) % 9_000_000_000;
        let second = 100_000 + rng::number(seed ^ 1, &labels) % 900_000;
        let id = FileUploadId::new(format!("{first}.{second}.{number}"))
            .map_err(|reason| ErrorResponse::bad_request(format!("the file's id {reason}")))?;
        let scan = self.behaviour.script.scan_of(&file.filename);
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
            let length = self.varied(self.behaviour.script.timing.scan, &["scan", &number.to_string()]);
            self.schedule(length, account, ScheduledEvent::ScanEnds { file: number, passed });
        }
        Ok(answer)
    }

    /// Deletes a file (a legacy call), unless released packages use it: then the response lists those packages.
    pub(crate) fn remove_file(&mut self, account: AccountIndex, id: &str) -> Result<Value, ErrorResponse> {
        let owner = &mut self.accounts[account];
        let number = *owner.file_numbers.get(id).ok_or_else(|| ErrorResponse::not_found("file", id))?;
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
