use eqp_types::{Package, SubmissionId};

use super::Packages;
use crate::transport::Request;
use crate::{Error, endpoint};

impl Packages<'_> {
    /// One submission.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn get(self, id: &SubmissionId) -> Result<Package, Error> {
        self.client.call(Request::new(&endpoint::PACKAGES_GET, &[id.as_str()])?).await?.json()
    }
}
