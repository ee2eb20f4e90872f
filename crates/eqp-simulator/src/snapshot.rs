//! What a simulator looks like at one moment.

use eqp_types::{FileUploadId, ItemId, MageId, MalwareStatus, SubmissionId, Timestamp};

use crate::market::Market;
use crate::review::ReviewStatus;
use crate::sent::Sent;

/// Everything that a test, or a screen, may want to know.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// Every account, in the order in which they were given.
    pub accounts: Vec<AccountSnapshot>,
    /// Every callback sent so far (the newest 10,000).
    pub sent: Vec<Sent>,
}

/// One account at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AccountSnapshot {
    /// The account.
    pub mage_id: MageId,
    /// Where callbacks go.
    pub callback_urls: Vec<String>,
    /// Every file, oldest first.
    pub files: Vec<FileSnapshot>,
    /// Every submission, oldest first.
    pub packages: Vec<PackageSnapshot>,
}

/// One file at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FileSnapshot {
    /// Its id.
    pub file_upload_id: FileUploadId,
    /// The name it was sent with.
    pub filename: String,
    /// How far its scan is.
    pub malware_status: MalwareStatus,
}

/// One submission at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PackageSnapshot {
    /// Its id.
    pub submission_id: SubmissionId,
    /// The developer's own id.
    pub item_id: Option<ItemId>,
    /// Its SKU, or empty text.
    pub sku: String,
    /// How far each flow is.
    pub status: ReviewStatus,
    /// When it last changed, by the wall clock and what was skipped.
    pub modified_at: Timestamp,
}

impl Snapshot {
    pub(crate) fn of(market: &Market, sent: Vec<Sent>) -> Self {
        let accounts = market
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

    /// The submission with this id or item id, of any account.
    pub fn package(&self, id: &str) -> Option<&PackageSnapshot> {
        self.accounts.iter().flat_map(|account| &account.packages).find(|package| {
            package.submission_id.as_str() == id || package.item_id.as_ref().is_some_and(|item| item.as_str() == id)
        })
    }

    /// The file with this id, of any account.
    pub fn file(&self, id: &str) -> Option<&FileSnapshot> {
        self.accounts.iter().flat_map(|account| &account.files).find(|file| file.file_upload_id.as_str() == id)
    }
}
