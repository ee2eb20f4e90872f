//! The errors of this crate.

use std::borrow::Cow;
use std::path::PathBuf;

use crate::model::{AccountId, CredentialId, EndpointId, EndpointPathError};
use crate::secret_file::SecretFileError;

/// An error of the database of a receiver, or of its master key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A statement failed, or the connection was lost while it ran.
    #[error("a database query failed")]
    Database(#[source] DatabaseError),
    /// The URL of the database is malformed.
    #[error("the URL of the database cannot be used; write it as postgres://USER@HOST/DATABASE")]
    DatabaseUrl(#[source] DatabaseError),
    /// No connection to Postgres could be established.
    #[error("the database cannot be reached; check its URL, and that Postgres is running there")]
    DatabaseUnreachable(#[source] DatabaseError),
    /// Some or all of the receiver's tables are missing.
    #[error("the database does not have all tables of this version: its migrations must be applied")]
    NotMigrated,
    /// The tables are those of version 0.1 and must be converted.
    #[error("the database is from version 0.1 and must be converted before this version can use it")]
    PreviousVersion,
    /// The tables are those of a newer version.
    #[error(
        "the database has schema version {found}, but this program supports versions up to {known}; use a newer program"
    )]
    NewerSchema {
        /// The newest version in the database.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// The database is read-only: a standby, or configured so.
    #[error("the database is read-only; connect to the primary, or set default_transaction_read_only to off")]
    DatabaseReadOnly,
    /// The encoding of the database is not UTF-8.
    #[error(
        "the encoding of the database is {encoding}, but UTF8 is required; create another database: \
         create database eqp encoding 'UTF8' template template0 locale 'C'"
    )]
    Encoding {
        /// The encoding of the database.
        encoding: String,
    },
    /// The role is not allowed to create the receiver's tables.
    #[error(
        "the role {role} lacks the privilege CREATE on {target}, which is required to create the tables; \
         its owner can grant it: grant create on {target} to {role}"
    )]
    MissingRights {
        /// The role that connected.
        role: String,
        /// The place in which it may not create tables, such as `database eqp` or `schema eqp`.
        target: String,
    },
    /// A migration failed.
    #[error("the tables could not be migrated")]
    Migrate(#[source] MigrationError),

    /// The master key file cannot be read.
    #[error("the master key cannot be read")]
    MasterKeyUnreadable(#[source] SecretFileError),
    /// The master key file cannot be created.
    #[error("cannot create the master key file {}", path.display())]
    MasterKeyFile {
        /// The master key file.
        path: PathBuf,
        /// The error of the file system.
        source: std::io::Error,
    },
    /// The master key file does not contain a master key.
    #[error("{} does not contain a master key (32 bytes in URL-safe base64); restore it, or use another file", path.display())]
    MasterKeyMalformed {
        /// The master key file.
        path: PathBuf,
    },
    /// The credentials in the database were created with another master key.
    #[error(
        "this database belongs to another master key, so every callback would be rejected; use the key file that the \
         database was set up with"
    )]
    OtherMasterKey,
    /// A sealed password cannot be decrypted, because it was sealed with another key or its row was changed.
    #[error("the password of credential {credential} cannot be decrypted; rotate the credential")]
    CannotUnseal {
        /// The credential with this password.
        credential: CredentialId,
    },
    /// A sealed access key cannot be decrypted, because it was sealed with another key or its row was changed.
    #[error("the access key of account {account} cannot be decrypted; store it again")]
    CannotUnsealAccessKey {
        /// The number of the account.
        account: AccountId,
    },
    /// The cryptographic library failed, for example because the system returned no random bytes.
    #[error("a cryptographic operation failed")]
    Crypto,

    /// The name of an endpoint is invalid.
    #[error(
        "`{name}` is not a valid endpoint name; use at most 100 letters, digits, hyphens, underscores and dots, starting with a letter or digit"
    )]
    EndpointName {
        /// The invalid name.
        name: String,
    },
    /// The path of an endpoint is invalid.
    #[error("`{path}` is not a valid endpoint path: {reason}")]
    EndpointPath {
        /// The invalid path.
        path: String,
        /// The reason why the path is invalid.
        reason: EndpointPathError,
    },
    /// Another endpoint, possibly a retired one, has the same name or path.
    #[error("an endpoint with the name `{name}` or the path `{path}` already exists; choose others")]
    EndpointExists {
        /// The requested name.
        name: String,
        /// The requested path.
        path: String,
    },
    /// The endpoint does not exist or is retired.
    #[error("endpoint {endpoint} does not exist or is retired")]
    UnknownEndpoint {
        /// The requested number.
        endpoint: EndpointId,
    },
    /// The credential does not exist or is retired.
    #[error("credential {credential} does not exist or is retired")]
    UnknownCredential {
        /// The requested number.
        credential: CredentialId,
    },
    /// The endpoint has two usable credentials already.
    #[error("endpoint {endpoint} already has two usable credentials; retire one first")]
    TooManyCredentials {
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// The endpoint has, or had, a credential with this user name.
    #[error("the user name `{username}` was already used for this endpoint; choose another")]
    CredentialExists {
        /// The user name.
        username: String,
    },
    /// Some running receivers did not load a change of credentials in time.
    #[error(
        "{receivers} of the running receivers did not load the change in time; check their logs. A receiver that was killed counts as running for ten seconds: then try again"
    )]
    NotLoaded {
        /// The number of receivers that did not load it.
        receivers: usize,
    },
    /// The user name cannot be sent with Basic authentication.
    #[error("a user name must have 1 to 255 bytes, without colons and control characters")]
    CredentialName,
}

impl Error {
    pub(crate) fn unreachable(error: sqlx::Error) -> Self {
        Self::DatabaseUnreachable(error.into())
    }

    /// Returns whether the same call can succeed later without any change by the caller.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::DatabaseUnreachable(_)
            | Self::DatabaseReadOnly
            | Self::NotLoaded { .. }
            | Self::Database(DatabaseError(sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut)) => true,
            // The connection is lost, or Postgres is shutting down, starting or recovering.
            Self::Database(error) => {
                error.sqlstate().is_some_and(|code| code.starts_with("08") || code.starts_with("57P"))
            }
            _ => false,
        }
    }
}

// Only for the crates of this project: the type of the driver's errors is not part of the public API.
#[doc(hidden)]
impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

/// An error that Postgres reported, or the reason why it could not be asked.
///
/// The error of the driver is hidden, so that the driver can be updated without a breaking change.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct DatabaseError(sqlx::Error);

impl DatabaseError {
    /// Returns the SQLSTATE, such as `42501` (insufficient privilege). `None` if the error was not reported by Postgres.
    pub fn sqlstate(&self) -> Option<Cow<'_, str>> {
        self.0.as_database_error().and_then(sqlx::error::DatabaseError::code)
    }

    /// Returns the error of the driver. Only for the crates of this project.
    #[doc(hidden)]
    pub fn driver_error(&self) -> &sqlx::Error {
        &self.0
    }
}

#[doc(hidden)]
impl From<sqlx::Error> for DatabaseError {
    fn from(error: sqlx::Error) -> Self {
        Self(error)
    }
}

/// The reason why a migration failed. The error of the migration tool is hidden.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct MigrationError(pub(crate) sqlx::migrate::MigrateError);

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn the_driver_is_hidden_but_its_cause_is_shown() {
        let lost = || sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
        let error = Error::from(lost());
        assert!(error.is_retryable());
        let cause = error.source().expect("a cause");
        assert_eq!(cause.to_string(), lost().to_string());
        assert!(cause.downcast_ref::<sqlx::Error>().is_none(), "the type of the driver's error is visible");
        assert!(cause.source().is_some_and(<dyn std::error::Error>::is::<std::io::Error>), "{cause:?}");
    }
}
