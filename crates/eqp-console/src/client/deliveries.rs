//! The calls about subscriptions and deliveries.

use std::time::Duration;

use super::{OperatorClient, OperatorError, query_of, segment};
use crate::api::deliveries::{ChangedDeliveries, DeliveryDetail, DeliveryList, DeliveryQuery, DeliverySelection};
use crate::api::subscriptions::request::{MAX_WAIT, PauseRequest, SubscriptionRequest, TestQuery};
use crate::api::subscriptions::{RequestedTest, Subscription, SubscriptionList};

impl OperatorClient {
    /// Returns all subscriptions, ordered by name.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`events`](Self::events).
    pub async fn subscriptions(&self) -> Result<SubscriptionList, OperatorError> {
        self.get("/subscriptions", &()).await
    }

    /// Returns one subscription.
    ///
    /// # Errors
    ///
    /// Returns [`OperatorError::Problem`] with the code `not_found` if the subscription does not exist, and otherwise the errors of
    /// [`events`](Self::events).
    pub async fn subscription(&self, name: &str) -> Result<Subscription, OperatorError> {
        self.get(&format!("/subscriptions/{}", segment(name)), &()).await
    }

    /// Creates a subscription, which receives the events that are recorded from now on. Requires the scope `admin`.
    ///
    /// # Errors
    ///
    /// Returns [`OperatorError::Problem`] with the code `conflict` if a subscription has this name, and otherwise the errors of
    /// [`events`](Self::events).
    pub async fn create_subscription(&self, new: &SubscriptionRequest) -> Result<Subscription, OperatorError> {
        self.post("/subscriptions", new).await
    }

    /// Removes a subscription and its deliveries. Requires the scope `admin`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`subscription`](Self::subscription).
    pub async fn remove_subscription(&self, name: &str) -> Result<(), OperatorError> {
        self.delete(&format!("/subscriptions/{}", segment(name))).await
    }

    /// Pauses a subscription. Requires the scope `operate`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`subscription`](Self::subscription).
    pub async fn pause_subscription(&self, name: &str, reason: Option<&str>) -> Result<Subscription, OperatorError> {
        let request = PauseRequest { reason: reason.map(str::to_owned) };
        self.post(&format!("/subscriptions/{}/pause", segment(name)), &request).await
    }

    /// Resumes a subscription, which delivers the events of the pause. Requires the scope `operate`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`subscription`](Self::subscription).
    pub async fn resume_subscription(&self, name: &str) -> Result<Subscription, OperatorError> {
        self.post(&format!("/subscriptions/{}/resume", segment(name)), &()).await
    }

    /// Requests a test message, which a worker sends once, but not later than after `wait`. Requires the scope `operate`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`subscription`](Self::subscription).
    pub async fn test_subscription(&self, name: &str, wait: Duration) -> Result<RequestedTest, OperatorError> {
        let query = query_of(&TestQuery { wait: wait.as_secs().clamp(1, MAX_WAIT) });
        self.post(&format!("/subscriptions/{}/test{query}", segment(name)), &()).await
    }

    /// Returns deliveries that are waiting or dead, or were skipped, newest first.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`subscription`](Self::subscription).
    pub async fn deliveries(&self, query: &DeliveryQuery) -> Result<DeliveryList, OperatorError> {
        self.get("/deliveries", query).await
    }

    /// Returns a delivery and its attempts.
    ///
    /// # Errors
    ///
    /// Returns [`OperatorError::Problem`] with the code `not_found` if neither the delivery nor an attempt is stored, and otherwise
    /// the errors of [`events`](Self::events).
    pub async fn delivery(&self, id: i64) -> Result<DeliveryDetail, OperatorError> {
        self.get(&format!("/deliveries/{id}"), &()).await
    }

    /// Sends deliveries now, also dead and skipped ones. Requires the scope `operate`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`events`](Self::events).
    pub async fn retry_deliveries(&self, selection: &DeliverySelection) -> Result<ChangedDeliveries, OperatorError> {
        self.post("/deliveries/retry", selection).await
    }

    /// Discards deliveries without sending them. Requires the scope `operate`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`events`](Self::events).
    pub async fn discard_deliveries(&self, selection: &DeliverySelection) -> Result<ChangedDeliveries, OperatorError> {
        self.post("/deliveries/discard", selection).await
    }
}
