use eqp_types::{SubmissionId, TestReport, ToolRunId};

use super::TestResults;
use crate::transport::Request;
use crate::{Error, endpoint};

impl TestResults<'_> {
    /// The report of one run of one tool. `phpcpd` has none.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn report(self, id: &SubmissionId, tool: &str, run: &ToolRunId) -> Result<TestReport, Error> {
        self.client.call(Request::new(&endpoint::TEST_REPORT, &[id.as_str(), tool, run.as_str()])?).await?.json()
    }
}
