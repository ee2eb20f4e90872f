//! Finding what a path names.

use super::Market;
use super::account::AccountIndex;
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
        &self,
        account: AccountIndex,
        sku: &str,
        version: Option<&str>,
    ) -> impl Iterator<Item = &PackageEntry> {
        self.accounts[account].packages.iter().filter(move |package| {
            package.text("sku") == sku && version.is_none_or(|version| package.text("version") == version)
        })
    }
}
