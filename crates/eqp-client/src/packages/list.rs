use eqp_types::Package;
use futures_util::Stream;

use super::{PackageFilter, Packages};
use crate::Error;
use crate::endpoint::{self, Endpoint};
use crate::page::{Page, STREAMED_AT_ONCE, stream_pages};
use crate::transport::Request;

impl<'a> Packages<'a> {
    /// A page of the submissions that pass `filter`, in its order.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn list(self, filter: &PackageFilter) -> Result<Page<Package>, Error> {
        self.page_of(&endpoint::PACKAGES_LIST, filter).await
    }

    /// All submissions that pass `filter`, in its order and from its offset on, a page in memory at a time.
    ///
    /// The filter's limit is how many are asked for at once (100 if it has none). What is added or removed
    /// meanwhile may be missed or come twice, as the API pages by position: sort by something that stays. The
    /// stream ends after the first error.
    pub fn stream(self, filter: PackageFilter) -> impl Stream<Item = Result<Package, Error>> + Send + use<'a> {
        self.stream_of(&endpoint::PACKAGES_LIST, filter)
    }

    pub(super) fn stream_of(
        self,
        endpoint: &'static Endpoint,
        filter: PackageFilter,
    ) -> impl Stream<Item = Result<Package, Error>> + Send + use<'a> {
        let packages = self;
        let limit = filter.page_limit().unwrap_or(STREAMED_AT_ONCE);
        stream_pages(filter.page_offset(), limit, move |offset, limit| {
            let filter = filter.clone().offset(offset).limit(limit);
            async move { packages.page_of(endpoint, &filter).await }
        })
    }

    pub(super) async fn page_of(
        self,
        endpoint: &'static Endpoint,
        filter: &PackageFilter,
    ) -> Result<Page<Package>, Error> {
        let answer = self.client.call(Request::new(endpoint, &[])?.query(filter.query())).await?;
        Ok(Page { items: answer.json()?, offset: filter.page_offset(), total: answer.total_count() })
    }
}
