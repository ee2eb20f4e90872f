//! The handle: start or join, connect, stop when last.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::process::Child;

use crate::connect::{self, MAINTENANCE_DATABASE};
use crate::folder::{Folder, temporary_folder};
use crate::lock::Lock;
use crate::owner::Owner;
use crate::programs::{self, Search};
use crate::server;
use crate::{Error, Progress, cluster};

/// Somebody else may be fetching programs or replaying a log behind the gate.
const GATE_DEADLINE: Duration = Duration::from_mins(10);
/// How long a `Drop` may hold up its thread.
const DROP_DEADLINE: Duration = Duration::from_secs(5);
/// `duplicate_database`, and what two at the same moment get instead.
const ALREADY_THERE: [&str; 2] = ["42P04", "23505"];

type ProgressFn = Box<dyn Fn(Progress) + Send + Sync>;

/// How to start a private Postgres; see [`EmbeddedPostgres::builder`].
pub struct Builder {
    folder: PathBuf,
    search: Search,
    progress: ProgressFn,
    remove_on_stop: bool,
}

impl fmt::Debug for Builder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Builder").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Builder {
    /// Names the folder of the programs (`initdb`, `postgres`); nothing else will do then. Without it the environment
    /// variable [`PROGRAMS_VARIABLE`](crate::PROGRAMS_VARIABLE) counts, then what is installed, cached, or can be
    /// fetched.
    #[must_use]
    pub fn programs(mut self, folder: Option<PathBuf>) -> Self {
        self.search.named = folder;
        self
    }

    /// Passes over every Postgres that is installed and takes a cached or fetched one.
    #[must_use]
    pub fn ignore_installed(mut self, ignore: bool) -> Self {
        self.search.ignore_installed = ignore;
        self
    }

    /// Keeps fetched programs here instead of in the user's cache folder (for root: `/var/cache/eqp/postgres`).
    #[must_use]
    pub fn cache_folder(mut self, folder: Option<PathBuf>) -> Self {
        self.search.cache = folder;
        self
    }

    /// Is told of each step that takes time.
    #[must_use]
    pub fn progress(mut self, tell: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.progress = Box::new(tell);
        self
    }

    /// Whether the whole folder is removed when the last one leaves.
    #[must_use]
    pub fn remove_on_stop(mut self, remove: bool) -> Self {
        self.remove_on_stop = remove;
        self
    }

    /// Starts the server of this folder, making the folder, the programs and the cluster if they are not there; or
    /// joins, if it runs already.
    ///
    /// # Errors
    /// Every variant of [`Error`] but [`Error::Statement`] and [`Error::NotStopped`].
    pub async fn start(self) -> Result<EmbeddedPostgres, Error> {
        let (folder, _gate) = enter_gate(&self.folder).await?;
        let members = Lock::open(&folder.members_lock())?;
        if !members.try_shared() {
            // Only somebody behind the gate takes it exclusively, and there we are.
            return Err(Error::Busy { folder: folder.root().to_owned(), waited: Duration::ZERO });
        }
        match self.bring_up(&folder).await {
            Ok((socket_folder, child)) => {
                let members = Some(members);
                Ok(EmbeddedPostgres { folder, socket_folder, members, child, remove_on_stop: self.remove_on_stop })
            }
            Err(error) => {
                if self.remove_on_stop && members.try_exclusive() {
                    // The first error is the one to tell.
                    let _ = folder.remove();
                }
                Err(error)
            }
        }
    }

    /// Behind the gate: the folder of the socket, and the server if it had to be started.
    async fn bring_up(&self, folder: &Folder) -> Result<(PathBuf, Option<Child>), Error> {
        if let Some(found) = server::running(folder).await? {
            (self.progress)(Progress::Joined);
            return Ok((found.socket_folder, None));
        }
        let made_by = folder.major()?;
        let owner = Owner::choose(made_by.map(|_| folder.data()).as_deref())?;
        owner.check_can_enter(folder.root())?;
        let programs = programs::find(&self.search, folder.root(), made_by, &*self.progress).await?;
        let bin = programs.postgres();
        tracing::debug!(programs = %bin.display(), major = programs.major, user = owner.name, "starting a private Postgres");
        if made_by.is_none() {
            (self.progress)(Progress::Initialising);
            cluster::create(folder, &programs, &owner).await?;
        }
        let child = server::start(folder, &programs, &owner, &*self.progress).await?;
        Ok((folder.socket_folder()?, Some(child)))
    }
}

/// Claims the folder and waits until nobody else is starting or stopping anything in it.
async fn enter_gate(root: &Path) -> Result<(Folder, Lock), Error> {
    loop {
        let folder = Folder::claim(root)?;
        let gate = Lock::open(&folder.gate_lock())?;
        if !gate.exclusive_within(GATE_DEADLINE).await {
            return Err(Error::Busy { folder: folder.root().to_owned(), waited: GATE_DEADLINE });
        }
        // Whoever held it may have removed the folder.
        if gate.is_at(&folder.gate_lock()) {
            return Ok((folder, gate));
        }
    }
}

/// A private Postgres that this process uses. While any process has one for the same folder, the server runs.
///
/// [`stop`](Self::stop) it; a mere drop does the same, holding up its thread for a moment, and cannot tell of errors.
/// A process that is killed leaves the server running: the next one that uses the folder joins it, and stops it in the end.
#[derive(Debug)]
pub struct EmbeddedPostgres {
    folder: Folder,
    socket_folder: PathBuf,
    /// Held shared; none once this process has left.
    members: Option<Lock>,
    /// The server, if this process started it.
    child: Option<Child>,
    remove_on_stop: bool,
}

impl EmbeddedPostgres {
    /// Prepares to start the Postgres of a folder. The folder is wholly its own: a new, an empty, or an earlier one.
    pub fn builder(folder: impl Into<PathBuf>) -> Builder {
        Builder { folder: folder.into(), search: Search::default(), progress: Box::new(|_| {}), remove_on_stop: false }
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

    /// Whether the server ran already, started by another process.
    pub fn joined(&self) -> bool {
        self.child.is_none()
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
    /// [`Error::Busy`], [`Error::NotStopped`], [`Error::Io`].
    pub async fn stop(mut self) -> Result<(), Error> {
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
        if let Some(mut child) = self.child.take() {
            // It has ended; this only takes note of it.
            let _ = child.wait().await;
        }
        if self.remove_on_stop { self.folder.remove() } else { Ok(()) }
    }
}

impl Drop for EmbeddedPostgres {
    fn drop(&mut self) {
        let Some(members) = self.members.take() else {
            return;
        };
        let Ok(gate) = Lock::open(&self.folder.gate_lock()) else {
            return;
        };
        let last = gate.exclusive_within_blocking(DROP_DEADLINE) && members.try_exclusive();
        if last
            && server::stop_blocking(&self.folder, DROP_DEADLINE)
            && self.remove_on_stop
            && let Err(error) = self.folder.remove()
        {
            tracing::warn!(%error, "the folder of a private Postgres stays");
        }
    }
}
