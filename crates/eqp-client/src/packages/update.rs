use eqp_types::{BatchItem, Package};

use super::{Packages, items};
use crate::transport::Request;
use crate::{Error, endpoint};

impl Packages<'_> {
    /// Updates submissions, each named by its `submission_id`. The answer has one item for each, in order; good
    /// ones are done beside bad ones.
    ///
    /// # Errors
    /// Those of every call; what became of the single items is in the answer.
    pub async fn update(self, packages: &[Package]) -> Result<Vec<BatchItem>, Error> {
        if packages.is_empty() {
            return Ok(Vec::new());
        }
        let request = Request::new(&endpoint::PACKAGES_UPDATE, &[])?.json(&packages)?;
        items(&self.client.call(request).await?, packages.len())
    }
}
