//! The parts of a receiver, and the tasks beside its accepting side.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::beginning::Beginning;
use crate::accept::Acceptor;
use crate::accept::lane::{Lane, Ways};
use crate::endpoint::directory::Directory;
use crate::endpoint::presence::Presence;
use crate::endpoint::retirement;
use crate::endpoint::snapshot::{self, Snapshot};
use crate::project::backlog;
use crate::spool::Spool;
use crate::{Error, Handler, HandlerLoop, Limits, MasterKey, Metrics, Projector, Retention, SpoolSettings};

/// All that is needed to run.
pub(super) struct Parts {
    pub(super) acceptor: Acceptor,
    pub(super) lane: Lane,
    pub(super) limits: Limits,
    pub(super) metrics: Metrics,
    pub(super) background: Background,
}

/// What runs beside the accepting side, on the caller's runtime.
pub(super) struct Background {
    pool: PgPool,
    directory: Directory,
    /// With the endpoints that it holds.
    spool: Option<(Spool, Option<Snapshot>)>,
    /// Notified by the lane whenever it has stored something.
    wake: Arc<Notify>,
    projector: Option<Projector>,
    keep: Option<Duration>,
    metrics: Metrics,
    handlers: Vec<HandlerLoop>,
}

/// Background tasks that were started.
pub(super) struct Running {
    tasks: JoinSet<()>,
    shutdown: CancellationToken,
}

impl Parts {
    pub(super) async fn assemble(
        pool: PgPool,
        key: MasterKey,
        limits: Limits,
        behind_proxy: bool,
        spool: Option<&SpoolSettings>,
    ) -> Result<Self, Error> {
        let Beginning { directory, instance, spool, snapshot } = Beginning::find(&pool, key, spool).await?;
        let wake = Arc::new(Notify::new());
        let metrics = Metrics::default();
        let ways = Ways { database: (*pool.connect_options()).clone(), instance, spool: spool.clone() };
        let (lane, entrance) = Lane::new(ways, limits.queued, Arc::clone(&wake), metrics.clone());
        let acceptor = Acceptor::new(directory.clone(), entrance, limits, behind_proxy, metrics.clone());
        let background = Background {
            pool,
            directory,
            spool: spool.map(|spool| (spool, snapshot)),
            wake,
            projector: None,
            keep: None,
            metrics: metrics.clone(),
            handlers: Vec::new(),
        };
        Ok(Self { acceptor, lane, limits, metrics, background })
    }

    pub(super) fn endpoint_paths(&self) -> Vec<String> {
        self.background.directory.roster().paths().into_iter().map(str::to_owned).collect()
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Background {
    /// Events are made of what is accepted.
    pub(super) fn project(&mut self) {
        let projector = Projector::new(self.pool.clone(), Arc::clone(&self.wake));
        self.projector = Some(projector.counting_into(self.metrics.clone()));
    }

    /// Callbacks older than this are deleted.
    pub(super) fn keep(&mut self, keep: Duration) {
        self.keep = Some(keep);
    }

    /// Events go to this handler.
    pub(super) fn handle(&mut self, name: String, handler: Arc<dyn Handler>) {
        self.handlers.push(HandlerLoop::new(self.pool.clone(), name, handler));
    }

    /// Starts every task; each ends at shutdown.
    pub(super) fn start(self, shutdown: &CancellationToken) -> Running {
        let mut tasks = JoinSet::new();
        tasks.spawn(backlog::watch(self.pool.clone(), self.metrics, shutdown.clone()));
        if let Some((spool, kept)) = self.spool {
            tasks.spawn(snapshot::keep(self.directory.clone(), spool, kept, shutdown.clone()));
        }
        tasks.spawn(retirement::run(self.pool.clone(), shutdown.clone()));
        tasks.spawn(Presence::new(self.pool.clone(), self.directory).run(shutdown.clone()));
        if let Some(keep) = self.keep {
            tasks.spawn(Retention::new(self.pool.clone()).run(keep, shutdown.clone()));
        }
        if let Some(projector) = self.projector {
            tasks.spawn(projector.run(shutdown.clone()));
        }
        for handler in self.handlers {
            tasks.spawn(handler.run(shutdown.clone()));
        }
        Running { tasks, shutdown: shutdown.clone() }
    }
}

impl Running {
    /// Adds a task.
    pub(super) fn add(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Waits until all have ended; one that panics ends them all.
    pub(super) async fn join(mut self) -> Result<(), Error> {
        let mut result = Ok(());
        while let Some(ended) = self.tasks.join_next().await {
            if ended.is_err() {
                self.shutdown.cancel();
                result = Err(Error::Panicked);
            }
        }
        result
    }
}
