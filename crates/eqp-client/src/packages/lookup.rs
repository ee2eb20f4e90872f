//! Whether a submission that may have been created is there.

use eqp_types::{BatchItem, Package};

use super::Packages;
use crate::Error;

/// The code of a good item.
const DONE: i64 = 200;

impl Packages<'_> {
    /// Finds what `wished` became, by its item id, else by its SKU and version.
    pub(super) async fn find(self, wished: &Package) -> Result<Option<BatchItem>, Error> {
        let found = match (&wished.item_id, &wished.sku, &wished.version) {
            (Some(item), _, _) => self.by_item(item).await?,
            (None, Some(sku), Some(version)) => match self.by_sku(sku, Some(version)).await {
                Ok(found) => found.into_iter().find(|package| package.version.as_ref() == Some(version)),
                Err(error) if error.is_not_found() => None,
                Err(error) => return Err(error),
            },
            _ => None,
        };
        Ok(found.map(as_item))
    }
}

/// Whether [`Packages::find`] can tell.
pub(super) fn can_be_found(wished: &Package) -> bool {
    wished.item_id.is_some() || (wished.sku.is_some() && wished.version.is_some())
}

/// What the lost answer would have said.
fn as_item(package: Package) -> BatchItem {
    BatchItem {
        code: Some(DONE),
        message: Some("found by a look after the answer was lost".to_owned()),
        submission_id: package.submission_id,
        item_id: package.item_id,
        eqp_status: package.eqp_status,
        created_at: package.created_at,
        modified_at: package.modified_at,
        extra: eqp_types::Extra::new(),
    }
}
