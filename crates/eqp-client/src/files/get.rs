use eqp_types::{FileRecord, FileUploadId};

use super::Files;
use crate::transport::Request;
use crate::{Error, endpoint};

impl Files<'_> {
    /// The record of a file, with how far its malware scan is.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn get(self, id: &FileUploadId) -> Result<FileRecord, Error> {
        self.client.call(Request::new(&endpoint::FILES_GET, &[id.as_str()])?).await?.json()
    }
}
