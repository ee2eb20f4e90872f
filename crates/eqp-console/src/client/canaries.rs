//! Methods about canaries.

use uuid::Uuid;

use super::{OperatorClient, OperatorError};
use crate::api::canaries::{AcknowledgedCanary, CanaryList, CanaryResult, NewCanaries};

impl OperatorClient {
    /// Creates a canary for each registered endpoint, or only for the one with this name. Requires the scope `operate`.
    ///
    /// # Errors
    ///
    /// Returns [`OperatorError::Problem`] with the code `not_found` if there is no registered endpoint with this name, and with `conflict` if the service
    /// has no master key. Otherwise returns the errors of [`events`](Self::events).
    pub async fn create_canaries(&self, endpoint: Option<&str>) -> Result<CanaryList, OperatorError> {
        self.post("/canaries", &NewCanaries { endpoint: endpoint.map(str::to_owned) }).await
    }

    /// Returns whether the callback of a canary, which a receiver has acknowledged with this ID, is in the database, and records it.
    /// Requires the scope `operate`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`events`](Self::events).
    pub async fn confirm_canary(&self, canary: i64, callback_id: Uuid) -> Result<CanaryResult, OperatorError> {
        self.post(&format!("/canaries/{canary}/confirm"), &AcknowledgedCanary { callback_id }).await
    }
}
