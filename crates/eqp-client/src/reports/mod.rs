//! Reports of sales: `/users/{mage_id}/reports` and `/reports/metrics`.

mod get;
mod metrics;

pub use get::Report;

use crate::Client;

/// Calls about reports. Their shapes are not documented, so they are given as they come.
#[derive(Clone, Copy, Debug)]
pub struct Reports<'a> {
    client: &'a Client,
}

impl Client {
    /// Reports of sales.
    pub fn reports(&self) -> Reports<'_> {
        Reports { client: self }
    }
}
