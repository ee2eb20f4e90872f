//! Compares a listing in a folder with the Marketplace.

use eqp_types::JsonObject;

use super::fields::{FIELDS, Listing, is_same};
use super::folder::{StoredListing, take};

/// The field whose changes need no review.
pub(super) const PRICES: &str = "prices";

/// Where a field was changed since it was last read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeSide {
    /// In the folder.
    Folder,
    /// At the Marketplace, such as in the Developer Portal.
    Marketplace,
    /// In both, to different values.
    Both,
}

/// A field that differs between the folder and the Marketplace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListingChange {
    /// The name of the field in the API.
    pub field: &'static str,
    /// Where it was changed.
    pub side: ChangeSide,
    /// The value in the folder, as JSON. `None` if the folder has none.
    pub folder: Option<String>,
    /// The value at the Marketplace, as JSON. `None` if it has none.
    pub marketplace: Option<String>,
}

impl ListingChange {
    /// Returns whether changing the field at the Marketplace starts a marketing review, during which the product stays in the store.
    /// Only changes of prices do not.
    pub fn starts_review(&self) -> bool {
        self.field != PRICES
    }
}

/// Returns the fields that differ, in the order of their names.
pub fn compare(stored: &StoredListing, live: &Listing) -> Vec<ListingChange> {
    let (here, there, base) = (&stored.edited, live.fields(), &stored.pulled);
    let differ = FIELDS.into_iter().filter(|name| !is_same(here, there, name));
    differ
        .map(|field| ListingChange {
            field,
            side: match (is_same(here, base, field), is_same(there, base, field)) {
                (true, _) => ChangeSide::Marketplace,
                (false, true) => ChangeSide::Folder,
                (false, false) => ChangeSide::Both,
            },
            folder: here.json(field).map(str::to_owned),
            marketplace: there.json(field).map(str::to_owned),
        })
        .collect()
}

/// Returns the fields in the folder after what has changed at the Marketplace was taken over. Fields that were edited are kept, also those
/// that have changed on both sides.
pub fn merge(stored: &StoredListing, live: &Listing) -> JsonObject {
    let mut edited = stored.edited.clone();
    for change in compare(stored, live) {
        if change.side == ChangeSide::Marketplace {
            take(&mut edited, live.fields(), change.field);
        }
    }
    edited
}

#[cfg(test)]
mod tests {
    use eqp_types::{Sku, SubmissionId};

    use super::*;

    fn stored(edited: &str, pulled: &str) -> StoredListing {
        StoredListing {
            edited: serde_json::from_str(edited).unwrap(),
            pulled: serde_json::from_str(pulled).unwrap(),
            submission_id: SubmissionId::new("s5w9k703ru").unwrap(),
        }
    }

    fn live(fields: &str) -> Listing {
        let mut package: serde_json::Map<String, serde_json::Value> = serde_json::from_str(fields).unwrap();
        package.insert("submission_id".to_owned(), "s5w9k703ru".into());
        let package = serde_json::from_value(package.into()).unwrap();
        Listing::of(&Sku::new("acme/checkout").unwrap(), &package).unwrap()
    }

    #[test]
    fn a_change_is_where_the_value_differs_from_what_was_read() {
        use ChangeSide::{Both, Folder, Marketplace};
        let (a, b, c) = (r#"{"name": "a"}"#, r#"{"name": "b"}"#, r#"{"name": "c"}"#);
        for (here, base, there, side) in [
            (a, a, a, None),
            (b, a, a, Some(Folder)),
            (a, a, b, Some(Marketplace)),
            (b, a, b, None),
            (b, a, c, Some(Both)),
            ("{}", a, a, Some(Folder)),
            (a, a, "{}", Some(Marketplace)),
            ("{}", a, b, Some(Both)),
            (a, "{}", "{}", Some(Folder)),
        ] {
            let changes = compare(&stored(here, base), &live(there));
            assert_eq!(changes.first().map(|change| change.side), side, "{here} {base} {there}");
            let merged = merge(&stored(here, base), &live(there));
            let expected = if side == Some(Marketplace) { there } else { here };
            assert_eq!(merged, serde_json::from_str(expected).unwrap(), "{here} {base} {there}");
        }
    }

    #[test]
    fn only_prices_start_no_review_and_differ_by_their_text() {
        let base = r#"{"prices": [{"edition": "CE", "price": 25.5}], "name": "a"}"#;
        let edited = r#"{"prices": [{"price": 25.50, "edition": "CE"}], "name": "b"}"#;
        let changes = compare(&stored(edited, base), &live(base));
        let found: Vec<_> = changes.iter().map(|change| (change.field, change.starts_review())).collect();
        assert_eq!(found, [("name", true), ("prices", false)]);
        let reordered = r#"{"prices":[{"price":25.5,"edition":"CE"}],"name":"\u0061"}"#;
        assert_eq!(compare(&stored(reordered, base), &live(base)), []);
    }
}
