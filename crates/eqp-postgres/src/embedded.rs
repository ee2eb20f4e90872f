//! The handle: connect, keep running, stop when last.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::sync::Mutex;

use crate::builder::{Builder, GATE_DEADLINE};
use crate::connect::{self, MAINTENANCE_DATABASE};
use crate::folder::{Folder, temporary_folder};
use crate::lock::Lock;
use crate::watched::Watched;
use crate::{Error, server};

/// How long a `Drop` may hold up its thread.
const DROP_DEADLINE: Duration = Duration::from_secs(5);
/// `duplicate_database`, and what two at the same moment get instead.
const ALREADY_THERE: [&str; 2] = ["42P04", "23505"];

/// A private Postgres that this process uses. While any process has one for the same folder, the server runs.
///
/// [`stop`](Self::stop) it; a mere drop does the same, holding up its thread for a moment, and cannot tell of errors.
/// One that ends meanwhile stays away unless [`keep_running`](Self::keep_running) is awaited.
/// A process that is killed leaves the server running: the next one that uses the folder joins it, and stops it in the end.
#[derive(Debug)]
pub struct EmbeddedPostgres {
    pub(crate) folder: Folder,
    pub(crate) socket_folder: PathBuf,
    /// Held shared; none once this process has left.
    pub(crate) members: Option<Lock>,
    /// How it was when this process came.
    pub(crate) joined: bool,
    /// The server as it is now, held by whoever keeps it running.
    pub(crate) server: Mutex<Watched>,
    /// How it is started, should that be needed again.
    pub(crate) builder: Builder,
}

impl EmbeddedPostgres {
    /// Prepares to start the Postgres of a folder. The folder is wholly its own: a new, an empty, or an earlier one.
    pub fn builder(folder: impl Into<PathBuf>) -> Builder {
        Builder::new(folder.into())
    }

    /// Whether a folder holds a Postgres that was made before, running or not.
    #[must_use]
    pub fn is_in(folder: &Path) -> bool {
        Folder::holds_cluster(folder)
    }

    /// Prepares to start a Postgres in a temporary folder that is removed with it.
    ///
    /// # Errors
    /// [`Error::Io`] if there is no place for it.
    pub fn temporary() -> Result<Builder, Error> {
        Ok(Self::builder(temporary_folder()?).remove_on_stop(true))
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.root()
    }

    /// Where the server writes what it has to say.
    pub fn log(&self) -> PathBuf {
        self.folder.log()
    }

    /// Whether the server ran already when this process came, started by another one.
    pub fn joined(&self) -> bool {
        self.joined
    }

    /// Connects to a database of this Postgres. `PG…` variables of the environment have no say in where and as whom.
    pub fn connect_options(&self, database: &str) -> PgConnectOptions {
        connect::options(&self.socket_folder, database)
    }

    /// The same as an URL, which also `psql` understands. It holds no secret: the server looks at who asks.
    pub fn url(&self, database: &str) -> String {
        connect::url(&self.socket_folder, database)
    }

    /// Makes a database if it is not there.
    ///
    /// # Errors
    /// [`Error::Statement`].
    pub async fn ensure_database(&self, name: &str) -> Result<(), Error> {
        let mut connection = PgConnection::connect_with(&self.connect_options(MAINTENANCE_DATABASE)).await?;
        let there: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(name)
            .fetch_one(&mut connection)
            .await?;
        if !there {
            let name = name.replace('"', "\"\"");
            // A name cannot be a parameter; it is quoted as an identifier.
            let made = connection.execute(AssertSqlSafe(format!("create database \"{name}\""))).await;
            if let Err(error) = made
                && !error
                    .as_database_error()
                    .and_then(sqlx::error::DatabaseError::code)
                    .is_some_and(|code| ALREADY_THERE.contains(&&*code))
            {
                return Err(error.into());
            }
        }
        connection.close().await?;
        Ok(())
    }

    /// Leaves; if nobody else uses the server, stops it, and removes the folder if that was wished.
    ///
    /// # Errors
    /// [`Error::Busy`], [`Error::NotStopped`], [`Error::Io`]; [`Error::Removed`] if the folder went away meanwhile, unless
    /// that was wished.
    pub async fn stop(mut self) -> Result<(), Error> {
        if !self.is_in_place() {
            return self.leave_ruins().await;
        }
        let gate = Lock::open(&self.folder.gate_lock())?;
        if !gate.exclusive_within(GATE_DEADLINE).await {
            return Err(Error::Busy { folder: self.folder.root().to_owned(), waited: GATE_DEADLINE });
        }
        let Some(members) = self.members.take() else {
            return Ok(());
        };
        if !members.try_exclusive() {
            return Ok(());
        }
        server::stop(&self.folder).await?;
        self.server.get_mut().note_end().await;
        if self.builder.remove_on_stop { self.folder.remove() } else { Ok(()) }
    }

    /// Whether the folder is still the one that this process has entered, and at its place.
    pub(crate) fn is_in_place(&self) -> bool {
        self.members.as_ref().is_some_and(|members| members.is_at(&self.folder.members_lock()))
    }

    /// Somebody removed the folder, or put another one in its place, which is none of ours.
    async fn leave_ruins(&mut self) -> Result<(), Error> {
        let is_last = self.members.take().is_some_and(|members| members.try_exclusive());
        if is_last {
            let server = self.server.get_mut();
            server.abandon();
            server.note_end().await;
        }
        if self.builder.remove_on_stop { Ok(()) } else { Err(Error::Removed { folder: self.folder.root().to_owned() }) }
    }
}

impl Drop for EmbeddedPostgres {
    fn drop(&mut self) {
        let in_place = self.is_in_place();
        let Some(members) = self.members.take() else {
            return;
        };
        if !in_place {
            if members.try_exclusive() {
                self.server.get_mut().abandon();
            }
            return;
        }
        let Ok(gate) = Lock::open(&self.folder.gate_lock()) else {
            return;
        };
        let last = gate.exclusive_within_blocking(DROP_DEADLINE) && members.try_exclusive();
        if last
            && server::stop_blocking(&self.folder, DROP_DEADLINE)
            && self.builder.remove_on_stop
            && let Err(error) = self.folder.remove()
        {
            tracing::warn!(%error, "the folder of a private Postgres stays");
        }
    }
}
