//! One account: who it is, and everything it owns.

use std::collections::{BTreeMap, HashMap};

use eqp_types::{ApiKey, MageId};
use serde_json::{Map, Value};

use super::file::FileEntry;
use super::list::Packages;
use super::profile;
use super::session::Tokens;
use crate::sender::Registration;

/// Which of the accounts.
pub(crate) type AccountIndex = usize;
/// Which of an account's packages.
pub(crate) type PackageIndex = usize;

/// One account.
pub(crate) struct Account {
    pub(crate) mage_id: MageId,
    pub(crate) api_key: ApiKey,
    pub(crate) tokens: Tokens,
    /// The profile but for `api_callbacks`.
    pub(crate) profile: Map<String, Value>,
    pub(crate) registrations: Vec<Registration>,
    /// Files by number, so that a removed one leaves no gap in the order.
    pub(crate) files: BTreeMap<u64, FileEntry>,
    pub(crate) file_numbers: HashMap<String, u64>,
    pub(crate) packages: Packages,
    pub(crate) by_submission: HashMap<String, PackageIndex>,
    pub(crate) by_item: HashMap<String, PackageIndex>,
    /// The newest released package of each SKU.
    pub(crate) launched: HashMap<String, PackageIndex>,
    pub(crate) keys: Vec<Key>,
}

/// A Composer key.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) label: String,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) is_enabled: bool,
    pub(crate) uid: String,
}

impl Account {
    pub(crate) fn new(mage_id: MageId, api_key: ApiKey) -> Self {
        Self {
            profile: profile::of_a_new_account(&mage_id),
            mage_id,
            api_key,
            tokens: Tokens::default(),
            registrations: Vec::new(),
            files: BTreeMap::new(),
            file_numbers: HashMap::new(),
            packages: Packages::default(),
            by_submission: HashMap::new(),
            by_item: HashMap::new(),
            launched: HashMap::new(),
            keys: Vec::new(),
        }
    }

    /// The file with this id.
    pub(crate) fn file(&self, id: &str) -> Option<&FileEntry> {
        self.files.get(self.file_numbers.get(id)?)
    }

    /// The submission with this id, or with this item id.
    pub(crate) fn package_index(&self, submission_or_item: &str) -> Option<PackageIndex> {
        self.by_submission.get(submission_or_item).or_else(|| self.by_item.get(submission_or_item)).copied()
    }
}
