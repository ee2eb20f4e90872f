//! The fields of a listing, as the Marketplace has them.

use eqp_client::Client;
use eqp_types::{JsonObject, Package, Sku, SubmissionId};
use serde_json::value::RawValue;

use super::error::ListingError;
use crate::previous::newest;
use crate::release::{is_live, versions};

/// The fields of a listing, by their names in the API. All of them can be changed while the product is in the store.
pub(super) const FIELDS: [&str; 14] = [
    "browser_os_compatibility",
    "browsers",
    "categories",
    "custom_license_name",
    "custom_license_url",
    "documentation_artifacts",
    "external_services",
    "license_type",
    "long_description",
    "marketing_options",
    "media_artifacts",
    "name",
    "prices",
    "support_tiers",
];

/// The listing of a product: the fields of the version in the store that people see.
#[derive(Clone, Debug)]
pub struct Listing {
    sku: Sku,
    submission_id: SubmissionId,
    version: Option<String>,
    fields: JsonObject,
}

impl Listing {
    /// Reads the listing of the newest version in the store.
    ///
    /// # Errors
    /// [`ListingError::NotInStore`] if no version is in the store; [`ListingError::Marketplace`] and [`ListingError::Unusable`] if it
    /// cannot be read.
    pub async fn read(client: &Client, sku: &Sku) -> Result<Self, ListingError> {
        let failed = |source| ListingError::Marketplace { sku: sku.clone(), source: Box::new(source) };
        let versions = versions(client, sku).await.map_err(failed)?;
        let live = newest(&versions, None);
        let live = live.ok_or_else(|| ListingError::NotInStore { sku: sku.clone(), versions: versions.len() })?;
        let id = live.submission_id.as_ref().ok_or_else(|| unusable(sku, "it has no submission_id"))?;
        // A list may contain fewer fields.
        Self::of(sku, &client.packages().get(id).await.map_err(failed)?)
    }

    /// Returns the listing of a package. Numbers and unknown parts of the fields stay as they were received.
    ///
    /// # Errors
    /// [`ListingError::Unusable`] if the package has no submission ID.
    pub fn of(sku: &Sku, package: &Package) -> Result<Self, ListingError> {
        let submission_id = package.submission_id.clone().ok_or_else(|| unusable(sku, "it has no submission_id"))?;
        let json = serde_json::to_string(package).map_err(|error| unusable(sku, &error.to_string()))?;
        let all = serde_json::from_str(&json).map_err(|error| unusable(sku, &error.to_string()))?;
        Ok(Self { sku: sku.clone(), submission_id, version: package.version.clone(), fields: selected(&all) })
    }

    /// Returns the same version with other fields.
    pub(super) fn with_fields(self, fields: JsonObject) -> Self {
        Self { fields, ..self }
    }

    /// Returns the product.
    pub fn sku(&self) -> &Sku {
        &self.sku
    }

    /// Returns the submission of the version in the store.
    pub fn submission_id(&self) -> &SubmissionId {
        &self.submission_id
    }

    /// Returns the version in the store.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Returns the fields, by their names in the API.
    pub fn fields(&self) -> &JsonObject {
        &self.fields
    }
}

/// Returns whether a package is a version in the store, and therefore has a listing.
pub fn is_live_version(package: &Package) -> bool {
    package.eqp_status.as_ref().is_some_and(is_live)
}

fn unusable(sku: &Sku, reason: &str) -> ListingError {
    ListingError::Unusable { sku: sku.clone(), reason: reason.to_owned() }
}

/// Returns the fields of a listing. Null means the same as no field.
fn selected(all: &JsonObject) -> JsonObject {
    let mut fields = JsonObject::new();
    for name in FIELDS {
        if let Some(json) = all.json(name).filter(|json| *json != "null") {
            set(&mut fields, name, json);
        }
    }
    fields
}

/// Sets a field to a value that is JSON already.
pub(super) fn set(fields: &mut JsonObject, name: &str, json: &str) {
    let value: &RawValue = serde_json::from_str(json).expect("the text of a field is valid JSON");
    fields.insert(name, &value).expect("a JSON value can be written");
}

/// Returns whether both objects have the same value for a field, or both have none. Numbers are compared by their text.
pub(super) fn is_same(one: &JsonObject, other: &JsonObject, name: &str) -> bool {
    let only = |fields: &JsonObject| {
        let mut only = JsonObject::new();
        if let Some(json) = fields.json(name) {
            set(&mut only, name, json);
        }
        only
    };
    only(one) == only(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_keeps_numbers_and_unknown_parts_as_they_are() {
        let package = r#"{"submission_id": "s5w9k703ru", "version": "1.2.0", "name": "Checkout", "release_notes": "x", "browsers": null,
            "prices": [{"edition": "CE", "price": 75.10, "new": {"b": 1.0}}], "media_artifacts": "unreadable", "sales": 3}"#;
        let listing =
            Listing::of(&Sku::new("acme/checkout").unwrap(), &serde_json::from_str(package).unwrap()).unwrap();
        assert_eq!(listing.fields.names().collect::<Vec<_>>(), ["media_artifacts", "name", "prices"]);
        let prices = listing.fields.json("prices").unwrap();
        assert!(prices.contains("75.10") && prices.contains(r#"{"b": 1.0}"#), "{prices}");
        let without_id = Listing::of(&Sku::new("acme/checkout").unwrap(), &Package::default());
        assert!(matches!(without_id, Err(ListingError::Unusable { .. })));
    }
}
