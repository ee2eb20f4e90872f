//! What can go wrong in a receiver.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::SecretFileError;
use crate::endpoint::{CredentialId, EndpointId, EndpointPathError};

/// Why the receiver could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Postgres refused a statement, or went away while it ran.
    #[error("the database refused")]
    Database(#[from] sqlx::Error),
    /// Postgres cannot be reached at all.
    #[error("the database cannot be reached; check its URL, and that Postgres is running there")]
    DatabaseUnreachable(#[source] sqlx::Error),
    /// The receiver's tables are not there, or only some of them.
    #[error("the database has not all tables of the receiver; run `eqp migrate`, or call `eqp_receiver::migrate`")]
    NotMigrated,
    /// A newer program has changed the tables.
    #[error(
        "the database has schema version {found}, and this program knows versions up to {known}; use a newer program"
    )]
    NewerSchema {
        /// The newest version in the database.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// Postgres takes no writes: a standby, or set to read-only.
    #[error("the database refuses writes; point to the primary, or set default_transaction_read_only to off")]
    DatabaseReadOnly,
    /// The database stores text in an encoding that does not have every character.
    #[error(
        "the encoding of the database is {encoding}, and callbacks need UTF8; make another one: \
         create database eqp encoding 'UTF8' template template0 locale 'C'"
    )]
    Encoding {
        /// Its encoding.
        encoding: String,
    },
    /// The role may not make the receiver's tables.
    #[error(
        "the role {role} lacks the right CREATE on the {target}, which the receiver's tables need; \
         its owner can give it: grant create on {target} to {role}"
    )]
    MissingRights {
        /// The role that connected.
        role: String,
        /// Where it may not create: `database eqp`, or `schema eqp`.
        target: String,
    },
    /// The tables could not be brought up to date.
    #[error("the tables of the receiver could not be made")]
    Migrate(#[from] sqlx::migrate::MigrateError),

    /// No master key was given to the builder.
    #[error("a receiver needs its master key; give one with `Builder::master_key`")]
    NoMasterKey,
    /// The file of the master key cannot be read.
    #[error("the master key cannot be read")]
    MasterKeyUnreadable(#[source] SecretFileError),
    /// The file of the master key cannot be made.
    #[error("cannot make the master key file {}", path.display())]
    MasterKeyFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file of the master key holds something else.
    #[error("{} holds no master key (32 bytes in URL-safe base64); restore it, or name another file", path.display())]
    MasterKeyMalformed {
        /// The file.
        path: PathBuf,
    },
    /// The credentials in the database were made with another master key.
    #[error(
        "this database belongs to another master key, so every callback would be refused; name the key file it was \
         set up with, or, if that is lost, delete the row of eqp.instance and issue every credential anew"
    )]
    OtherMasterKey,
    /// A sealed password does not open: another key, or a changed row.
    #[error("the password of credential {credential} cannot be unsealed; rotate the credential")]
    CannotUnseal {
        /// Whose password.
        credential: CredentialId,
    },
    /// The cryptographic library failed, such as for want of randomness.
    #[error("a cryptographic operation failed")]
    Crypto,

    /// A name that no endpoint can have.
    #[error("`{name}` cannot name an endpoint; use letters, digits, -, _ and ., at most 100")]
    EndpointName {
        /// The name.
        name: String,
    },
    /// A path that no endpoint can have.
    #[error("`{path}` cannot be an endpoint's path: {reason}")]
    EndpointPath {
        /// The path.
        path: String,
        /// What is wrong with it.
        reason: EndpointPathError,
    },
    /// The name or the path is in use, maybe by a retired endpoint.
    #[error("there is an endpoint with the name `{name}` or the path `{path}` already; choose others")]
    EndpointExists {
        /// The name asked for.
        name: String,
        /// The path asked for.
        path: String,
    },
    /// There is no such endpoint, or it is retired.
    #[error("there is no endpoint {endpoint} in use")]
    UnknownEndpoint {
        /// The number asked for.
        endpoint: EndpointId,
    },
    /// There is no such credential, or it is retired.
    #[error("there is no credential {credential} in use")]
    UnknownCredential {
        /// The number asked for.
        credential: CredentialId,
    },
    /// Two credentials of the endpoint are in use.
    #[error("endpoint {endpoint} has two credentials in use; retire one first")]
    TooManyCredentials {
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// The endpoint had this user name before.
    #[error("the user name `{username}` was used for this endpoint before; use another")]
    CredentialExists {
        /// The user name.
        username: String,
    },
    /// Not every receiver that lives has loaded a change of credentials in time.
    #[error(
        "{receivers} of the receivers on this database did not load the change in time; look at their logs, or, if one \
         was killed, wait some seconds until it is taken for dead, and try again"
    )]
    NotLoaded {
        /// How many.
        receivers: usize,
    },
    /// A user name that a Basic header cannot carry.
    #[error("a user name has 1 to 255 bytes, and no colon and no control character")]
    CredentialName,

    /// The folder of the spool, or a file in it, cannot be used.
    #[error("cannot use the spool in {}; see to the folder and to the space on its disk", folder.display())]
    SpoolFolder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another user could read the spool or put something in its place.
    #[error("{} cannot be used for a spool: {why}. Give the receiver a folder that belongs to its own user", .path.display())]
    SpoolUnsafe {
        /// The folder or the file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Another process has the spool open.
    #[error(
        "the spool in {} is in use{}; give each receiver a data folder of its own, or stop the other one",
        folder.display(),
        holder.map(|process| format!(" by process {process}")).unwrap_or_default()
    )]
    SpoolHeld {
        /// The folder.
        folder: PathBuf,
        /// The other process, where it is known.
        holder: Option<u32>,
    },
    /// The spool's file was cut short or changed by something else.
    #[error(
        "{} is damaged, and was left as it is; restore it from a copy, or put it aside with `eqp spool set-aside` (it may \
         hold callbacks that are nowhere else)",
        file.display()
    )]
    SpoolDamaged {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        #[source]
        reason: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The callbacks in the spool were received for another database.
    #[error(
        "the spool in {} belongs to database {spool}, and this is database {database}; name the database that it \
         belongs to, or save what it holds with `eqp spool export` and put it aside with `eqp spool set-aside`",
        folder.display()
    )]
    SpoolOfAnotherDatabase {
        /// The folder of the spool.
        folder: PathBuf,
        /// The database that it belongs to, by the id in its table `eqp.instance`.
        spool: uuid::Uuid,
        /// The id of this one.
        database: uuid::Uuid,
    },
    /// The endpoints in the spool were kept with another master key.
    #[error("the endpoints kept in the spool belong to another master key; name the key file they were kept with")]
    SnapshotOfAnotherKey,
    /// There is no spool in the folder.
    #[error("there is no spool in {}; a receiver makes one in its data folder", folder.display())]
    NoSpool {
        /// The folder.
        folder: PathBuf,
    },

    /// The address cannot be listened on.
    #[error("cannot listen on {address}; is another program there?")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Plain HTTP was asked for where others could read the passwords.
    #[error(
        "{address} would be reached over plain HTTP from other machines; give a certificate, listen on a loopback \
         address, or say that a proxy in front speaks TLS (behind_proxy)"
    )]
    PlainHttp {
        /// The address.
        address: SocketAddr,
    },
    /// There is no usable certificate.
    #[error("there is no usable certificate")]
    Tls(#[from] eqp_tls::Error),
    /// The accepting side stopped while it should run.
    #[error("the accepting side stopped")]
    Stopped(#[source] std::io::Error),
    /// A part of the receiver panicked.
    #[error("a part of the receiver failed unexpectedly")]
    Panicked,
}

impl Error {
    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::DatabaseUnreachable(_)
            | Self::DatabaseReadOnly
            | Self::NotLoaded { .. }
            | Self::Database(sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut) => true,
            // The connection is gone, or Postgres is: ended, starting, or replaying its log.
            Self::Database(sqlx::Error::Database(said)) => {
                said.code().is_some_and(|code| code.starts_with("08") || code.starts_with("57P"))
            }
            _ => false,
        }
    }
}
