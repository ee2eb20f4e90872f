//! The calls about alerts.

use super::{OperatorClient, OperatorError, segment};
use crate::api::alerts::model::{AlertAction, AlertDetail, AlertFilter, AlertList};
use crate::api::letter::Letter;

impl OperatorClient {
    /// Returns the open alerts and, if requested, those that were resolved in the last 30 days.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`events`](Self::events).
    pub async fn alerts(&self, filter: &AlertFilter) -> Result<AlertList, OperatorError> {
        self.get("/alerts", filter).await
    }

    /// Returns an alert with everything that happened to it.
    ///
    /// # Errors
    ///
    /// Returns [`OperatorError::Problem`] with the code `not_found` if the alert does not exist, and otherwise the errors of
    /// [`events`](Self::events).
    pub async fn alert(&self, id: i64) -> Result<AlertDetail, OperatorError> {
        self.get(&format!("/alerts/{id}"), &()).await
    }

    /// Acknowledges an alert. Requires the scope `operate`.
    ///
    /// # Errors
    ///
    /// Returns [`OperatorError::Problem`] with the code `conflict` if the alert is resolved, and otherwise the errors of
    /// [`alert`](Self::alert).
    pub async fn acknowledge_alert(&self, id: i64, action: &AlertAction) -> Result<AlertDetail, OperatorError> {
        self.post(&format!("/alerts/{id}/acknowledge"), action).await
    }

    /// Snoozes an alert. Requires the scope `operate`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`acknowledge_alert`](Self::acknowledge_alert).
    pub async fn snooze_alert(&self, id: i64, action: &AlertAction) -> Result<AlertDetail, OperatorError> {
        self.post(&format!("/alerts/{id}/snooze"), action).await
    }

    /// Adds a note to an alert. Requires the scope `operate`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`alert`](Self::alert).
    pub async fn note_alert(&self, id: i64, action: &AlertAction) -> Result<AlertDetail, OperatorError> {
        self.post(&format!("/alerts/{id}/notes"), action).await
    }

    /// Resolves an alert. Requires the scope `operate`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`acknowledge_alert`](Self::acknowledge_alert).
    pub async fn resolve_alert(&self, id: i64, action: &AlertAction) -> Result<AlertDetail, OperatorError> {
        self.post(&format!("/alerts/{id}/resolve"), action).await
    }

    /// Returns a letter to Marketplace support about a submission.
    ///
    /// # Errors
    ///
    /// Returns [`OperatorError::Problem`] with the code `not_found` if the submission does not wait for a review, and otherwise the
    /// errors of [`events`](Self::events).
    pub async fn letter(&self, submission: &str) -> Result<Letter, OperatorError> {
        self.get(&format!("/submissions/{}/letter", segment(submission)), &()).await
    }
}
