//! Everything that can keep a private Postgres from running, with what to do about it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why the private Postgres is not there. Each message says what was tried and what helps.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No Postgres is installed and none could be fetched.
    #[error(
        "no Postgres {wanted} was found or could be fetched ({}). Install one (Debian: `apt-get install postgresql`; \
         macOS: `brew install postgresql`), or name the folder of its programs in EQP_POSTGRES_BIN, or use a Postgres \
         that runs already by its URL",
        .tried.join("; ")
    )]
    ProgramsNotFound {
        /// The versions that would do, in words.
        wanted: String,
        /// Every place that was looked at, with what was wrong there.
        tried: Vec<String>,
    },
    /// The folder that was named for the programs does not hold a usable Postgres.
    #[error("{} does not hold a usable Postgres: {reason}. It must hold `initdb` and `postgres`, version 14 or newer", .folder.display())]
    UnusablePrograms {
        /// The folder as it was named.
        folder: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The data were made by a major version that is not at hand; Postgres reads only its own.
    #[error(
        "the data in {} were made by Postgres {made_by}, and Postgres {made_by} is missing ({}). Install it (Debian: \
         `apt-get install postgresql-{made_by}`; macOS: `brew install postgresql@{made_by}`), or name the folder of its \
         programs in EQP_POSTGRES_BIN, or dump the data with it and start anew in another folder",
        .folder.display(), .tried.join("; ")
    )]
    OtherMajor {
        /// The data folder.
        folder: PathBuf,
        /// The major version that the data folder names.
        made_by: u32,
        /// Every place that was looked at, with what was there.
        tried: Vec<String>,
    },
    /// The folder holds something else.
    #[error("{} is not a data folder of this tool ({reason}); nothing in it was touched. Name an empty or a new folder", .folder.display())]
    ForeignFolder {
        /// The folder.
        folder: PathBuf,
        /// What is in it.
        reason: String,
    },
    /// Postgres does not run as root, and the user it would run as cannot reach the folder.
    #[error(
        "Postgres does not run as root but as the user {user}, who cannot enter {}. Name a data folder that every \
         user may reach, for instance under /var/lib/eqp, or run the tool as another user",
        .barrier.display()
    )]
    NotEnterable {
        /// The user that Postgres would run as.
        user: String,
        /// The first folder on the way that keeps this user out.
        barrier: PathBuf,
    },
    /// The tool runs as root, and there is no other user to run Postgres as.
    #[error(
        "Postgres does not run as root, and neither a user `postgres` nor `nobody` exists; run the tool as another user"
    )]
    NoUser,
    /// The user has no name, and `initdb` needs one.
    #[error(
        "the user ID {uid} has no entry in /etc/passwd, which Postgres needs to make a database, and showing it another one in a \
         user namespace failed: {detail}. Add an entry for it (`eqp:x:{uid}:{uid}::/:/usr/sbin/nologin`), run the tool as a \
         user that has one, or use a Postgres that runs already by its URL"
    )]
    NamelessUser {
        /// The user ID.
        uid: u32,
        /// Why a namespace did not help.
        detail: String,
    },
    /// The disk is full, or too full to begin.
    #[error("the disk that holds {} is full ({detail}). Free some space and start again; nothing is lost", .folder.display())]
    DiskFull {
        /// The folder.
        folder: PathBuf,
        /// How it showed.
        detail: String,
    },
    /// Another process holds the folder and neither finishes nor dies.
    #[error("another process has been starting or stopping the Postgres in {} for {} s; wait for it, or end it", .folder.display(), .waited.as_secs())]
    Busy {
        /// The folder.
        folder: PathBuf,
        /// How long it was waited for.
        waited: Duration,
    },
    /// A program of Postgres could not be started or failed.
    #[error("`{program}` failed: {detail}")]
    Program {
        /// The program.
        program: String,
        /// What it said, or why it could not be run.
        detail: String,
    },
    /// The server did not come up.
    #[error("Postgres did not start in {}: {reason}. Its log is {}", .folder.display(), .log.display())]
    NotStarted {
        /// The folder.
        folder: PathBuf,
        /// The last words of its log.
        reason: String,
        /// The log.
        log: PathBuf,
    },
    /// The folder or the cluster in it was there, and is there no longer; or another one is in its place.
    #[error(
        "the data of the Postgres in {} were removed or replaced while it was in use. Nothing was made in their place: \
         put them back, or start the tool anew to begin with an empty database",
        .folder.display()
    )]
    Removed {
        /// The folder.
        folder: PathBuf,
    },
    /// The server did not go down.
    #[error("the Postgres in {} (process {pid}) did not stop within {} s", .folder.display(), .waited.as_secs())]
    NotStopped {
        /// The folder.
        folder: PathBuf,
        /// The server's process.
        pid: i32,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The server runs but a statement failed.
    #[error("the private Postgres refused a statement")]
    Statement(#[from] sqlx::Error),
    /// A file or folder could not be read or written.
    #[error("{action} {}", .path.display())]
    Io {
        /// What was being done, as a verb: "cannot create".
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// Whether the same call can succeed later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Busy { .. })
    }

    /// For `map_err`: an I/O error with what was being done; a full disk becomes [`Error::DiskFull`].
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
