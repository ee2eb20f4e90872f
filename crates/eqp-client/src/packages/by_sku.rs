use eqp_types::{Package, Sku};

use super::{PackageFilter, Packages, one_or_many};
use crate::page::Page;
use crate::transport::Request;
use crate::{Error, endpoint};

impl Packages<'_> {
    /// All versions of a SKU, or one.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn by_sku(self, sku: &Sku, version: Option<&str>) -> Result<Vec<Package>, Error> {
        let request = Request::new(&endpoint::PACKAGES_BY_SKU, &[sku.as_str()])?
            .query(version.map(|version| ("version", version.to_owned())));
        one_or_many(&self.client.call(request).await?)
    }

    /// A page of the submissions that have a SKU.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn skus(self, filter: &PackageFilter) -> Result<Page<Package>, Error> {
        self.page_of(&endpoint::PACKAGES_SKUS, filter).await
    }
}
