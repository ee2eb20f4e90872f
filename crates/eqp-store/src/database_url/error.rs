//! The error of a database URL that cannot be used.

/// The reason why a database URL cannot be used. It repeats no part of the URL that may be a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the database URL cannot be used: {reason}")]
#[non_exhaustive]
pub struct DatabaseUrlError {
    /// The reason, in a clause.
    pub reason: String,
    /// The change that makes the URL valid.
    pub hints: Vec<String>,
    /// The name of a parameter that is not supported, unless it may be part of a password.
    pub unknown_parameter: Option<String>,
}

impl DatabaseUrlError {
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

pub(super) fn several_hosts() -> DatabaseUrlError {
    refused("it names several hosts, which is not supported")
        .hint("use one host, such as a proxy or a DNS name that follows the primary")
}

pub(super) fn refused(reason: impl Into<String>) -> DatabaseUrlError {
    DatabaseUrlError { reason: reason.into(), hints: Vec::new(), unknown_parameter: None }
}
