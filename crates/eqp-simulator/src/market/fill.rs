//! A Marketplace that has been in use for long: many packages from the start.

use eqp_types::{ItemId, MarketingStatus as M, OverallStatus as O, SubmissionId, TechnicalStatus as T, Timestamp};
use serde_json::{Map, Value, json};

use super::Market;
use super::account::AccountIndex;
use super::package::PackageEntry;
use crate::chance;
use crate::review::ReviewStatus;

/// Each SKU has so many versions.
const VERSIONS: usize = 4;
const WORDS: [&str; 8] = ["Badges", "Search", "Checkout", "Carousel", "Wishlist", "Invoices", "Reviews", "Stock"];
const LICENSES: [&str; 4] = ["mit", "osl", "apache", "bsd"];

impl Market {
    /// Gives an account so many packages, each at rest somewhere in its review; nothing is told of them. The same seed
    /// gives the same packages.
    pub(super) fn fill(&mut self, account: AccountIndex, count: usize) {
        let now = self.now().moment();
        for number in 1..=count {
            let id = self.next_number().to_string();
            let chosen = chance::number(self.manners.seed, &["package", &id]);
            let letters = chance::letters(self.manners.seed, &["submission", &id], 9);
            let ids = (SubmissionId::new(format!("s{letters}")), ItemId::new(format!("package-{number}")));
            // Letters and digits always make an id.
            let (Ok(submission_id), Ok(item_id)) = ids else { continue };
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

fn fields(number: usize, chosen: u64) -> Map<String, Value> {
    let one_of = |words: &[&'static str], shift: u32| {
        let length = words.len() as u64;
        usize::try_from((chosen >> shift) % length).ok().and_then(|at| words.get(at)).copied().unwrap_or_default()
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
        "release_notes": format!("What is new in 1.{version}.0"),
        "license_type": one_of(&LICENSES, 16),
        "stability": one_of(&["stable", "stable", "beta"], 24),
        "pricing_model": {"pricing_type": one_of(&["one-time", "subscription"], 32)},
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// A state in which nothing happens by itself.
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
