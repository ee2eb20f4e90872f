//! Sales reports: `/users/{mage_id}/reports` and `/reports/metrics`.

use eqp_types::calls;
use serde_json::Value;

use crate::transport::Request;
use crate::{Client, Error};

/// The calls for sales reports. Returned by [`Client::reports`].
///
/// The format of the reports is not documented, so they are returned as JSON values.
#[derive(Clone, Copy, Debug)]
pub struct Reports<'a> {
    client: &'a Client,
}

impl Client {
    /// Returns the calls for sales reports.
    ///
    /// ```no_run
    /// use eqp_client::reports::Report;
    ///
    /// # async fn example(client: eqp_client::Client) -> Result<(), eqp_client::Error> {
    /// println!("{}", client.reports().get(Report::Sales).await?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn reports(&self) -> Reports<'_> {
        Reports { client: self }
    }
}

/// A report of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum Report {
    /// Page views in the store.
    PageViews,
    /// Totals.
    Totals,
    /// Sales.
    Sales,
    /// Refunds.
    Refunds,
}

impl Report {
    /// Every report.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// Returns the report's name in the API.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl Reports<'_> {
    /// Returns a report.
    ///
    /// # Errors
    /// The [errors of every call](crate::Error#errors-of-every-call).
    pub async fn get(self, report: Report) -> Result<Value, Error> {
        let token = self.client.token().await?;
        let ids = [token.mage_id.as_str(), report.as_str()];
        self.client.call(Request::new(&calls::REPORTS_GET, &ids)?).await?.json()
    }

    /// Lists the available metrics.
    ///
    /// # Errors
    /// The [errors of every call](crate::Error#errors-of-every-call).
    pub async fn metrics(self) -> Result<Value, Error> {
        self.client.call(Request::new(&calls::REPORTS_METRICS, &[])?).await?.json()
    }

    /// Returns a metric.
    ///
    /// # Errors
    /// The [errors of every call](crate::Error#errors-of-every-call).
    pub async fn metric(self, metric: &str) -> Result<Value, Error> {
        self.client.call(Request::new(&calls::REPORTS_METRIC, &[metric])?).await?.json()
    }
}
