//! Snapshots of the state of a simulator.

use eqp_types::{FileUploadId, ItemId, MageId, MalwareStatus, SubmissionId, Timestamp};

use crate::marketplace::Marketplace;
use crate::review::ReviewStatus;
use crate::sent::Sent;

/// The state of a simulator at one time.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// Every account, in the order in which they were configured.
    pub accounts: Vec<AccountSnapshot>,
    /// Every callback sent so far (the newest 10,000).
    pub sent: Vec<Sent>,
}

/// The state of an account.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AccountSnapshot {
    /// The ID of the account.
    pub mage_id: MageId,
    /// The URLs of the registered callbacks.
    pub callback_urls: Vec<String>,
    /// Every file, oldest first.
    pub files: Vec<FileSnapshot>,
    /// Every submission, oldest first.
    pub packages: Vec<PackageSnapshot>,
}

/// The state of an uploaded file.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FileSnapshot {
    /// The ID of the file.
    pub file_upload_id: FileUploadId,
    /// The name with which the file was uploaded.
    pub filename: String,
    /// The status of the malware scan.
    pub malware_status: MalwareStatus,
}

/// The state of a submission.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PackageSnapshot {
    /// The Marketplace's ID of the submission.
    pub submission_id: SubmissionId,
    /// The developer's item ID of the submission.
    pub item_id: Option<ItemId>,
    /// The SKU; empty if it is not known yet.
    pub sku: String,
    /// The status of each flow.
    pub status: ReviewStatus,
    /// The time of the last change, by the wall clock plus any time that was skipped.
    pub modified_at: Timestamp,
}

impl Snapshot {
    pub(crate) fn of(marketplace: &Marketplace, sent: Vec<Sent>) -> Self {
        let accounts = marketplace
            .accounts
            .iter()
            .map(|account| AccountSnapshot {
                mage_id: account.mage_id.clone(),
                callback_urls: account.registrations.iter().map(|registration| registration.url.clone()).collect(),
                files: account
                    .files
                    .values()
                    .map(|file| FileSnapshot {
                        file_upload_id: file.id.clone(),
                        filename: file.file.filename.clone(),
                        malware_status: file.malware_status.clone(),
                    })
                    .collect(),
                packages: account
                    .packages
                    .iter()
                    .map(|package| PackageSnapshot {
                        submission_id: package.submission_id.clone(),
                        item_id: package.item_id.clone(),
                        sku: package.text("sku").to_owned(),
                        status: package.status.clone(),
                        modified_at: package.modified_at,
                    })
                    .collect(),
            })
            .collect();
        Self { accounts, sent }
    }

    /// Returns the submission of any account that has this submission ID or item ID.
    pub fn package(&self, id: &str) -> Option<&PackageSnapshot> {
        self.accounts.iter().flat_map(|account| &account.packages).find(|package| {
            package.submission_id.as_str() == id || package.item_id.as_ref().is_some_and(|item| item.as_str() == id)
        })
    }

    /// Returns the file of any account that has this ID.
    pub fn file(&self, id: &str) -> Option<&FileSnapshot> {
        self.accounts.iter().flat_map(|account| &account.files).find(|file| file.file_upload_id.as_str() == id)
    }
}
