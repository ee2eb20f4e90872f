use serde_json::Value;

use super::Reports;
use crate::transport::Request;
use crate::{Error, endpoint};

impl Reports<'_> {
    /// The metrics that there are, as they come.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn metrics(self) -> Result<Value, Error> {
        self.client.call(Request::new(&endpoint::REPORTS_METRICS, &[])?).await?.json()
    }

    /// One metric, as it comes.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn metric(self, metric: &str) -> Result<Value, Error> {
        self.client.call(Request::new(&endpoint::REPORTS_METRIC, &[metric])?).await?.json()
    }
}
