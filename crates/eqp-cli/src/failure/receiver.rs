//! What the receiver and its database can say.

use eqp_receiver::Error;

use super::{Exit, Failure};

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let failure = |exit, what: &str| Failure::new(exit, what).because(&error);
        match &error {
            Error::DatabaseUnreachable(source) => of_connection(source),
            Error::Database(source) if is_connection(source) => of_connection(source),
            Error::NotMigrated => failure(Exit::Failed, "the database is not ready"),
            Error::NewerSchema { .. } => failure(Exit::Failed, "this program is too old for the database"),
            Error::Encoding { .. } => failure(Exit::Usage, "the database cannot be used"),
            Error::MissingRights { .. } => failure(Exit::NotAuthorised, "the database does not let us make tables"),
            Error::DatabaseReadOnly => failure(Exit::Unreachable, "the database cannot be written to"),
            Error::MasterKeyFile { .. }
            | Error::MasterKeyUnreadable(_)
            | Error::MasterKeyMalformed { .. }
            | Error::OtherMasterKey
            | Error::SnapshotOfAnotherKey => failure(Exit::Usage, "the master key cannot be used")
                .next("the key is a file in the data folder, or the one that EQP_MASTER_KEY_FILE names"),
            Error::SpoolHeld { .. } => failure(Exit::Failed, "the spool is in use")
                .next("--spool-dir names another folder; a running receiver empties its spool by itself"),
            Error::SpoolFolder { .. } | Error::SpoolDamaged { .. } | Error::SpoolUnsafe { .. } => {
                failure(Exit::Failed, "the spool cannot be used").next("--spool-dir names another folder")
            }
            Error::SpoolOfAnotherDatabase { .. } => {
                failure(Exit::Usage, "the spool and the database do not belong together")
            }
            Error::NoSpool { .. } => {
                failure(Exit::NotFound, "there is no spool").next("--data-dir or --spool-dir names another place")
            }
            Error::Listen { address, .. } => failure(Exit::Failed, &format!("cannot receive on {address}"))
                .next("stop what listens there, or name another address with --listen"),
            Error::NotLoaded { .. } => failure(Exit::TimedOut, "a receiver does not take the new credential yet"),
            Error::PlainHttp { .. } => failure(Exit::Usage, "this would not be safe"),
            Error::Tls(_) => failure(Exit::Usage, "cannot speak TLS")
                .next("check the files of --tls-cert and --tls-key, or leave both out for a local CA"),
            Error::EndpointName { .. } | Error::EndpointPath { .. } | Error::CredentialName => {
                failure(Exit::Usage, "this endpoint cannot be")
            }
            Error::CredentialExists { .. } => failure(Exit::Usage, "this user name cannot be taken")
                .next("leave the password out: a new user name takes the entry's place"),
            _ => failure(Exit::Failed, "the receiver's database refused"),
        }
    }
}

fn is_connection(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::Tls(_))
}

/// A server that answers "wrong password" is reached; everything else before the first statement is not.
fn of_connection(source: &sqlx::Error) -> Failure {
    let code = source.as_database_error().and_then(sqlx::error::DatabaseError::code);
    match code.as_deref() {
        Some("28P01" | "28000") => Failure::new(Exit::NotAuthorised, "the database does not let us in")
            .because(source)
            .next("check user and password in the database's URL"),
        Some("3D000") => Failure::new(Exit::NotFound, "the database is not there")
            .because(source)
            .next("make it (createdb), or correct its name in the URL"),
        _ => Failure::new(Exit::Unreachable, "the database cannot be reached")
            .because(source)
            .next("start it, correct its URL, or name none to use the embedded Postgres"),
    }
}
