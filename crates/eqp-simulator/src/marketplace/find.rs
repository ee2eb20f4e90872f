//! Lookups of submissions and files, and pages of lists.

use serde_json::{Map, Value};

use super::Marketplace;
use super::state::{AccountIndex, ListQuery, PackageEntry, PackageIndex, Page};
use crate::error_response::ErrorResponse;
use crate::review::request::{Actions, ReviewAction};

impl Marketplace {
    /// Checks that the path names the account of the session.
    pub(crate) fn check_owner(&self, account: AccountIndex, mage_id: &str) -> Result<(), ErrorResponse> {
        if self.accounts[account].mage_id.as_str() == mage_id {
            return Ok(());
        }
        Err(ErrorResponse::new(http::StatusCode::FORBIDDEN, "The session belongs to another account"))
    }

    /// Returns the submission with this ID.
    pub(crate) fn submission(&self, account: AccountIndex, id: &str) -> Result<&PackageEntry, ErrorResponse> {
        let owner = &self.accounts[account];
        let index = owner.by_submission.get(id).ok_or_else(|| ErrorResponse::not_found("submission", id))?;
        Ok(&owner.packages[*index])
    }

    /// Returns the submission with this item ID.
    pub(crate) fn item(&self, account: AccountIndex, id: &str) -> Result<&PackageEntry, ErrorResponse> {
        let owner = &self.accounts[account];
        let index = owner.by_item.get(id).ok_or_else(|| ErrorResponse::not_found("item", id))?;
        Ok(&owner.packages[*index])
    }

    /// Returns all versions of a SKU in the order of their creation, or only the given one.
    pub(crate) fn packages_of_sku(
        &mut self,
        account: AccountIndex,
        sku: &str,
        version: Option<&str>,
    ) -> Vec<PackageIndex> {
        let packages = &mut self.accounts[account].packages;
        let mut versions = packages.with("sku", sku);
        versions.retain(|package| version.is_none_or(|version| packages[*package].text("version") == version));
        versions
    }

    /// Returns the JSON of all versions of a SKU, or only of the given one.
    pub(crate) fn views_of_sku(&mut self, account: AccountIndex, sku: &str, version: Option<&str>) -> Vec<Value> {
        let versions = self.packages_of_sku(account, sku, version);
        let owner = &self.accounts[account];
        versions.into_iter().map(|package| owner.view(&owner.packages[package])).collect()
    }

    /// Returns a page of packages.
    pub(crate) fn list_packages(&mut self, account: AccountIndex, query: &ListQuery) -> Page {
        let (total, page) = self.accounts[account].packages.select(query);
        let owner = &self.accounts[account];
        Page { total, items: page.into_iter().map(|package| owner.view(&owner.packages[package])).collect() }
    }

    /// Returns a page of files.
    pub(crate) fn list_files(&self, account: AccountIndex, query: &ListQuery) -> Page {
        let owner = &self.accounts[account];
        let items = query.page(owner.files.values()).map(|file| owner.file_record(file, self.base_url())).collect();
        Page { total: owner.files.len(), items }
    }

    /// Rejects a submission without a SKU if an earlier version exists, and one that uses the name of another product.
    /// `package` is the submitted package if it exists already.
    pub(super) fn check_versions(
        &mut self,
        account: AccountIndex,
        package: Option<PackageIndex>,
        fields: &Map<String, Value>,
        asked: Actions,
    ) -> Result<(), ErrorResponse> {
        let submits = |ask: Option<ReviewAction>| ask == Some(ReviewAction::Submit);
        let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
        if text("name").is_empty() || !(submits(asked.technical) || submits(asked.marketing)) {
            return Ok(());
        }
        let packages = &mut self.accounts[account].packages;
        let mut namesakes = packages.with("name", text("name"));
        namesakes.retain(|other| Some(*other) != package && !packages[*other].status.is_at_its_end());
        for other in namesakes.into_iter().map(|other| &packages[other]) {
            let is_other_version = !other.text("sku").is_empty() && other.text("version") != text("version");
            if text("sku").is_empty() && is_other_version && submits(asked.technical) {
                return Err(ErrorResponse::insufficient(
                    "Insufficient information for Technical Submission: sku, because an earlier version exists",
                ));
            }
            let skus_differ = ![other.text("sku"), text("sku")].contains(&"") && other.text("sku") != text("sku");
            if skus_differ && submits(asked.marketing) {
                return Err(ErrorResponse::bad_request(format!("The name is already used by {}", other.text("sku"))));
            }
        }
        Ok(())
    }
}
