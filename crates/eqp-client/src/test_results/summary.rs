use eqp_types::{ItemId, Sku, SubmissionId, TestRun};

use super::TestResults;
use crate::Error;
use crate::endpoint::{self, Endpoint};
use crate::transport::Request;

impl TestResults<'_> {
    /// The runs of all tools over a submission.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn summary(self, id: &SubmissionId) -> Result<Vec<TestRun>, Error> {
        self.runs(&endpoint::TESTS_OF_SUBMISSION, id.as_str()).await
    }

    /// The runs of all tools over a SKU.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn summary_by_sku(self, sku: &Sku) -> Result<Vec<TestRun>, Error> {
        self.runs(&endpoint::TESTS_OF_SKU, sku.as_str()).await
    }

    /// The runs of all tools over the submission with an id of the developer's own.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn summary_by_item(self, id: &ItemId) -> Result<Vec<TestRun>, Error> {
        self.runs(&endpoint::TESTS_OF_ITEM, id.as_str()).await
    }

    async fn runs(self, endpoint: &'static Endpoint, id: &str) -> Result<Vec<TestRun>, Error> {
        self.client.call(Request::new(endpoint, &[id])?).await?.json()
    }
}
