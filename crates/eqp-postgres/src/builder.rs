//! How a private Postgres is started: made, joined or brought up, and again after it has ended.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::folder::Folder;
use crate::lock::Lock;
use crate::owner::Owner;
use crate::programs::{self, Search};
use crate::watched::Watched;
use crate::{EmbeddedPostgres, Error, Progress, cluster, server};

/// Somebody else may be fetching programs or replaying a log behind the gate.
pub(crate) const GATE_DEADLINE: Duration = Duration::from_mins(10);

type ProgressFn = Box<dyn Fn(Progress) + Send + Sync>;

/// How to start a private Postgres; see [`EmbeddedPostgres::builder`].
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
    /// Every variant of [`Error`] but [`Error::Statement`], [`Error::Removed`] and [`Error::NotStopped`].
    pub async fn start(self) -> Result<EmbeddedPostgres, Error> {
        let (folder, _gate) = enter_gate(&self.folder).await?;
        let members = become_member(&folder)?;
        match self.bring_up(&folder).await {
            Ok((socket_folder, server)) => Ok(self.used(folder, members, socket_folder, server)),
            Err(error) => {
                if self.remove_on_stop && members.try_exclusive() {
                    // The first error is the one to tell.
                    let _ = folder.remove();
                }
                Err(error)
            }
        }
    }

    /// As [`start`](Self::start), for those who can do without their database for a while: where there was a server before
    /// that cannot be started now, or takes longer than `patience`, it goes on without one and says why.
    /// [`EmbeddedPostgres::keep_running`] then starts it as soon as that can be done.
    ///
    /// # Errors
    /// Those of [`start`](Self::start), where there was no server before or the folder cannot be entered.
    pub async fn start_or_go_on(self, patience: Duration) -> Result<(EmbeddedPostgres, Option<Error>), Error> {
        let (folder, gate) = enter_gate(&self.folder).await?;
        if !folder.has_cluster() {
            drop(gate);
            return Ok((self.start().await?, None));
        }
        let members = become_member(&folder)?;
        let failed = match timeout(patience, self.bring_up(&folder)).await {
            Ok(Ok((socket_folder, server))) => return Ok((self.used(folder, members, socket_folder, server), None)),
            Ok(Err(error)) => error,
            Err(_) => Error::NotStarted {
                folder: folder.root().to_owned(),
                reason: format!("it was not ready after {} s", patience.as_secs_f32()),
                log: folder.log(),
            },
        };
        let (socket_folder, server) = (folder.socket_folder()?, Watched::none_yet(&folder)?);
        Ok((self.used(folder, members, socket_folder, server), Some(failed)))
    }

    fn used(self, folder: Folder, members: Lock, socket_folder: PathBuf, server: Watched) -> EmbeddedPostgres {
        let joined = server.is_of_another();
        EmbeddedPostgres {
            folder,
            socket_folder,
            members: Some(members),
            joined,
            server: Mutex::new(server),
            builder: self,
        }
    }

    /// Behind the gate: the folder of the socket, and the server if it had to be started.
    pub(crate) async fn bring_up(&self, folder: &Folder) -> Result<(PathBuf, Watched), Error> {
        if let Some(found) = server::running(folder).await? {
            (self.progress)(Progress::Joined);
            return Ok((found.socket_folder, Watched::joined(folder)?));
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
        Ok((folder.socket_folder()?, Watched::ours(folder, child)?))
    }
}

/// Behind the gate: counts among the users of the folder for as long as the lock is held.
fn become_member(folder: &Folder) -> Result<Lock, Error> {
    let members = Lock::open(&folder.members_lock())?;
    if members.try_shared() {
        return Ok(members);
    }
    // Only somebody behind the gate takes it exclusively, and there we are.
    Err(Error::Busy { folder: folder.root().to_owned(), waited: Duration::ZERO })
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
