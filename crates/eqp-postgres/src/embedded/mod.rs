//! The handle of an embedded Postgres: connects to it and stops it when the last process leaves.

mod builder;
mod restart;

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::sync::Mutex;

use crate::connect::{self, MAINTENANCE_DATABASE};
use crate::folder::{Folder, temporary_folder};
use crate::lock::Lock;
use crate::server_handle::ServerHandle;
use crate::{Error, server};

pub use self::builder::Builder;
use self::builder::GATE_DEADLINE;

/// The maximum time for which `Drop` blocks its thread.
const DROP_DEADLINE: Duration = Duration::from_secs(5);
/// The SQLSTATE `duplicate_database`, and the one that is returned if two connections create the database concurrently.
const ALREADY_EXISTS: [&str; 2] = ["42P04", "23505"];

/// An embedded Postgres that this process uses. The server runs as long as any process uses the same folder.
///
/// Call [`stop`](Self::stop) at the end. Dropping the value does the same, but blocks the thread for a moment and cannot report errors.
/// A server that ends unexpectedly is restarted only while [`keep_running`](Self::keep_running) is awaited. If the process is killed, the
/// server continues to run, and the next process that uses the folder joins it and stops it later.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use eqp_postgres::EmbeddedPostgres;
///
/// let postgres = EmbeddedPostgres::temporary()?.start().await?;
/// let pool = sqlx::PgPool::connect_with(postgres.connect_options("postgres")).await?;
/// sqlx::query("select 1").execute(&pool).await?;
/// pool.close().await;
/// postgres.stop().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct EmbeddedPostgres {
    pub(crate) folder: Folder,
    pub(crate) socket_folder: PathBuf,
    /// Held shared, or `None` once this process has left.
    pub(crate) members: Option<Lock>,
    /// Whether the server was already running when this process started to use it.
    pub(crate) joined: bool,
    /// The current server, locked by the task that keeps it running.
    pub(crate) server: Mutex<ServerHandle>,
    /// The settings for starting the server again.
    pub(crate) builder: Builder,
}

impl EmbeddedPostgres {
    /// Returns a builder for the Postgres of a folder. The folder must not exist, be empty, or be one that this crate created.
    pub fn builder(folder: impl Into<PathBuf>) -> Builder {
        Builder::new(folder.into())
    }

    /// Returns whether a folder contains the cluster of an embedded Postgres, running or not.
    #[must_use]
    pub fn is_in(folder: &Path) -> bool {
        Folder::holds_cluster(folder)
    }

    /// Returns the options for connecting to a database of the embedded Postgres in this folder, if it is running. Does not become one of
    /// its users: the server may stop at any time.
    #[must_use]
    pub fn options_if_running(folder: &Path, database: &str) -> Option<PgConnectOptions> {
        let socket_folder = server::ready_socket_folder(&Folder::data_in(folder))?;
        Some(connect::options(&socket_folder, database))
    }

    /// Returns a builder for a Postgres in a new temporary folder, which is removed when the server stops.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Io`] or [`Error::DiskFull`] if the folder cannot be created.
    pub fn temporary() -> Result<Builder, Error> {
        Ok(Self::builder(temporary_folder()?).remove_on_stop(true))
    }

    /// Stops a server whose users have all ended without stopping it, and removes the folder. Does nothing if the folder does not exist.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Busy`] if a process still uses the server, [`Error::ForeignFolder`] if the folder does not belong to an
    /// embedded Postgres, [`Error::NotStopped`] if the server does not stop, and [`Error::Io`] if the folder cannot be removed.
    pub async fn stop_abandoned(folder: &Path) -> Result<(), Error> {
        if !folder.exists() {
            return Ok(());
        }
        let folder = Folder::claim(folder)?;
        let gate = Lock::open(&folder.gate_lock())?;
        let members = Lock::open(&folder.members_lock())?;
        if !gate.exclusive_within(GATE_DEADLINE).await || !members.try_exclusive() {
            return Err(Error::Busy { folder: folder.root().to_owned(), waited: GATE_DEADLINE });
        }
        server::stop(&folder).await?;
        folder.remove()
    }

    /// Returns the folder of this Postgres, as an absolute path without links.
    pub fn folder(&self) -> &Path {
        self.folder.root()
    }

    /// Returns the path of the server's log.
    pub fn log(&self) -> PathBuf {
        self.folder.log()
    }

    /// Returns whether the server was already running when this process started to use it.
    pub fn joined(&self) -> bool {
        self.joined
    }

    /// Returns the options for connecting to a database of this Postgres. The `PG…` variables of the environment do not affect them.
    pub fn connect_options(&self, database: &str) -> PgConnectOptions {
        connect::options(&self.socket_folder, database)
    }

    /// Returns the URL of a database, which `psql` accepts as well. It contains no password, because the server checks the user of the
    /// operating system.
    pub fn url(&self, database: &str) -> String {
        connect::url(&self.socket_folder, database)
    }

    /// Creates a database unless it exists.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Statement`] if a query fails.
    pub async fn ensure_database(&self, name: &str) -> Result<(), Error> {
        let mut connection =
            PgConnection::connect_with(&self.connect_options(MAINTENANCE_DATABASE)).await.map_err(Error::statement)?;
        let exists: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(name)
            .fetch_one(&mut connection)
            .await
            .map_err(Error::statement)?;
        if !exists {
            let name = name.replace('"', "\"\"");
            // A name cannot be a parameter, so it is quoted as an identifier.
            let created = connection.execute(AssertSqlSafe(format!("create database \"{name}\""))).await;
            if let Err(error) = created
                && !error
                    .as_database_error()
                    .and_then(sqlx::error::DatabaseError::code)
                    .is_some_and(|code| ALREADY_EXISTS.contains(&&*code))
            {
                return Err(Error::statement(error));
            }
        }
        connection.close().await.map_err(Error::statement)?;
        Ok(())
    }

    /// Stops using the server. If no other process uses it, stops it, and removes the folder if
    /// [`remove_on_stop`](Builder::remove_on_stop) is set.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Busy`] if another process is starting or stopping the server for too long, [`Error::NotStopped`] if the server does
    /// not stop, [`Error::Io`] if a file cannot be accessed, and [`Error::Removed`] if the folder was removed while it was in use,
    /// unless it was to be removed anyway.
    pub async fn stop(mut self) -> Result<(), Error> {
        if !self.is_in_place() {
            return self.leave_removed_folder().await;
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
        self.server.get_mut().reap().await;
        if self.builder.remove_on_stop { self.folder.remove() } else { Ok(()) }
    }

    /// Returns whether the folder is still the one that this process uses.
    pub(crate) fn is_in_place(&self) -> bool {
        self.members.as_ref().is_some_and(|members| members.is_at(&self.folder.members_lock()))
    }

    /// Stops using a server whose folder was removed or replaced by another one, which must not be touched.
    async fn leave_removed_folder(&mut self) -> Result<(), Error> {
        let is_last = self.members.take().is_some_and(|members| members.try_exclusive());
        if is_last {
            let server = self.server.get_mut();
            server.quit();
            server.reap().await;
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
                self.server.get_mut().quit();
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
            tracing::warn!(%error, "cannot remove the folder of an embedded Postgres");
        }
    }
}
