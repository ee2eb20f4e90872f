//! An account with everything that belongs to it.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use eqp_types::{ApiKey, MageId};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::file::FileEntry;
use super::list::Packages;
use super::package::PackageIndex;
use crate::sender::Registration;

/// The position of an account in the list of accounts.
pub(crate) type AccountIndex = usize;

/// An account.
pub(crate) struct Account {
    pub(crate) mage_id: MageId,
    pub(crate) api_key: ApiKey,
    pub(crate) tokens: Tokens,
    /// The profile without `api_callbacks`.
    pub(crate) profile: Map<String, Value>,
    pub(crate) registrations: Vec<Registration>,
    /// Files by number, in the order of their upload.
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

impl Key {
    pub(crate) fn shown(&self) -> Value {
        json!({
            "label": self.label,
            "user_key": self.user,
            "password_key": self.password,
            "is_enabled": self.is_enabled,
            "uid": self.uid,
        })
    }
}

impl Account {
    pub(crate) fn new(mage_id: MageId, api_key: ApiKey) -> Self {
        Self {
            profile: profile_of_a_new_account(&mage_id),
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

    /// Returns the file with this ID.
    pub(crate) fn file(&self, id: &str) -> Option<&FileEntry> {
        self.files.get(self.file_numbers.get(id)?)
    }

    /// Returns the submission with this submission ID or item ID.
    pub(crate) fn package_index(&self, submission_or_item: &str) -> Option<PackageIndex> {
        self.by_submission.get(submission_or_item).or_else(|| self.by_item.get(submission_or_item)).copied()
    }
}

/// The valid session tokens of an account. They expire in real time, as clients expect.
#[derive(Default)]
pub(crate) struct Tokens(HashMap<String, Instant>);

impl Tokens {
    pub(crate) fn add(&mut self, token: String, life: Duration, now: Instant) {
        self.0.retain(|_, end| *end > now);
        self.0.insert(token, now + life);
    }

    /// Ends every token.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Ends one token.
    pub(crate) fn end(&mut self, token: &str) {
        self.0.remove(token);
    }

    pub(crate) fn is_live(&self, token: &str, now: Instant) -> bool {
        self.0.get(token).is_some_and(|end| *end > now)
    }
}

/// Returns the profile of a new account. Empty objects are written as `[]`, as in the API.
fn profile_of_a_new_account(mage_id: &MageId) -> Map<String, Value> {
    let profile = json!({
        "mage_id": mage_id,
        "adobe_user_id": null,
        "first_name": "Ada",
        "last_name": "Vendor",
        "email": "ada@vendor.example",
        "screen_name": "adavendor",
        "has_completed_profile": true,
        "has_accepted_tos": true,
        "profile_image_artifact": [],
        "send_newsletter": false,
        "tos_accepted_version": "1.0",
        "tos_accepted_date": "2020-07-21 8:09:10",
        "is_company": true,
        "vendor_name": "acme",
        "partner_level": 4,
        "locale": "en_US",
        "timezone": "UTC",
        "payment_type": 1,
        "payment_info": "{}",
        "taxpayer_type": 2,
        "tax_review_status": 3,
        "tax_withhold_percent": 0,
        "extension_share_percent": 85,
        "theme_share_percent": 85,
        "install_share_percent": 85,
        "support_share_percent": 85,
        "privacy_policy_url": "",
        "personal_profile": {
            "bio": "", "last_logged_in": "", "created_at": "2020-07-21 8:09:10",
            "modified_at": "2020-07-21 8:09:10", "social_media_info": [], "addresses": [],
        },
        "company_profile": {
            "name": "Acme", "bio": "", "website_url": "https://vendor.example", "primary_email": "ada@vendor.example",
            "support_email": "", "social_media_info": [], "addresses": [],
        },
        "organizations": [{"org_id": 1_234_567, "org_name": "Acme"}],
        "eqp_api": {"is_eligible": true, "has_credentials": true},
    });
    match profile {
        Value::Object(profile) => profile,
        _ => unreachable!("it is written as an object"),
    }
}
