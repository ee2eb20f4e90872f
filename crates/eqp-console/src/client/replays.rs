//! The calls about replays.

use super::{OperatorClient, OperatorError};
use crate::api::replays::{PlannedReplay, Replay, ReplayList, ReplayQuery, ReplayRequest};

impl OperatorClient {
    /// Returns the replays of the last 90 days, newest first.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`events`](Self::events).
    pub async fn replays(&self, query: &ReplayQuery) -> Result<ReplayList, OperatorError> {
        self.get("/replays", query).await
    }

    /// Returns one replay.
    ///
    /// # Errors
    ///
    /// Returns [`OperatorError::Problem`] with the code `not_found` if no replay has this number, and otherwise the errors of
    /// [`events`](Self::events).
    pub async fn replay(&self, id: i64) -> Result<Replay, OperatorError> {
        self.get(&format!("/replays/{id}"), &()).await
    }

    /// Returns the events that a replay would deliver. Requires the scope `operate`.
    ///
    /// # Errors
    ///
    /// Returns [`OperatorError::Problem`] with the code `not_found` if the subscription or one of the events does not exist, and otherwise
    /// the errors of [`events`](Self::events).
    pub async fn plan_replay(&self, request: &ReplayRequest) -> Result<PlannedReplay, OperatorError> {
        self.post("/replays/plan", request).await
    }

    /// Delivers events again. Requires the scope `operate`.
    ///
    /// # Errors
    ///
    /// Returns [`OperatorError::Problem`] with the code `conflict` if no subscription receives any of the events or the plan has changed,
    /// and otherwise the errors of [`plan_replay`](Self::plan_replay).
    pub async fn create_replay(&self, request: &ReplayRequest) -> Result<Replay, OperatorError> {
        self.post("/replays", request).await
    }

    /// Cancels a replay, and discards its waiting deliveries. Requires the scope `operate`.
    ///
    /// # Errors
    ///
    /// Returns [`OperatorError::Problem`] with the code `conflict` if the replay has ended, and otherwise the errors of
    /// [`replay`](Self::replay).
    pub async fn cancel_replay(&self, id: i64) -> Result<Replay, OperatorError> {
        self.post(&format!("/replays/{id}/cancel"), &()).await
    }
}
