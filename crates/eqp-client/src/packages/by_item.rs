use eqp_types::{ItemId, Package};
use futures_util::Stream;

use super::{PackageFilter, Packages, one_or_many};
use crate::page::Page;
use crate::transport::Request;
use crate::{Error, endpoint};

impl<'a> Packages<'a> {
    /// The submission with an id of the developer's own, if there is one.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn by_item(self, id: &ItemId) -> Result<Option<Package>, Error> {
        let request = Request::new(&endpoint::PACKAGES_BY_ITEM, &[id.as_str()])?;
        match self.client.call(request).await {
            Ok(answer) => Ok(one_or_many(&answer)?.into_iter().next()),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A page of the submissions that have an id of the developer's own.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn items(self, filter: &PackageFilter) -> Result<Page<Package>, Error> {
        self.page_of(&endpoint::PACKAGES_ITEMS, filter).await
    }

    /// All submissions that have an id of the developer's own, as [`Packages::stream`] gives them.
    pub fn items_stream(self, filter: PackageFilter) -> impl Stream<Item = Result<Package, Error>> + Send + use<'a> {
        self.stream_of(&endpoint::PACKAGES_ITEMS, filter)
    }
}
