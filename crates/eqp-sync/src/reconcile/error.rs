//! Errors of reconciling.

use std::time::Duration;

use eqp_types::{Environment, MageId};

use super::page_walk::PagingError;

/// The result of an operation on a run.
pub(super) type Result<T = (), E = ReconcileError> = std::result::Result<T, E>;

/// The reason why an account could not be reconciled. Data that was stored before remains stored, and the next run reads the rest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReconcileError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] eqp_store::Error),
    /// The Marketplace failed.
    #[error(transparent)]
    Marketplace(#[from] eqp_client::Error),
    /// The Marketplace's list of packages cannot be read completely.
    #[error("the list of packages cannot be read: {0}")]
    Paging(#[from] PagingError),
    /// Another process reconciles this account now.
    #[error("this account is being reconciled by another process")]
    AlreadyRunning,
    /// A shutdown was requested.
    #[error("interrupted by a shutdown")]
    Interrupted,
    /// The Marketplace did not answer in time, including all retries.
    #[error("the Marketplace did not answer within {} s", after.as_secs())]
    TimedOut {
        /// The time limit.
        after: Duration,
    },
    /// The access key belongs to another account.
    #[error("the access key is that of {answered} in {environment}, not of {asked}")]
    OtherAccount {
        /// The account that is reconciled.
        asked: MageId,
        /// The account of the access key.
        answered: MageId,
        /// The environment.
        environment: Environment,
    },
    /// The access key was accepted by another API than the one that this server would send it to. It was not sent.
    #[error("the access key was verified at {verified}, but this server uses {configured}")]
    OtherApi {
        /// The URL of the API that accepted the key.
        verified: String,
        /// The URL of the API that this server is configured for.
        configured: String,
    },
    /// No client can be created with the account's access key.
    #[error("the access key cannot be used")]
    Connect(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The secret of the account's access key is neither in the database nor in the configuration.
    #[error("the secret of the access key {application_id} of {mage_id} in {environment} is not configured")]
    NoKey {
        /// The account.
        mage_id: MageId,
        /// The environment.
        environment: Environment,
        /// The application ID of the access key.
        application_id: String,
    },
}

impl ReconcileError {
    /// Returns the wait before the next request that the Marketplace requests.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Marketplace(eqp_client::Error::Rejected { retry_after, .. }) => *retry_after,
            Self::Marketplace(eqp_client::Error::Session(error)) => match &**error {
                eqp_client::Error::Rejected { retry_after, .. } => *retry_after,
                _ => None,
            },
            _ => None,
        }
    }
}
