//! The errors of this crate. Each message contains a remedy.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// The reason why an embedded Postgres could not be started, used or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No Postgres is installed, and none could be downloaded.
    #[error(
        "no Postgres {wanted} is installed, and none could be downloaded ({}). Install one (Debian: `apt-get install postgresql`; \
         macOS: `brew install postgresql`), or set EQP_POSTGRES_BIN to the folder of its programs, or set the \
         URL of an existing Postgres",
        .tried.join("; ")
    )]
    ProgramsNotFound {
        /// The versions that can be used, such as "14 or newer".
        wanted: String,
        /// Every place that was searched, with the reason why it could not be used.
        tried: Vec<String>,
    },
    /// The configured folder does not contain a usable Postgres.
    #[error("{} does not contain a usable Postgres: {reason}. It must contain `initdb` and `postgres`, version 14 or newer", .folder.display())]
    UnusablePrograms {
        /// The configured folder.
        folder: PathBuf,
        /// The reason why it cannot be used.
        reason: String,
    },
    /// The data was created by a major version that is not installed, and Postgres cannot read data of other major versions.
    #[error(
        "the data in {} was created by Postgres {made_by}, which is not installed ({}). Install it (Debian: \
         `apt-get install postgresql-{made_by}`; macOS: `brew install postgresql@{made_by}`), or set EQP_POSTGRES_BIN to the \
         folder of its programs, or dump the data with it and start with another folder",
        .folder.display(), .tried.join("; ")
    )]
    OtherMajor {
        /// The data folder.
        folder: PathBuf,
        /// The major version that created the data.
        made_by: u32,
        /// Every place that was searched, with what was found there.
        tried: Vec<String>,
    },
    /// The folder contains something else.
    #[error("{} is not a data folder of an embedded Postgres ({reason}), and was left unchanged. Use an empty or a new folder", .folder.display())]
    ForeignFolder {
        /// The folder.
        folder: PathBuf,
        /// The entry that was found in it.
        reason: String,
    },
    /// The program runs as root, and the user that Postgres would run as cannot enter the folder.
    #[error(
        "Postgres cannot run as root and would run as the user {user}, who cannot enter {}. Use a data folder that every \
         user can enter, for example under /var/lib/eqp, or run the program as another user",
        .barrier.display()
    )]
    NotEnterable {
        /// The user that Postgres would run as.
        user: String,
        /// The first folder of the path that this user cannot enter.
        barrier: PathBuf,
    },
    /// The program runs as root, and there is no other user to run Postgres as.
    #[error(
        "Postgres cannot run as root, and neither the user `postgres` nor `nobody` exists; run the program as another user"
    )]
    NoUser,
    /// The user ID has no name, which `initdb` requires.
    #[error(
        "the user ID {uid} has no entry in /etc/passwd, which Postgres requires to create a database, and a user namespace did not \
         help: {detail}. Add an entry (`eqp:x:{uid}:{uid}::/:/usr/sbin/nologin`), run the program as a user that has one, or \
         set the URL of an existing Postgres"
    )]
    NamelessUser {
        /// The user ID.
        uid: u32,
        /// The reason why the user namespace did not help.
        detail: String,
    },
    /// The disk is full, or does not have enough space for a new cluster.
    #[error("the disk with {} is full ({detail}). Free some space and start again; no data was lost", .folder.display())]
    DiskFull {
        /// The folder.
        folder: PathBuf,
        /// The operation during which the disk was full, or the available space.
        detail: String,
    },
    /// Another process has been using the folder exclusively for too long.
    #[error("another process has been starting or stopping the Postgres in {} for {} s; wait for it, or terminate it", .folder.display(), .waited.as_secs())]
    Busy {
        /// The folder.
        folder: PathBuf,
        /// The time that this process waited.
        waited: Duration,
    },
    /// A program of Postgres could not be started or failed.
    #[error("`{program}` failed: {detail}")]
    Program {
        /// The program.
        program: String,
        /// The output of the program, or why it could not be run.
        detail: String,
    },
    /// The server did not start.
    #[error("Postgres did not start in {}: {reason}. Its log is {}", .folder.display(), .log.display())]
    NotStarted {
        /// The folder.
        folder: PathBuf,
        /// The most relevant line of the server's log, or why there is none.
        reason: String,
        /// The log of the server.
        log: PathBuf,
    },
    /// The folder or the cluster in it was removed or replaced while it was in use.
    #[error(
        "the data of the Postgres in {} was removed or replaced while in use. No new database was created: \
         restore the data, or restart the program to begin with an empty database",
        .folder.display()
    )]
    Removed {
        /// The folder.
        folder: PathBuf,
    },
    /// The server did not stop.
    #[error("the Postgres in {} (process {pid}) did not stop within {} s", .folder.display(), .waited.as_secs())]
    NotStopped {
        /// The folder.
        folder: PathBuf,
        /// The process ID of the server.
        pid: i32,
        /// The time that this process waited.
        waited: Duration,
    },
    /// The server is running, but a query failed.
    #[error("a query of the embedded Postgres failed")]
    Statement(#[source] StatementError),
    /// A file or folder could not be read or written.
    #[error("{action} {}", .path.display())]
    Io {
        /// The failed operation, such as "cannot create".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error of the file system.
        #[source]
        source: io::Error,
    },
}

/// The reason why a query failed. The error of the driver is hidden, so that it can be updated without a breaking change.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct StatementError(pub(crate) sqlx::Error);

impl Error {
    pub(crate) fn statement(error: sqlx::Error) -> Self {
        Self::Statement(StatementError(error))
    }

    /// Returns whether the same call can succeed later without any change by the caller.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Busy { .. })
    }

    /// Returns a function for `map_err` that adds the failed action to an I/O error. A full disk becomes [`Error::DiskFull`].
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { folder: path, detail: source.to_string() }
            }
            _ => Self::Io { action, path, source },
        }
    }
}
