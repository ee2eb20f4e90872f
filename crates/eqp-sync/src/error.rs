//! Errors of registrations.

use eqp_store::EndpointSummary;
use eqp_types::{Environment, MageId};

/// An error of the registration lock, or of the code that checks it.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The result of an operation on registrations.
pub(crate) type Result<T = (), E = Error> = std::result::Result<T, E>;

/// The reason why registrations could not be observed or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A query of the database of endpoints and credentials failed.
    #[error(transparent)]
    Store(#[from] eqp_store::Error),
    /// A request to the Marketplace failed, or its list cannot be rewritten without losing the password of an entry.
    #[error(transparent)]
    Marketplace(#[from] eqp_client::Error),
    /// Another process is changing the registrations of this account.
    #[error("the registrations of {mage_id} in {environment} are being changed by another process; try again later")]
    Locked {
        /// The account.
        mage_id: MageId,
        /// Its environment.
        environment: Environment,
    },
    /// The account's lock was lost before the list was written. Nothing was sent.
    #[error("nothing was sent, because the lock on the account's registrations was lost; try again")]
    LockLost(#[source] BoxError),
    /// The list may have been written. Until that is known, every credential that may be active is accepted.
    #[error("the list may have been written; run the same change again to continue it")]
    OutcomeUnknown(#[source] eqp_client::Error),
    /// Another endpoint has this name: of another account, or with another URL or path.
    #[error("there is another endpoint with the name `{}`", endpoint.name)]
    OtherEndpoint {
        /// The endpoint with the name.
        endpoint: Box<EndpointSummary>,
    },
    /// Another endpoint has this URL or path.
    #[error("the endpoint `{}` has this URL or path already", endpoint.name)]
    EndpointInUse {
        /// The endpoint that has it.
        endpoint: Box<EndpointSummary>,
    },
    /// The endpoint already has two accepted credentials.
    #[error("the previous rotation of `{}` is still in its grace period", endpoint.name)]
    RotationNotOver {
        /// The endpoint.
        endpoint: Box<EndpointSummary>,
    },
    /// The credential to retire is registered at the Marketplace.
    #[error("{username} was not retired: it is still registered at the Marketplace")]
    StillListed {
        /// The endpoint.
        endpoint: Box<EndpointSummary>,
        /// The listed user name.
        username: String,
    },
    /// The endpoint has no replaced credential that is still accepted.
    #[error("`{name}` has no replaced user name that is still accepted")]
    NothingReplaced {
        /// The endpoint's name.
        name: String,
        /// The user name in the Marketplace's list.
        active: Option<String>,
    },
    /// The account has no endpoint with this name.
    #[error("there is no endpoint `{name}` of {mage_id} in {environment}")]
    UnknownEndpoint {
        /// The name.
        name: String,
        /// The account.
        mage_id: MageId,
        /// Its environment.
        environment: Environment,
    },
    /// A new endpoint needs a URL.
    #[error("there is no endpoint `{name}` yet, and a new one needs a URL")]
    UrlMissing {
        /// The name.
        name: String,
    },
    /// The endpoint is not in the Marketplace's list.
    #[error("`{name}` is not in the Marketplace's list")]
    NotListed {
        /// The endpoint's name.
        name: String,
    },
    /// The entry is not in the Marketplace's list.
    #[error("the entry is not in the Marketplace's list")]
    UnknownEntry,
    /// Several entries have this URL, and no user name selects one of them.
    #[error("several entries have this URL; select one by its user name")]
    AmbiguousEntry,
    /// The entry is the registration of an endpoint, which is removed by the endpoint's name.
    #[error("this entry is the registration of `{name}`")]
    EntryOfEndpoint {
        /// The endpoint's name.
        name: String,
    },
    /// The entry is already adopted, and its stored password differs from the given one.
    #[error("`{name}` already has user name {username}, with another password than the given one")]
    OtherPassword {
        /// The endpoint's name.
        name: String,
        /// The entry's user name.
        username: String,
    },
    /// There is no database to write to.
    #[error("there is no database to write to")]
    NoDatabase,
    /// Not every receiver rejects the retired credentials yet.
    #[error("not all receivers reject {} yet", usernames.join(", "))]
    NotRefusedYet {
        /// The retired user names.
        usernames: Vec<String>,
        /// The reason.
        source: eqp_store::Error,
    },
    /// The change failed, and the credential that was created for it could not be retired.
    #[error("{error}; the credential that was created for it could not be retired: {cleanup}")]
    CleanupFailed {
        /// The reason why the change failed.
        error: Box<Error>,
        /// The reason why the credential could not be retired.
        cleanup: eqp_store::Error,
    },
    /// The endpoints or their credentials have changed since the plan was made. Nothing was sent.
    #[error("nothing was sent, because the endpoints have changed since the plan was made; observe again")]
    Changed,
    /// The plan was made for another account than the client's.
    #[error("the plan is for {mage_id} in {environment}, which is not the account of this access key")]
    OtherAccount {
        /// The plan's account.
        mage_id: MageId,
        /// Its environment.
        environment: Environment,
    },
}
