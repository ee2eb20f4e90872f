use eqp_types::FileRecord;
use futures_util::Stream;

use super::Files;
use crate::page::{Page, STREAMED_AT_ONCE, stream_pages};
use crate::transport::Request;
use crate::{Error, endpoint};

impl<'a> Files<'a> {
    /// At most `limit` files, after the first `offset`.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn list(self, offset: u64, limit: u64) -> Result<Page<FileRecord>, Error> {
        let request = Request::new(&endpoint::FILES_LIST, &[])?
            .query([("offset", offset.to_string()), ("limit", limit.to_string())]);
        let answer = self.client.call(request).await?;
        Ok(Page { items: answer.json()?, offset, total: answer.total_count() })
    }

    /// All files, a page in memory at a time. It ends after the first error.
    pub fn stream(self) -> impl Stream<Item = Result<FileRecord, Error>> + Send + use<'a> {
        let files = self;
        stream_pages(0, STREAMED_AT_ONCE, move |offset, limit| async move { files.list(offset, limit).await })
    }
}
