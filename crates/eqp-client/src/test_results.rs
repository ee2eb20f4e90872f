//! Results of the Marketplace's tests: `/products/packages/{submission_id}/status`.

use eqp_types::calls::{self, ApiCall};
use eqp_types::{ItemId, Sku, SubmissionId, TestReport, TestRun, ToolRunId};

use crate::transport::Request;
use crate::{Client, Error};

/// The calls for test results. Returned by [`Client::test_results`].
#[derive(Clone, Copy, Debug)]
pub struct TestResults<'a> {
    client: &'a Client,
}

impl Client {
    /// Returns the calls for test results.
    ///
    /// ```no_run
    /// use eqp_client::types::SubmissionId;
    ///
    /// # async fn example(client: eqp_client::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let id = SubmissionId::new("s5w9k703ru")?;
    /// for run in client.test_results().summary(&id).await? {
    ///     if let (Some(tool), Some(run_id)) = (&run.name, &run.tool_run_id) {
    ///         println!("{tool}: {:?}", client.test_results().report(&id, tool, run_id).await?);
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn test_results(&self) -> TestResults<'_> {
        TestResults { client: self }
    }
}

impl TestResults<'_> {
    /// Lists the test runs of all tools for a submission.
    ///
    /// # Errors
    /// The [errors of every call](crate::Error#errors-of-every-call).
    pub async fn summary(self, id: &SubmissionId) -> Result<Vec<TestRun>, Error> {
        self.runs(&calls::TESTS_OF_SUBMISSION, id.as_str()).await
    }

    /// Lists the test runs of all tools for a SKU.
    ///
    /// # Errors
    /// The [errors of every call](crate::Error#errors-of-every-call).
    pub async fn summary_by_sku(self, sku: &Sku) -> Result<Vec<TestRun>, Error> {
        self.runs(&calls::TESTS_OF_SKU, sku.as_str()).await
    }

    /// Lists the test runs of all tools for the submission with the developer's item ID.
    ///
    /// # Errors
    /// The [errors of every call](crate::Error#errors-of-every-call).
    pub async fn summary_by_item(self, id: &ItemId) -> Result<Vec<TestRun>, Error> {
        self.runs(&calls::TESTS_OF_ITEM, id.as_str()).await
    }

    async fn runs(self, api_call: &'static ApiCall, id: &str) -> Result<Vec<TestRun>, Error> {
        self.client.call(Request::new(api_call, &[id])?).await?.json()
    }

    /// Returns the report of one test run. The tool `phpcpd` has no reports.
    ///
    /// # Errors
    /// The [errors of every call](crate::Error#errors-of-every-call).
    pub async fn report(self, id: &SubmissionId, tool: &str, run: &ToolRunId) -> Result<TestReport, Error> {
        self.client.call(Request::new(&calls::TEST_REPORT, &[id.as_str(), tool, run.as_str()])?).await?.json()
    }
}
