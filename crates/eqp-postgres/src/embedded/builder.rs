//! Starts an embedded Postgres: creates the cluster if necessary, joins a running server, or starts one.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::timeout;

use super::EmbeddedPostgres;
use crate::find::{self, Search};
use crate::folder::Folder;
use crate::lock::Lock;
use crate::owner::Owner;
use crate::server::{self, CancelledStart};
use crate::server_handle::ServerHandle;
use crate::{Error, Progress, cluster};

/// The time limit for acquiring the gate lock. Its holder may be downloading programs or waiting for a recovery.
pub(crate) const GATE_DEADLINE: Duration = Duration::from_mins(10);

type ProgressFn = Box<dyn Fn(Progress) + Send + Sync>;

/// Configures and starts an embedded Postgres; see [`EmbeddedPostgres::builder`].
///
/// ```no_run
/// # async fn example() -> Result<(), eqp_postgres::Error> {
/// let postgres = eqp_postgres::EmbeddedPostgres::builder("/var/lib/shop/postgres")
///     .programs(Some("/usr/lib/postgresql/17/bin".into()))
///     .start()
///     .await?;
/// # postgres.stop().await
/// # }
/// ```
///
/// Tests can use a downloaded version, whatever is installed:
///
/// ```no_run
/// # async fn example(folder: &std::path::Path) -> Result<(), eqp_postgres::Error> {
/// let postgres = eqp_postgres::EmbeddedPostgres::builder(folder.join("postgres"))
///     .ignore_installed(true)
///     .cache_folder(Some(folder.join("cache")))
///     .progress(|progress| eprintln!("{progress:?}"))
///     .remove_on_stop(true)
///     .start()
///     .await?;
/// # postgres.stop().await
/// # }
/// ```
pub struct Builder {
    folder: PathBuf,
    search: Search,
    progress: ProgressFn,
    pub(crate) remove_on_stop: bool,
}

impl fmt::Debug for Builder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Builder").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Builder {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, search: Search::default(), progress: Box::new(|_| {}), remove_on_stop: false }
    }

    /// Sets the folder of the programs `initdb` and `postgres`. Other programs are then not used. Without it, the environment variable
    /// [`PROGRAMS_VARIABLE`](crate::PROGRAMS_VARIABLE) is used, then an installed, a cached, or a downloaded Postgres.
    #[must_use]
    pub fn programs(mut self, folder: Option<PathBuf>) -> Self {
        self.search.named = folder;
        self
    }

    /// Ignores every installed Postgres, and uses a cached or downloaded one.
    #[must_use]
    pub fn ignore_installed(mut self, ignore: bool) -> Self {
        self.search.ignore_installed = ignore;
        self
    }

    /// Sets the folder for downloaded programs. The default is `eqp/postgres` in the user's cache folder, and for root
    /// `/var/cache/eqp/postgres`.
    #[must_use]
    pub fn cache_folder(mut self, folder: Option<PathBuf>) -> Self {
        self.search.cache = folder;
        self
    }

    /// Sets a function that is called for each step that takes time.
    #[must_use]
    pub fn progress(mut self, report: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.progress = Box::new(report);
        self
    }

    /// Sets whether the folder is removed when the last process stops using the server (default: no).
    #[must_use]
    pub fn remove_on_stop(mut self, remove: bool) -> Self {
        self.remove_on_stop = remove;
        self
    }

    /// Starts the server of this folder, or joins it if it is running. Creates the folder and the cluster if they do not exist, and
    /// downloads the programs if none are installed.
    ///
    /// # Errors
    ///
    /// Can return every variant of [`Error`] except [`Error::Statement`], [`Error::Removed`] and [`Error::NotStopped`].
    pub async fn start(self) -> Result<EmbeddedPostgres, Error> {
        let (folder, _gate) = enter_gate(&self.folder).await?;
        let members = become_member(&folder)?;
        match self.bring_up(&folder, &CancelledStart::default()).await {
            Ok((socket_folder, server)) => Ok(self.used(folder, members, socket_folder, server)),
            Err(error) => {
                if self.remove_on_stop && members.try_exclusive() {
                    // The first error is the one that matters.
                    let _ = folder.remove();
                }
                Err(error)
            }
        }
    }

    /// Starts the server as [`start`](Self::start) does, for programs that can run without their database for some
    /// time. If the cluster exists but its server cannot be started within `patience`, returns a handle without a
    /// running server, and the reason. A server that is still recovering continues to.
    /// [`EmbeddedPostgres::keep_running`] then joins it, or starts one as soon as possible.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`start`](Self::start) if there is no cluster yet or the folder cannot be used.
    pub async fn start_or_go_on(self, patience: Duration) -> Result<(EmbeddedPostgres, Option<Error>), Error> {
        let (folder, gate) = enter_gate(&self.folder).await?;
        if !folder.has_cluster() {
            drop(gate);
            return Ok((self.start().await?, None));
        }
        let members = become_member(&folder)?;
        // If the start is cancelled from outside, for example by a shutdown, it is undone. Only after `patience` has
        // expired does it continue.
        let cancelled = CancelledStart::default();
        let mut bringing_up = Box::pin(self.bring_up(&folder, &cancelled));
        let begun = timeout(patience, &mut bringing_up).await;
        if begun.is_err() {
            cancelled.let_continue();
        }
        drop(bringing_up);
        let failed = match begun {
            Ok(Ok((socket_folder, server))) => return Ok((self.used(folder, members, socket_folder, server), None)),
            Ok(Err(error)) => error,
            Err(_) => Error::NotStarted {
                folder: folder.root().to_owned(),
                reason: format!("it was not ready after {} s", patience.as_secs_f32()),
                log: folder.log(),
            },
        };
        let (socket_folder, server) = (folder.socket_folder()?, ServerHandle::not_started(&folder)?);
        Ok((self.used(folder, members, socket_folder, server), Some(failed)))
    }

    fn used(self, folder: Folder, members: Lock, socket_folder: PathBuf, server: ServerHandle) -> EmbeddedPostgres {
        let joined = server.is_started_elsewhere();
        EmbeddedPostgres {
            folder,
            socket_folder,
            members: Some(members),
            joined,
            server: Mutex::new(server),
            builder: self,
        }
    }

    /// Joins or starts the server, and returns the folder of its socket. The caller holds the gate lock.
    pub(crate) async fn bring_up(
        &self,
        folder: &Folder,
        cancelled: &CancelledStart,
    ) -> Result<(PathBuf, ServerHandle), Error> {
        if let Some(found) = server::running(folder).await? {
            (self.progress)(Progress::Joined);
            return Ok((found.socket_folder, ServerHandle::joined(folder)?));
        }
        let made_by = folder.major()?;
        let owner = Owner::choose(made_by.map(|_| folder.data()).as_deref())?;
        owner.check_can_enter(folder.root())?;
        let programs = find::find(&self.search, folder.root(), made_by, &*self.progress).await?;
        let bin = programs.postgres();
        tracing::debug!(programs = %bin.display(), major = programs.major, user = owner.name, "starting an embedded Postgres");
        if made_by.is_none() {
            (self.progress)(Progress::Initialising);
            cluster::create(folder, &programs, &owner).await?;
        }
        let child = server::start(folder, &programs, &owner, &*self.progress, cancelled).await?;
        Ok((folder.socket_folder()?, ServerHandle::started(folder, child)?))
    }
}

/// Registers this process as a user of the folder for as long as the returned lock is held. The caller holds the gate lock.
fn become_member(folder: &Folder) -> Result<Lock, Error> {
    let members = Lock::open(&folder.members_lock())?;
    if members.try_shared() {
        return Ok(members);
    }
    // Only the holder of the gate lock acquires it exclusively, so this happens only if another program interferes.
    Err(Error::Busy { folder: folder.root().to_owned(), waited: Duration::ZERO })
}

/// Claims the folder and acquires its gate lock.
async fn enter_gate(root: &Path) -> Result<(Folder, Lock), Error> {
    loop {
        let folder = Folder::claim(root)?;
        let gate = Lock::open(&folder.gate_lock())?;
        if !gate.exclusive_within(GATE_DEADLINE).await {
            return Err(Error::Busy { folder: folder.root().to_owned(), waited: GATE_DEADLINE });
        }
        // The previous holder may have removed the folder.
        if gate.is_at(&folder.gate_lock()) {
            return Ok((folder, gate));
        }
    }
}
