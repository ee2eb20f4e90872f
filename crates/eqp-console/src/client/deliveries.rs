//! The calls about subscriptions and deliveries.

use std::time::Duration;

use eqp_types::Secret;

use super::{OperatorClient, OperatorError, query_of, segment};
use crate::api::deliveries::{ChangedDeliveries, DeliveryDetail, DeliveryList, DeliveryQuery, DeliverySelection};
use crate::api::subscriptions::check::SubscriptionCheck;
use crate::api::subscriptions::request::{MAX_WAIT, PauseRequest, SubscriptionRequest, TestQuery};
use crate::api::subscriptions::rotation::{NewSigningSecret, RetiredSecrets};
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

    /// Checks a subscription without creating it. Requires the scope `admin`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`create_subscription`](Self::create_subscription).
    pub async fn check_subscription(&self, new: &SubscriptionRequest) -> Result<SubscriptionCheck, OperatorError> {
        self.post("/subscription-checks", new).await
    }

    /// Adds a signing secret, with which requests are signed in addition to the old ones. Requires the scope `admin`.
    ///
    /// # Errors
    ///
    /// Returns [`OperatorError::Problem`] with the code `conflict` if the subscription has no signature or too many secrets, and
    /// otherwise the errors of [`subscription`](Self::subscription).
    pub async fn rotate_signing_secret(&self, name: &str, secret: Secret) -> Result<Subscription, OperatorError> {
        self.post(&format!("/subscriptions/{}/rotate-secret", segment(name)), &NewSigningSecret { secret }).await
    }

    /// Retires all signing secrets except the newest. Requires the scope `admin`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`subscription`](Self::subscription).
    pub async fn retire_signing_secrets(&self, name: &str) -> Result<RetiredSecrets, OperatorError> {
        self.post(&format!("/subscriptions/{}/retire-secrets", segment(name)), &()).await
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
