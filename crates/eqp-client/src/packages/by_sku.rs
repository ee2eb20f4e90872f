use eqp_types::{Package, Sku};
use futures_util::Stream;

use super::{PackageFilter, Packages, one_or_many};
use crate::page::Page;
use crate::transport::Request;
use crate::{Error, endpoint};

impl<'a> Packages<'a> {
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

    /// All submissions that have a SKU, as [`Packages::stream`] gives them.
    pub fn skus_stream(self, filter: PackageFilter) -> impl Stream<Item = Result<Package, Error>> + Send + use<'a> {
        self.stream_of(&endpoint::PACKAGES_SKUS, filter)
    }
}
