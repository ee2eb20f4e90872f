use serde_json::Value;

use super::Reports;
use crate::transport::Request;
use crate::{Error, endpoint};

/// A report of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// Visits of the store's pages.
    PageViews,
    /// Sums.
    Totals,
    /// Sales.
    Sales,
    /// Money given back.
    Refunds,
}

impl Report {
    /// Every report.
    pub const ALL: &'static [Self] = &[Self::PageViews, Self::Totals, Self::Sales, Self::Refunds];

    /// The report's name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PageViews => "pageviews",
            Self::Totals => "totals",
            Self::Sales => "sales",
            Self::Refunds => "refunds",
        }
    }
}

impl Reports<'_> {
    /// One report, as it comes.
    ///
    /// # Errors
    /// Those of every call.
    pub async fn get(self, report: Report) -> Result<Value, Error> {
        let token = self.client.token().await?;
        let ids = [token.mage_id.as_str(), report.as_str()];
        self.client.call(Request::new(&endpoint::REPORTS_GET, &ids)?).await?.json()
    }
}
