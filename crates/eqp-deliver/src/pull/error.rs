//! The error of fetching messages.

/// The reason why messages could not be fetched, acknowledged or returned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PullError {
    /// A query failed.
    #[error(transparent)]
    Store(#[from] eqp_store::Error),
    /// No subscription has this name.
    #[error("there is no subscription with the name `{name}`")]
    NotFound {
        /// The name.
        name: String,
    },
    /// The messages of the subscription are sent to a handler.
    #[error("the messages of the subscription `{name}` are sent to its handler, and cannot be fetched")]
    NotFetched {
        /// The name.
        name: String,
    },
    /// A message belongs to another subscription, or to an earlier one with the same name.
    #[error("an ack ID does not belong to the subscription `{name}`")]
    OtherSubscription {
        /// The name.
        name: String,
    },
    /// The database has no ID yet, because no receiver has been started on it.
    #[error("the database has no master key yet: start a receiver with this database once")]
    NoInstance,
}
