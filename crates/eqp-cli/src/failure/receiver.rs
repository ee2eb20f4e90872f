//! Converts errors of the receiver, its database, the embedded Postgres and listeners to failures with remedies.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use eqp_store::internal::upgrade::UpgradeError;
use eqp_store::internal::{DatabaseUrlError, PARAMETER_NAMES};
use eqp_store::{DatabaseError, Error as StoreError};

use super::{Exit, Failure};
use crate::text::nearest;

impl From<eqp_receiver::Error> for Failure {
    fn from(error: eqp_receiver::Error) -> Self {
        let failure = |exit, what: &str| Failure::new(exit, what).because(&error);
        match error {
            eqp_receiver::Error::Store(error) => error.into(),
            eqp_receiver::Error::SnapshotOfAnotherKey => {
                master_key(failure(Exit::Usage, "the master key cannot be used"))
            }
            eqp_receiver::Error::SpoolHeld { .. } => failure(Exit::Failed, "the spool is in use")
                .next("choose another folder with --spool-dir; a running receiver drains its spool automatically"),
            eqp_receiver::Error::SpoolDamaged { .. } => failure(Exit::Failed, "the spool cannot be used")
                .next("rename the damaged file with `eqp spool set-aside`, or choose another folder with --spool-dir"),
            eqp_receiver::Error::SpoolFolder { .. } | eqp_receiver::Error::SpoolUnsafe { .. } => {
                failure(Exit::Failed, "the spool cannot be used").next("choose another folder with --spool-dir")
            }
            eqp_receiver::Error::SpoolOfAnotherDatabase { .. } => {
                failure(Exit::Usage, "the spool belongs to another database")
                    .next("connect to that database; or save the callbacks with `eqp spool export`, then rename the file with `eqp spool set-aside`")
            }
            eqp_receiver::Error::NoSpool { .. } => failure(Exit::NotFound, "there is no spool")
                .next("choose the folder of the spool with --data-dir or --spool-dir"),
            eqp_receiver::Error::Listen { address, source } => listening(address, &source),
            eqp_receiver::Error::PlainHttp { .. } => failure(Exit::Usage, "plain HTTP is not allowed on this address")
                .next("pass --tls-cert and --tls-key, or listen on 127.0.0.1"),
            eqp_receiver::Error::Tls(_) => failure(Exit::Usage, "cannot set up TLS")
                .next("check the files of --tls-cert and --tls-key, or omit both options to use the local CA"),
            _ => failure(Exit::Failed, "the receiver failed"),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        (&error).into()
    }
}

impl From<&StoreError> for Failure {
    fn from(error: &StoreError) -> Self {
        let failure = |exit, what: &str| Failure::new(exit, what).because(error);
        match error {
            StoreError::DatabaseUnreachable(source) => connection_failure(source),
            StoreError::Database(source) if is_connection(source) => connection_failure(source),
            StoreError::Database(source) if source.sqlstate().as_deref() == Some(INSUFFICIENT_PRIVILEGE) => {
                with_roles(failure(Exit::NotAuthorised, "the database role lacks a privilege"))
            }
            StoreError::NotMigrated => {
                failure(Exit::Failed, "the database is not ready").next("apply the migrations with eqp migrate")
            }
            StoreError::PreviousVersion => {
                let what = "the database is from version 0.1; convert it with `eqp migrate --from-0.1`";
                Failure::new(Exit::Failed, what)
            }
            StoreError::NewerSchema { .. } => failure(Exit::Failed, "this program is too old for the database"),
            StoreError::Encoding { .. } => failure(Exit::Usage, "the database cannot be used"),
            StoreError::MissingRights { .. } => failure(Exit::NotAuthorised, "the database role may not create tables"),
            StoreError::DatabaseReadOnly => failure(Exit::Unreachable, "the database cannot be written to"),
            StoreError::MasterKeyFile { .. }
            | StoreError::MasterKeyUnreadable(_)
            | StoreError::MasterKeyMalformed { .. }
            | StoreError::OtherMasterKey => master_key(failure(Exit::Usage, "the master key cannot be used")),
            StoreError::NotLoaded { .. } => failure(Exit::TimedOut, "not all receivers have loaded the change yet"),
            StoreError::EndpointName { .. } | StoreError::EndpointPath { .. } | StoreError::CredentialName => {
                failure(Exit::Usage, "the endpoint cannot be created")
            }
            StoreError::CredentialExists { .. } => failure(Exit::Usage, "this user name cannot be used")
                .next("omit the password; the entry then gets a new credential"),
            _ => failure(Exit::Failed, "the database failed")
                .next("run the same command again; if it fails again, see the log of Postgres"),
        }
    }
}

impl From<DatabaseUrlError> for Failure {
    fn from(error: DatabaseUrlError) -> Self {
        let DatabaseUrlError { reason, hints, unknown_parameter, .. } = error;
        let failure = Self::usage("the database URL cannot be used").why(reason);
        let near = unknown_parameter.as_deref().and_then(|name| nearest(name, PARAMETER_NAMES));
        let failure = near.into_iter().fold(failure, |failure, near| failure.next(format!("did you mean `{near}`?")));
        hints.into_iter().fold(failure, Self::next)
    }
}

impl From<UpgradeError> for Failure {
    fn from(error: UpgradeError) -> Self {
        let failure = |exit| Failure::new(exit, "the database was not converted").because(&error);
        match error {
            UpgradeError::Store(error) => error.into(),
            UpgradeError::NotVersion0_1 => {
                failure(Exit::Usage).next("eqp migrate applies the migrations of this version")
            }
            UpgradeError::Locked => {
                failure(Exit::TimedOut).next("stop the programs that use the database, then run the same command again")
            }
            _ => failure(Exit::Failed),
        }
    }
}

/// The SQLSTATE of a statement for which the role lacks a right.
const INSUFFICIENT_PRIVILEGE: &str = "42501";

pub(super) fn with_roles(failure: Failure) -> Failure {
    failure
        .next("grant the privileges with crates/eqp-store/roles.sql; run it again after every migration")
        .next("make the role a member of eqp_runtime (eqp_reconcile to reconcile accounts, eqp_accept only to accept callbacks, eqp_migrator to migrate)")
}

fn master_key(failure: Failure) -> Failure {
    failure.next("use the key file that the database was set up with: master.key in the data folder, or the file named by EQP_MASTER_KEY_FILE")
}

fn is_connection(error: &DatabaseError) -> bool {
    matches!(error.driver_error(), sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::Tls(_))
}

/// Returns the failure for a connection. A server that rejects the login was reached; any other error before the first
/// statement means that it was not.
fn connection_failure(source: &DatabaseError) -> Failure {
    // sqlx distinguishes this from other TLS errors only by its text.
    if let sqlx::Error::Tls(problem) = source.driver_error()
        && problem.to_string().contains("server does not support TLS")
    {
        return Failure::new(Exit::Unreachable, "the database server does not offer TLS")
            .why("the sslmode in the URL requires TLS")
            .next("set `ssl = on` in postgresql.conf, or use sslmode=prefer on a network that you trust");
    }
    match source.sqlstate().as_deref() {
        Some("28P01" | "28000") => Failure::new(Exit::NotAuthorised, "the database rejected the login")
            .because(source)
            .next("check the user and password in the database URL"),
        Some("3D000") => Failure::new(Exit::NotFound, "the database does not exist")
            .because(source)
            .next("create it (createdb), or correct its name in the URL"),
        Some(INSUFFICIENT_PRIVILEGE) => {
            with_roles(Failure::new(Exit::NotAuthorised, "the database rejected the login").because(source))
        }
        _ => Failure::new(Exit::Unreachable, "the database cannot be reached")
            .because(source)
            .next("start Postgres, correct the URL, or remove the URL to use the embedded Postgres"),
    }
}

#[cfg(feature = "embedded")]
impl From<eqp_postgres::Error> for Failure {
    fn from(error: eqp_postgres::Error) -> Self {
        let (exit, what) = match &error {
            eqp_postgres::Error::ForeignFolder { .. } => (Exit::Usage, "the data folder cannot be used"),
            eqp_postgres::Error::NotEnterable { .. }
            | eqp_postgres::Error::NoUser
            | eqp_postgres::Error::NamelessUser { .. } => (Exit::Usage, "the embedded Postgres cannot run here"),
            eqp_postgres::Error::ProgramsNotFound { .. }
            | eqp_postgres::Error::UnusablePrograms { .. }
            | eqp_postgres::Error::OtherMajor { .. } => (Exit::Unreachable, "no Postgres is installed"),
            _ => (Exit::Unreachable, "the embedded Postgres is not running"),
        };
        let failure = Failure::new(exit, what).because(&error);
        match error {
            eqp_postgres::Error::ProgramsNotFound { .. } | eqp_postgres::Error::UnusablePrograms { .. } => failure
                .next("install Postgres, set EQP_POSTGRES_BIN to the folder of its programs, or set EQP_DATABASE_URL to an existing database"),
            _ => failure,
        }
    }
}

/// The first port that requires no elevated privileges on most systems.
const FIRST_FREE_PORT: u16 = 1024;

/// Returns the failure for an address that cannot be listened on, with a remedy for each cause.
pub(crate) fn listening(address: SocketAddr, error: &io::Error) -> Failure {
    let failure = Failure::new(Exit::Failed, format!("cannot listen on {address}")).because(error);
    match error.kind() {
        ErrorKind::PermissionDenied if address.port() < FIRST_FREE_PORT => failure
            .why(format!("permission denied: ports below {FIRST_FREE_PORT} require elevated privileges"))
            .next(format!(
                "listen on a higher port, such as --listen {}, behind a proxy or a port forward from {}",
                SocketAddr::new(address.ip(), 8443),
                address.port()
            ))
            .next("or grant the capability to the program: setcap cap_net_bind_service=+ep /path/to/eqp")
            .next("or, in a systemd unit: AmbientCapabilities=CAP_NET_BIND_SERVICE"),
        ErrorKind::AddrNotAvailable => failure
            .why(format!("{} is not an address of this machine", address.ip()))
            .next(format!("choose an address of this machine, or --listen :{} for all IPv4 addresses", address.port())),
        ErrorKind::AddrInUse => failure
            .why("another program is listening on it")
            .next("stop that program, or choose another address with --listen"),
        _ => failure.next("choose another address with --listen"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_has_its_own_remedy() {
        let shown = |address: &str, kind: ErrorKind| listening(address.parse().unwrap(), &kind.into()).to_string();
        let denied = shown("0.0.0.0:443", ErrorKind::PermissionDenied);
        for part in ["0.0.0.0:8443", "CAP_NET_BIND_SERVICE", "AmbientCapabilities", "below 1024"] {
            assert!(denied.contains(part), "{part}: {denied}");
        }
        assert!(!denied.contains("stop that program"), "{denied}");
        assert!(shown("127.0.0.1:8443", ErrorKind::AddrInUse).contains("another program is listening on it"));
        assert!(shown("192.0.2.1:8443", ErrorKind::AddrNotAvailable).contains("--listen :8443"));
        assert!(!shown("127.0.0.1:8443", ErrorKind::PermissionDenied).contains("below 1024"));
    }
}
