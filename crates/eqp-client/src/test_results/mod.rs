//! Results of the Marketplace's tests: `/products/packages/{submission_id}/status`.

mod report;
mod summary;

use crate::Client;

/// Calls about test results.
#[derive(Clone, Copy, Debug)]
pub struct TestResults<'a> {
    client: &'a Client,
}

impl Client {
    /// Test results.
    pub fn test_results(&self) -> TestResults<'_> {
        TestResults { client: self }
    }
}
