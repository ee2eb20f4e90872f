//! Submissions of packages: `/products/packages`.

mod create;
mod filter;

pub use filter::{PackageField, PackageFilter};

use eqp_types::calls::{self, ApiCall};
use eqp_types::{BatchItem, ItemId, Package, PackageUpdate, Sku, SubmissionId};
use futures_util::Stream;
use serde_json::Value;

use crate::answer::Answer;
use crate::page::{Page, STREAM_PAGE_SIZE, stream_pages};
use crate::transport::Request;
use crate::{Client, Error};

/// The calls for submissions of packages. Returned by [`Client::packages`].
#[derive(Clone, Copy, Debug)]
pub struct Packages<'a> {
    client: &'a Client,
}

impl Client {
    /// Returns the calls for submissions of packages.
    ///
    /// ```no_run
    /// use eqp_client::types::{PackageDraft, Sku};
    ///
    /// # async fn example(client: eqp_client::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let draft = PackageDraft { sku: Some(Sku::new("acme/badges")?), ..PackageDraft::default() };
    /// let created = client.packages().create_one(&draft).await?;
    /// println!("created {:?}", created.submission_id);
    /// # Ok(())
    /// # }
    /// ```
    pub fn packages(&self) -> Packages<'_> {
        Packages { client: self }
    }
}

/// Returns the items of a response to a batch, one per sent item, in order.
fn items(answer: &Answer, sent: usize) -> Result<Vec<BatchItem>, Error> {
    let items: Vec<BatchItem> = answer.json()?;
    if items.len() == sent {
        return Ok(items);
    }
    Err(answer.unexpected("", format!("it has {} items, but the request had {sent}", items.len())))
}

/// Reads packages from a response that is an object or a list.
fn one_or_many(answer: &Answer) -> Result<Vec<Package>, Error> {
    match answer.json::<Value>()? {
        Value::Object(_) => Ok(vec![answer.json()?]),
        Value::Null => Ok(Vec::new()),
        _ => answer.json(),
    }
}

impl Packages<'_> {
    /// Returns a submission.
    ///
    /// # Errors
    /// The [errors of every call](crate::Error#errors-of-every-call).
    pub async fn get(self, id: &SubmissionId) -> Result<Package, Error> {
        self.client.call(Request::new(&calls::PACKAGES_GET, &[id.as_str()])?).await?.json()
    }

    /// Updates submissions, each identified by its `submission_id`. Returns one item per submission, in order; a rejected one does
    /// not affect the others.
    ///
    /// # Errors
    /// The [errors of every call](crate::Error#errors-of-every-call). A rejected item is not an error; it has the code of the API.
    pub async fn update(self, packages: &[PackageUpdate]) -> Result<Vec<BatchItem>, Error> {
        if packages.is_empty() {
            return Ok(Vec::new());
        }
        let request = Request::new(&calls::PACKAGES_UPDATE, &[])?.json(&packages)?;
        items(&self.client.call(request).await?, packages.len())
    }

    /// Updates one submission. The API does not return the updated submission.
    ///
    /// # Errors
    /// The [errors of every call](crate::Error#errors-of-every-call).
    pub async fn update_one<'p>(self, id: impl Into<PackageRef<'p>>, package: &PackageUpdate) -> Result<(), Error> {
        let request = Request::new(&calls::PACKAGES_UPDATE_ONE, &[id.into().as_str()])?.json(package)?;
        self.client.call(request).await.map(drop)
    }
}

impl<'a> Packages<'a> {
    /// Returns one page of the submissions that match `filter`. Submissions that cannot be read are in
    /// [`unreadable`](Page::unreadable).
    ///
    /// # Errors
    /// The [errors of every call](crate::Error#errors-of-every-call).
    pub async fn list(self, filter: &PackageFilter) -> Result<Page<Package>, Error> {
        self.page_of(&calls::PACKAGES_LIST, filter).await
    }

    /// Streams all submissions that match `filter`, starting at its offset, with one page in memory at a time.
    ///
    /// The limit of the filter is the page size (default: 100). The API pages by position, so submissions that are added or removed
    /// in the meantime may be missing or occur twice unless the sort field does not change. The stream ends after the first error, which can
    /// also be a submission that cannot be read.
    pub fn stream(self, filter: PackageFilter) -> impl Stream<Item = Result<Package, Error>> + Send + use<'a> {
        self.stream_of(&calls::PACKAGES_LIST, filter)
    }

    pub(super) fn stream_of(
        self,
        api_call: &'static ApiCall,
        filter: PackageFilter,
    ) -> impl Stream<Item = Result<Package, Error>> + Send + use<'a> {
        let packages = self;
        let limit = filter.page_limit().unwrap_or(STREAM_PAGE_SIZE);
        stream_pages(filter.page_offset(), limit, move |offset, limit| {
            let filter = filter.clone().offset(offset).limit(limit);
            async move { packages.list_of(api_call, &filter).await?.readable_page(offset) }
        })
    }

    async fn page_of(self, api_call: &'static ApiCall, filter: &PackageFilter) -> Result<Page<Package>, Error> {
        self.list_of(api_call, filter).await?.page(filter.page_offset())
    }

    async fn list_of(self, api_call: &'static ApiCall, filter: &PackageFilter) -> Result<Answer, Error> {
        self.client.call(Request::new(api_call, &[])?.query(filter.query())).await
    }

    /// Returns all versions of a SKU, or only `version`.
    ///
    /// # Errors
    /// The [errors of every call](crate::Error#errors-of-every-call).
    pub async fn by_sku(self, sku: &Sku, version: Option<&str>) -> Result<Vec<Package>, Error> {
        let request = Request::new(&calls::PACKAGES_BY_SKU, &[sku.as_str()])?
            .query(version.map(|version| ("version", version.to_owned())));
        one_or_many(&self.client.call(request).await?)
    }

    /// Returns one page of the submissions that have a SKU.
    ///
    /// # Errors
    /// The [errors of every call](crate::Error#errors-of-every-call).
    pub async fn skus(self, filter: &PackageFilter) -> Result<Page<Package>, Error> {
        self.page_of(&calls::PACKAGES_SKUS, filter).await
    }

    /// Streams all submissions that have a SKU, in the same way as [`Packages::stream`].
    pub fn skus_stream(self, filter: PackageFilter) -> impl Stream<Item = Result<Package, Error>> + Send + use<'a> {
        self.stream_of(&calls::PACKAGES_SKUS, filter)
    }

    /// Returns the submission with the developer's item ID, if it exists.
    ///
    /// # Errors
    /// The [errors of every call](crate::Error#errors-of-every-call).
    pub async fn by_item(self, id: &ItemId) -> Result<Option<Package>, Error> {
        let request = Request::new(&calls::PACKAGES_BY_ITEM, &[id.as_str()])?;
        match self.client.call(request).await {
            Ok(answer) => Ok(one_or_many(&answer)?.into_iter().next()),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns one page of the submissions that have an item ID.
    ///
    /// # Errors
    /// The [errors of every call](crate::Error#errors-of-every-call).
    pub async fn items(self, filter: &PackageFilter) -> Result<Page<Package>, Error> {
        self.page_of(&calls::PACKAGES_ITEMS, filter).await
    }

    /// Streams all submissions that have an item ID, in the same way as [`Packages::stream`].
    pub fn items_stream(self, filter: PackageFilter) -> impl Stream<Item = Result<Package, Error>> + Send + use<'a> {
        self.stream_of(&calls::PACKAGES_ITEMS, filter)
    }
}

/// Refers to a submission by the Marketplace's submission ID or by the developer's item ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PackageRef<'a> {
    /// The submission ID.
    Submission(&'a SubmissionId),
    /// The item ID.
    Item(&'a ItemId),
}

impl PackageRef<'_> {
    fn as_str(&self) -> &str {
        match self {
            Self::Submission(id) => id.as_str(),
            Self::Item(id) => id.as_str(),
        }
    }
}

impl<'a> From<&'a SubmissionId> for PackageRef<'a> {
    fn from(id: &'a SubmissionId) -> Self {
        Self::Submission(id)
    }
}

impl<'a> From<&'a ItemId> for PackageRef<'a> {
    fn from(id: &'a ItemId) -> Self {
        Self::Item(id)
    }
}
