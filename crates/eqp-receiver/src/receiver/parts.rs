//! The parts of a receiver, and the tasks beside its accepting side.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::beginning::Beginning;
use crate::accept::Acceptor;
use crate::accept::lane::{Lane, Ways};
use crate::endpoint::directory::Directory;
use crate::endpoint::presence::Presence;
use crate::endpoint::retirement;
use crate::endpoint::snapshot::{self, Snapshot};
use crate::project::backlog;
use crate::spool::Spool;
use crate::supervise::{Part, Supervisor};
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

/// Parts that were started.
pub(super) struct Running {
    tasks: JoinSet<()>,
    supervisor: Supervisor,
    shutdown: CancellationToken,
}

impl Parts {
    pub(super) async fn assemble(
        pool: PgPool,
        key: MasterKey,
        limits: Limits,
        behind_proxy: bool,
        spool: Option<&SpoolSettings>,
        metrics: Metrics,
    ) -> Result<Self, Error> {
        let Beginning { directory, instance, spool, snapshot } =
            Beginning::find(&pool, key, spool, metrics.supervisor()).await?;
        let wake = Arc::new(Notify::new());
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
        let handling = HandlerLoop::new(self.pool.clone(), name, handler);
        self.handlers.push(handling.counting_into(&self.metrics));
    }

    /// Starts every part, each of which ends at shutdown and is restarted when it panics.
    pub(super) fn start(self, shutdown: &CancellationToken) -> Running {
        let Self { pool, directory, spool, projector, keep, metrics, handlers, .. } = self;
        let supervisor = metrics.supervisor().clone();
        let mut running = Running { tasks: JoinSet::new(), supervisor: supervisor.clone(), shutdown: shutdown.clone() };
        running.part(Part::Backlog, {
            let pool = pool.clone();
            move |shutdown| backlog::watch(pool.clone(), metrics.clone(), shutdown)
        });
        running.part(Part::RotationSweep, {
            let (pool, supervisor) = (pool.clone(), supervisor.clone());
            move |shutdown| retirement::run(pool.clone(), supervisor.clone(), shutdown)
        });
        running.part(Part::Heartbeat, {
            let (pool, directory, id) = (pool.clone(), directory.clone(), Uuid::now_v7());
            let supervisor = supervisor.clone();
            move |shutdown| Presence::new(pool.clone(), directory.clone(), id, supervisor.clone()).run(shutdown)
        });
        if let Some((spool, kept)) = spool {
            let supervisor = supervisor.clone();
            running.part(Part::Snapshot, move |shutdown| {
                snapshot::keep(directory.clone(), spool.clone(), kept.clone(), supervisor.clone(), shutdown)
            });
        }
        if let Some(keep) = keep {
            running.part(Part::Retention, move |shutdown| {
                Retention::new(pool.clone()).run(keep, supervisor.clone(), shutdown)
            });
        }
        if let Some(projector) = projector {
            running.part(Part::Projector, move |shutdown| projector.clone().run(shutdown));
        }
        for handler in handlers {
            running.add(handler.run(shutdown.clone()));
        }
        running
    }
}

impl Running {
    /// Adds a part, which is started again when it panics.
    pub(super) fn part<F>(&mut self, part: Part, start: impl Fn(CancellationToken) -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (supervisor, shutdown) = (self.supervisor.clone(), self.shutdown.clone());
        self.tasks.spawn(async move {
            let _ended = supervisor.run(part, &shutdown, || start(shutdown.clone())).await;
        });
    }

    /// Adds a task that restarts itself.
    pub(super) fn add(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Waits until all have ended.
    pub(super) async fn join(mut self) -> Result<(), Error> {
        let mut result = Ok(());
        while let Some(ended) = self.tasks.join_next().await {
            if ended.is_err() {
                result = Err(Error::Panicked);
            }
        }
        result
    }
}
