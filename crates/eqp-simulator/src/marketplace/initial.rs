//! The initial state, which can contain many packages in different statuses, and the reset to it.

use std::sync::atomic::Ordering;

use eqp_types::{ItemId, MarketingStatus as M, OverallStatus as O, SubmissionId, TechnicalStatus as T, Timestamp};
use serde_json::{Map, Value, json};

use super::Marketplace;
use super::state::{Account, AccountIndex, PackageEntry};
use crate::fault::ActiveFaults;
use crate::review::ReviewStatus;
use crate::rng;

impl Marketplace {
    /// Creates the initial packages.
    pub(super) fn begin(&mut self) {
        self.fill(0, self.behaviour.packages);
    }

    /// Restores the initial state. Accounts keep their access keys, and the clock continues; files, packages, profiles,
    /// registrations, sessions, scheduled events and added faults are removed, and IDs are counted from the beginning.
    pub(crate) fn reset(&mut self) {
        for account in &mut self.accounts {
            *account = Account::new(account.mage_id.clone(), account.api_key.clone());
        }
        self.due.clear();
        self.count = 0;
        self.faults = ActiveFaults::new(self.behaviour.seed, self.behaviour.script.faults.clone());
        self.begin();
        self.generation.fetch_add(1, Ordering::Relaxed);
    }

    /// Creates packages for an account without sending callbacks, each in a status that does not change on its own. The
    /// same seed gives the same packages.
    pub(super) fn fill(&mut self, account: AccountIndex, count: usize) {
        let now = self.now().to_utc();
        for number in 1..=count {
            let id = self.next_number().to_string();
            let chosen = rng::number(self.behaviour.seed, &["package", &id]);
            let letters = rng::letters(self.behaviour.seed, &["submission", &id], 9);
            let submission_id = SubmissionId::new(format!("s{letters}")).expect("letters make an ID");
            let item_id = ItemId::new(format!("package-{number}")).expect("letters and digits make an ID");
            let age = time::Duration::minutes(i64::try_from(count - number + 1).unwrap_or(0));
            let created_at = Timestamp::of(now.saturating_sub(age));
            let entry = PackageEntry {
                item_id: Some(item_id.clone()),
                fields: fields(number, chosen),
                status: at_rest(chosen % 100),
                ..PackageEntry::draft(submission_id.clone(), created_at)
            };
            let owner = &mut self.accounts[account];
            let package = owner.packages.len();
            if entry.status.is_live() {
                owner.launched.insert(entry.text("sku").to_owned(), package);
            }
            owner.by_submission.insert(submission_id.to_string(), package);
            owner.by_item.insert(item_id.to_string(), package);
            owner.packages.push(entry);
        }
    }
}

/// The number of versions of each SKU.
const VERSIONS: usize = 4;
const WORDS: [&str; 8] = ["Badges", "Search", "Checkout", "Carousel", "Wishlist", "Invoices", "Reviews", "Stock"];
const LICENSES: [&str; 4] = ["mit", "osl", "apache", "bsd"];

fn fields(number: usize, chosen: u64) -> Map<String, Value> {
    let one_of = |words: &[&'static str], shift: u32| {
        let length = words.len() as u64;
        words[usize::try_from((chosen >> shift) % length).expect("it is less than a length")]
    };
    let (product, version) = ((number - 1) / VERSIONS, (number - 1) % VERSIONS);
    let word = WORDS[product % WORDS.len()];
    let fields = json!({
        "type": one_of(&["extension", "extension", "extension", "theme", "shared_package"], 8),
        "platform": "M2",
        "name": format!("{word} {product}"),
        "sku": format!("acme/{}-{product}", word.to_lowercase()),
        "version": format!("1.{version}.0"),
        "long_description": format!("{word} for every shop, number {product}."),
        "release_notes": format!("Changes in 1.{version}.0"),
        "license_type": one_of(&LICENSES, 16),
        "stability": one_of(&["stable", "stable", "beta"], 24),
        "pricing_model": {"pricing_type": one_of(&["one-time", "subscription"], 32)},
    });
    match fields {
        Value::Object(fields) => fields,
        _ => unreachable!("it is written as an object"),
    }
}

/// Returns a status that does not change on its own.
fn at_rest(share: u64) -> ReviewStatus {
    let (overall, technical, marketing) = match share {
        0..60 => (O::ReleasedToStore, T::Approved, M::Approved),
        60..75 => (O::Draft, T::Draft, M::Draft),
        75..83 => (O::InProgress, T::Approved, M::Rejected),
        83..90 => (O::InProgress, T::Rejected, M::Approved),
        90..94 => (O::Draft, T::Recalled, M::Recalled),
        94..97 => (O::DeveloperRemovedFromStore, T::Approved, M::Approved),
        _ => (O::CanceledByDeveloper, T::Draft, M::Draft),
    };
    ReviewStatus { overall, technical, marketing }
}
