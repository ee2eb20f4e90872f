//! The error of the administration of subscriptions.

use super::FilterError;
use crate::DefinitionError;

/// The reason why subscriptions could not be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubscriptionError {
    /// A query failed, or the secrets could not be sealed.
    #[error(transparent)]
    Store(#[from] eqp_store::Error),
    /// The name is empty, too long, or contains other characters than letters, digits, `.`, `_` and `-`.
    #[error("`{name}` cannot be the name of a subscription: use 1 to 100 letters, digits, `.`, `_` and `-`")]
    Name {
        /// The name, shortened.
        name: String,
    },
    /// A subscription has this name already.
    #[error("there is already a subscription with the name `{name}`")]
    NameInUse {
        /// The name.
        name: String,
    },
    /// No subscription has this name.
    #[error("there is no subscription with the name `{name}`")]
    NotFound {
        /// The name.
        name: String,
    },
    /// The filter contains a value that never matches.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// The handler, or a secret of it, cannot be used.
    #[error(transparent)]
    Handler(#[from] DefinitionError),
    /// The subscription has no signature whose secret could be rotated.
    #[error("the requests of the subscription `{name}` are not signed, so there is no signing secret to rotate")]
    NotSigned {
        /// The name.
        name: String,
    },
    /// The subscription has several signing secrets already.
    #[error("the subscription `{name}` has several signing secrets in use; retire the old ones first")]
    TooManySigningSecrets {
        /// The name.
        name: String,
    },
    /// A file declares the subscription, and commands cannot change it.
    #[error(
        "the subscription `{name}` is declared in {file}; change it there. If that file no longer exists, pause the subscription, then remove it"
    )]
    Declared {
        /// The name.
        name: String,
        /// The file.
        file: String,
    },
    /// A file declares a subscription that exists, and that no file has declared.
    #[error(
        "there is already a subscription with the name `{name}`, which no file declares; remove it, or declare another name"
    )]
    NotDeclared {
        /// The name.
        name: String,
    },
    /// The subscription cannot be the fallback of that one.
    #[error("the subscription `{name}` cannot be the fallback of `{first}`: {reason}")]
    Fallback {
        /// The name.
        name: String,
        /// The name of the other subscription, shortened.
        first: String,
        /// The reason.
        reason: &'static str,
    },
    /// Consumers fetch the deliveries of the subscription, so nothing can be sent to it.
    #[error("nothing is sent to the subscription `{name}`: consumers fetch its deliveries")]
    NothingToTest {
        /// The name.
        name: String,
    },
}

impl SubscriptionError {
    /// Creates the error of a subscription that cannot be the fallback of another one.
    pub(super) fn fallback(name: &str, first: &str, reason: &'static str) -> Self {
        Self::Fallback { name: name.to_owned(), first: first.chars().take(100).collect(), reason }
    }
}
