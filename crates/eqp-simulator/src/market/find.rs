//! Finding what a path names.

use serde_json::Value;

use super::Market;
use super::account::{AccountIndex, PackageIndex};
use super::package::PackageEntry;
use crate::refused::Refused;

impl Market {
    /// The path names the account whose token came with it.
    pub(crate) fn check_owner(&self, account: AccountIndex, mage_id: &str) -> Result<(), Refused> {
        if self.accounts[account].mage_id.as_str() == mage_id {
            return Ok(());
        }
        Err(Refused::new(http::StatusCode::FORBIDDEN, "The session is not this user's"))
    }

    /// A submission by its id.
    pub(crate) fn submission(&self, account: AccountIndex, id: &str) -> Result<&PackageEntry, Refused> {
        let owner = &self.accounts[account];
        let index = owner.by_submission.get(id).ok_or_else(|| Refused::not_found("submission", id))?;
        Ok(&owner.packages[*index])
    }

    /// A submission by the developer's own id.
    pub(crate) fn item(&self, account: AccountIndex, id: &str) -> Result<&PackageEntry, Refused> {
        let owner = &self.accounts[account];
        let index = owner.by_item.get(id).ok_or_else(|| Refused::not_found("item", id))?;
        Ok(&owner.packages[*index])
    }

    /// All versions of a SKU in the order of their creation, or one of them.
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

    /// All versions of a SKU, or one of them, as they are read.
    pub(crate) fn views_of_sku(&mut self, account: AccountIndex, sku: &str, version: Option<&str>) -> Vec<Value> {
        let versions = self.packages_of_sku(account, sku, version);
        let owner = &self.accounts[account];
        versions.into_iter().map(|package| owner.view(&owner.packages[package])).collect()
    }
}
