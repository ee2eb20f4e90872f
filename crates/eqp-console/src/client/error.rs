//! The error of the client.

use std::sync::Arc;

use crate::problem::{Problem, ProblemCode};

/// An error of [`OperatorClient`](crate::OperatorClient). None of them contains the token, or more of the URL than its host.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperatorError {
    /// The service rejected the request, or failed.
    #[error(transparent)]
    Problem(Problem),
    /// The service in this process failed on its database.
    #[error(transparent)]
    Store(Arc<eqp_store::Error>),
    /// The URL of the server cannot be used.
    #[error("the URL of the server cannot be used: {reason}")]
    Url {
        /// The reason.
        reason: &'static str,
    },
    /// The client cannot be created.
    #[error("the HTTP client for the server cannot be set up")]
    Setup(#[source] TransportError),
    /// The server cannot be reached.
    #[error("{host} cannot be reached")]
    Unreachable {
        /// The host and port of the server.
        host: String,
        /// The cause.
        source: TransportError,
    },
    /// The server did not answer in time.
    #[error("{host} did not respond in time")]
    TimedOut {
        /// The host and port of the server.
        host: String,
    },
    /// The response is larger than the limit of the client.
    #[error("the response of {host} is too large")]
    TooLarge {
        /// The host and port of the server.
        host: String,
    },
    /// The response is not one of the operator service, or of another version.
    #[error("the response with status {status} was not sent by an operator service of this version")]
    Malformed {
        /// The HTTP status.
        status: u16,
    },
}

/// An error of the HTTP client. The error of the library is hidden.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct TransportError(reqwest::Error);

impl TransportError {
    pub(super) fn new(error: reqwest::Error) -> Self {
        // The URL can contain filters, and the error is shown together with the host anyway.
        Self(error.without_url())
    }
}

impl OperatorError {
    /// Returns whether the same call can succeed later.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Problem(problem) => matches!(problem.code, ProblemCode::Busy | ProblemCode::DatabaseUnavailable),
            Self::Store(error) => error.is_retryable(),
            Self::Unreachable { .. } | Self::TimedOut { .. } => true,
            _ => false,
        }
    }

    /// Returns whether the requested object does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Problem(problem) if problem.code == ProblemCode::NotFound)
    }
}

/// The problem that a caller in the same process reports in turn.
impl From<OperatorError> for Problem {
    fn from(error: OperatorError) -> Self {
        match error {
            OperatorError::Problem(problem) => problem,
            OperatorError::Store(error) => error.into(),
            // The others are errors of a connection to a server.
            error => Self::new(ProblemCode::Internal).detail(error.to_string()),
        }
    }
}

impl From<Problem> for OperatorError {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}
