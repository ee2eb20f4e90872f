//! Endpoints and credentials.

use std::fmt;
use std::time::Duration;

use eqp_types::{Environment, MageId, Secret};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};
use time::OffsetDateTime;

use super::string_enum::{UnknownValue, string_enum};

pub use super::public_url::{PublicUrl, PublicUrlError};

macro_rules! row_id {
    ($( $(#[$meta:meta])* $name:ident ),* $(,)?) => { $(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )* };
}

row_id! {
    /// The number of a Marketplace account in this database.
    AccountId,
    /// The number of an endpoint in this database.
    EndpointId,
    /// The number of a credential in this database.
    CredentialId,
}

/// The number of a change of endpoints or credentials. It grows by one with every change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CredentialGeneration(pub i64);

/// The settings of a new endpoint, for [`Endpoints::create`](crate::Endpoints::create).
///
/// ```
/// # fn example(account: eqp_store::AccountId) -> Result<(), eqp_store::PublicUrlError> {
/// use eqp_store::NewEndpoint;
///
/// let url = "https://callbacks.example.com/marketplace".parse()?;
/// let endpoint = NewEndpoint::new(account, "main", url).path("/marketplace");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewEndpoint {
    /// The account whose callbacks the endpoint will receive.
    pub account: AccountId,
    /// The name, unique, of letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// The path at which the receiver answers. The default is `/callbacks/{name}`.
    pub path: Option<String>,
    /// The URL that the Marketplace calls.
    pub public_url: PublicUrl,
}

impl NewEndpoint {
    /// Creates the settings of an endpoint with the default path.
    pub fn new(account: AccountId, name: impl Into<String>, public_url: PublicUrl) -> Self {
        Self { account, name: name.into(), path: None, public_url }
    }

    /// Sets the path at which the receiver answers.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }
}

/// The reason why a path cannot be the path of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointPathError {
    /// The path does not start with a slash.
    #[error("it must start with /")]
    NoSlash,
    /// The path has more than 500 bytes.
    #[error("it is longer than 500 bytes")]
    TooLong,
    /// The path contains a character that cannot occur in a request.
    #[error("it may contain only letters, digits and -._~!$&'()*+,;=:@/%?; percent-encode other characters")]
    Character,
    /// The path has a segment `.` or `..`.
    #[error("it has a segment . or .., which clients resolve before sending a request")]
    Segment,
    /// The receiver uses the path for something else.
    #[error("the receiver uses this path for its health checks")]
    Taken,
}

/// An endpoint with its credentials, as [`Endpoints::list`](crate::Endpoints::list) returns it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EndpointSummary {
    /// The number of the endpoint.
    pub id: EndpointId,
    /// The environment of the account.
    pub environment: Environment,
    /// The account whose callbacks the endpoint receives.
    pub mage_id: MageId,
    /// The name of the endpoint.
    pub name: String,
    /// The path at which the receiver answers.
    pub path: String,
    /// The URL that the Marketplace calls.
    pub public_url: String,
    /// The credentials, newest first, without their passwords.
    pub credentials: Vec<CredentialSummary>,
    /// User names that the endpoint accepted before and rejects now.
    pub retired_usernames: Vec<String>,
}

impl EndpointSummary {
    /// Returns whether the endpoint is registered or about to be. If all its credentials are retiring, its registration was
    /// removed, and it accepts only callbacks that are still being sent.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        self.credentials.iter().any(|one| matches!(one.state, CredentialState::Pending | CredentialState::Active))
    }
}

/// A credential of an endpoint, without its password.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CredentialSummary {
    /// The number of the credential.
    pub id: CredentialId,
    /// The user name that the Marketplace sends.
    pub username: String,
    /// The state of the credential.
    pub state: CredentialState,
    /// When the credential was created.
    pub created_at: OffsetDateTime,
    /// When the credential was first used by a callback. Receivers record this every few seconds.
    pub first_used_at: Option<OffsetDateTime>,
    /// When the credential was last used by a callback.
    pub last_used_at: Option<OffsetDateTime>,
    /// For a retiring credential: how long it stays valid after the first callback with the credential that replaced it.
    pub retire_grace: Option<Duration>,
    /// For a retiring credential: when it becomes invalid. None until a callback has used the credential that replaced it.
    pub retire_at: Option<OffsetDateTime>,
}

/// The state of a credential. The receiver accepts every credential that is not retired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case", parse_err_ty = UnknownValue, parse_err_fn = UnknownValue::of::<CredentialState>)]
pub enum CredentialState {
    /// Created, but not known to be registered at the Marketplace yet.
    Pending,
    /// Registered at the Marketplace.
    Active,
    /// Replaced by another credential, but still accepted because a callback with it may be in flight.
    Retiring,
    /// No longer accepted.
    Retired,
}

string_enum!(CredentialState);

/// A random user name and password that are not stored yet, for planning a registration.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewCredential {
    /// The user name, which was never used before.
    pub username: String,
    /// The password: 32 random bytes in URL-safe base64.
    pub password: Secret,
}

/// The credential that belongs to the user name of a registration, as returned by
/// [`Endpoints::look_up_credential`](crate::Endpoints::look_up_credential).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CredentialLookup {
    /// The user name does not belong to one of our credentials.
    Unknown,
    /// The credential is retired, and its password is deleted.
    Retired,
    /// The password was sealed with another master key.
    Unreadable,
    /// The password of the credential.
    Known(Secret),
}

/// A credential that was just created, with its password.
#[derive(Debug)]
#[non_exhaustive]
pub struct IssuedCredential {
    /// The number of the credential.
    pub id: CredentialId,
    /// The user name for the registration.
    pub username: String,
    /// The password for the registration.
    pub password: Secret,
}

/// A password encrypted with AES-256-GCM, bound to its credential.
#[doc(hidden)]
pub struct SealedSecret {
    /// The first bytes of the fingerprint of the master key that opens it.
    pub key_id: Vec<u8>,
    pub nonce: Vec<u8>,
    pub ciphertext: Vec<u8>,
}

/// When a credential was used, since this was last recorded in the database.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CredentialUse {
    pub first: OffsetDateTime,
    pub last: OffsetDateTime,
}
