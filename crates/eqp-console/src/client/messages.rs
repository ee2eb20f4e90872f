//! The calls of consumers that fetch messages.

use super::{OperatorClient, OperatorError, segment};
use crate::api::messages::{AckRequest, FetchRequest, FetchedMessages, ListenRequest, Listener, NackRequest, Settled};

impl OperatorClient {
    /// Creates a temporary subscription whose messages are fetched, or continues with an existing one. Requires the scope `consume`.
    ///
    /// # Errors
    ///
    /// Returns [`OperatorError::Problem`] with the code `conflict` if the subscription exists with another filter or handler, and otherwise
    /// the errors of [`events`](Self::events).
    pub async fn listen(&self, name: &str, request: &ListenRequest) -> Result<Listener, OperatorError> {
        self.post(&format!("/subscriptions/{}/listen", segment(name)), request).await
    }

    /// Waits for messages of a subscription, and leases them. Requires the scope `consume`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`subscription`](Self::subscription).
    pub async fn fetch(&self, name: &str, request: &FetchRequest) -> Result<FetchedMessages, OperatorError> {
        self.post(&format!("/subscriptions/{}/messages/fetch", segment(name)), request).await
    }

    /// Acknowledges messages, which are then not fetched again. Requires the scope `consume`.
    ///
    /// # Errors
    ///
    /// Returns [`OperatorError::Problem`] with the code `invalid_request` if a message belongs to another subscription, and otherwise the
    /// errors of [`subscription`](Self::subscription).
    pub async fn ack(&self, name: &str, request: &AckRequest) -> Result<Settled, OperatorError> {
        self.post(&format!("/subscriptions/{}/messages/ack", segment(name)), request).await
    }

    /// Returns messages that could not be processed. Requires the scope `consume`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`ack`](Self::ack).
    pub async fn nack(&self, name: &str, request: &NackRequest) -> Result<Settled, OperatorError> {
        self.post(&format!("/subscriptions/{}/messages/nack", segment(name)), request).await
    }
}
