//! Who may call: endpoints and their credentials.

mod administration;
pub(crate) mod directory;
pub(crate) mod keyed_hash;
mod master_key;
pub(crate) mod path;
pub(crate) mod place;
pub(crate) mod presence;
mod public_url;
mod registration_lock;
pub(crate) mod retirement;
pub(crate) mod roster;
pub(crate) mod sealed;
pub(crate) mod snapshot;
pub(crate) mod usage;

use std::fmt;
use std::time::Duration;

use time::OffsetDateTime;

pub use administration::Endpoints;
pub use master_key::MasterKey;
pub use public_url::{PublicUrl, PublicUrlError};
pub use registration_lock::RegistrationLock;

use eqp_types::{Environment, MageId, Secret};

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
    /// One Marketplace account, as the database numbers it.
    AccountId,
    /// One endpoint, as the database numbers it.
    EndpointId,
    /// One credential, as the database numbers it.
    CredentialId,
}

/// The number of a change of endpoints or credentials: each has one more than the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CredentialGeneration(pub(crate) i64);

/// What a new endpoint should be.
#[derive(Clone, Debug)]
pub struct NewEndpoint {
    /// The account that will call it.
    pub account: AccountId,
    /// Its name: letters, digits, `-`, `_` and `.`; unique.
    pub name: String,
    /// The path at which the receiver answers; `/callbacks/{name}` if there is none of its own.
    pub path: Option<String>,
    /// The URL under which the Marketplace calls it.
    pub public_url: PublicUrl,
}

/// Why a path cannot be an endpoint's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointPathError {
    /// It does not start with a slash.
    #[error("it must start with /")]
    NoSlash,
    /// It has more than 500 bytes.
    #[error("it is longer than 500 bytes")]
    TooLong,
    /// It holds a character that no request carries in its path or query.
    #[error("it may hold letters, digits and -._~!$&'()*+,;=:@/%? only; write other characters percent-encoded")]
    Character,
    /// It has a segment `.` or `..`.
    #[error("it has a segment . or .., which clients resolve before they send it")]
    Segment,
    /// The receiver itself answers there.
    #[error("the receiver answers something else there")]
    Taken,
}

/// One endpoint with its credentials, as lists show it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EndpointSummary {
    /// The number of the endpoint.
    pub id: EndpointId,
    /// The environment of the account that calls it.
    pub environment: Environment,
    /// The account that calls it.
    pub mage_id: MageId,
    /// Its name.
    pub name: String,
    /// The path at which the receiver answers.
    pub path: String,
    /// The URL under which the Marketplace calls it.
    pub public_url: String,
    /// Its credentials, newest first; never with a password.
    pub credentials: Vec<CredentialSummary>,
    /// User names that it had before and refuses now.
    pub former: Vec<String>,
}

impl EndpointSummary {
    /// Whether it is registered or is to be: one whose credentials were all given up was removed, though it may accept
    /// callbacks that are on their way.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        self.credentials.iter().any(|one| matches!(one.state, CredentialState::Pending | CredentialState::Live))
    }
}

/// One credential, as lists show it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CredentialSummary {
    /// The number of the credential.
    pub id: CredentialId,
    /// The user name that the Marketplace sends.
    pub username: String,
    /// How far it is in its life.
    pub state: CredentialState,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When a callback first came with it; some seconds pass until that is known here.
    pub first_used_at: Option<OffsetDateTime>,
    /// When the last one came.
    pub last_used_at: Option<OffsetDateTime>,
    /// Of a retiring one: how long it is taken after the first callback that comes with the one that replaced it.
    pub retire_grace: Option<Duration>,
    /// Of a retiring one: when it is refused. Known once the one that replaced it has been seen on a callback.
    pub retire_at: Option<OffsetDateTime>,
}

/// How far a credential is in its life. All but `Retired` are taken by the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialState {
    /// Made, and not yet known to be in force at the Marketplace.
    Pending,
    /// In force.
    Live,
    /// Replaced by another; still taken, because a callback may be on its way.
    Retiring,
    /// Refused.
    Retired,
}

impl CredentialState {
    /// The word for it in tables and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Live => "live",
            Self::Retiring => "retiring",
            Self::Retired => "retired",
        }
    }

    /// Reads the database's word; what it does not know is refused, as a retired one is.
    pub(crate) fn from_word(word: &str) -> Self {
        match word {
            "pending" => Self::Pending,
            "live" => Self::Live,
            "retiring" => Self::Retiring,
            _ => Self::Retired,
        }
    }
}

/// User name and password that nobody has yet: what a registration can be planned with before anything is kept.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewCredential {
    /// The user name, never used before.
    pub username: String,
    /// The password: 32 random bytes, URL-safe.
    pub password: Secret,
}

/// What is known of a user name with which a URL is registered.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Issued {
    /// It is none of ours.
    No,
    /// It is ours, and refused by now; its password is forgotten.
    Forgotten,
    /// It is ours, and its password was sealed with another master key.
    Unreadable,
    /// It is ours, with this password.
    Known(Secret),
}

/// A credential just made: the only moment at which its password is given without asking for it.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_reads_the_words_that_were_written() {
        use CredentialState::{Live, Pending, Retired, Retiring};
        for state in [Pending, Live, Retiring, Retired] {
            assert_eq!(CredentialState::from_word(state.as_str()), state);
        }
        assert_eq!(CredentialState::from_word("asleep"), Retired, "what is not known is refused");
    }
}
