use eqp_types::{ApiError, FileUploadId};

use super::Files;
use crate::transport::Request;
use crate::{Error, endpoint};

impl Files<'_> {
    /// Deletes a file. Legacy: today's documentation has no such call.
    ///
    /// Answers what kept packages from letting it go, for example [`ApiError::PACKAGE_LIVE_IN_STORE`] with the
    /// `submission_id` among its other fields; empty when the file is gone.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn delete(self, id: &FileUploadId) -> Result<Vec<ApiError>, Error> {
        let answer = self.client.call(Request::new(&endpoint::FILES_DELETE, &[id.as_str()])?).await?;
        if answer.body.trim_ascii().is_empty() { Ok(Vec::new()) } else { answer.json() }
    }
}
