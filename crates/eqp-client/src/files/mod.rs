//! Uploaded files: `/files/uploads`.

mod kind;
mod upload;

use eqp_types::{ApiError, FileRecord, FileUploadId, calls};
use futures_util::Stream;
pub use kind::FileKind;
pub use upload::{NoProgress, Progress, check_file};

use crate::answer::Answer;
use crate::page::{Page, STREAM_PAGE_SIZE, stream_pages};
use crate::transport::Request;
use crate::{Client, Error};

/// The calls for uploaded files. Returned by [`Client::files`].
#[derive(Clone, Copy, Debug)]
pub struct Files<'a> {
    client: &'a Client,
}

impl Client {
    /// Returns the calls for uploaded files.
    ///
    /// ```no_run
    /// # async fn example(client: eqp_client::Client) -> Result<(), eqp_client::Error> {
    /// let progress = |_file: usize, bytes: u64, total: u64| println!("{bytes} of {total} bytes");
    /// let uploaded = client.files().upload_with_progress(&["badges-1.0.0.zip"], progress).await?;
    /// let record = client.files().get(&uploaded[0].file_upload_id).await?;
    /// println!("malware scan: {:?}", record.malware_status);
    /// # Ok(())
    /// # }
    /// ```
    pub fn files(&self) -> Files<'_> {
        Files { client: self }
    }
}

impl Files<'_> {
    /// Returns the record of a file, which includes the status of its malware scan.
    ///
    /// # Errors
    /// The [errors of every call](crate::Error#errors-of-every-call).
    pub async fn get(self, id: &FileUploadId) -> Result<FileRecord, Error> {
        self.client.call(Request::new(&calls::FILES_GET, &[id.as_str()])?).await?.json()
    }

    /// Deletes a file. This is a legacy call, which the current documentation does not mention.
    ///
    /// Returns the reasons if packages prevent the deletion, for example [`ApiError::PACKAGE_LIVE_IN_STORE`] with a
    /// `submission_id` among its other fields. An empty list means that the file was deleted.
    ///
    /// # Errors
    /// The [errors of every call](crate::Error#errors-of-every-call).
    pub async fn delete(self, id: &FileUploadId) -> Result<Vec<ApiError>, Error> {
        let answer = self.client.call(Request::new(&calls::FILES_DELETE, &[id.as_str()])?).await?;
        if answer.body.trim_ascii().is_empty() { Ok(Vec::new()) } else { answer.json() }
    }
}

impl<'a> Files<'a> {
    /// Lists at most `limit` files, starting at `offset`. Files that cannot be read are in [`unreadable`](Page::unreadable).
    ///
    /// # Errors
    /// The [errors of every call](crate::Error#errors-of-every-call).
    pub async fn list(self, offset: u64, limit: u64) -> Result<Page<FileRecord>, Error> {
        self.page(offset, limit).await?.page(offset)
    }

    async fn page(self, offset: u64, limit: u64) -> Result<Answer, Error> {
        let request = Request::new(&calls::FILES_LIST, &[])?
            .query([("offset", offset.to_string()), ("limit", limit.to_string())]);
        self.client.call(request).await
    }

    /// Streams all files, with one page in memory at a time. The stream ends after the first error, which can also be a file that cannot be
    /// read.
    pub fn stream(self) -> impl Stream<Item = Result<FileRecord, Error>> + Send + use<'a> {
        let files = self;
        stream_pages(0, STREAM_PAGE_SIZE, move |offset, limit| async move {
            files.page(offset, limit).await?.readable_page(offset)
        })
    }
}
