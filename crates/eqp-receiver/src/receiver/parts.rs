//! The parts of a receiver: the accepting side, and the background tasks that run beside it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::bootstrap::Bootstrap;
use crate::accept::Acceptor;
use crate::accept::writer::{BatchWriter, WriterConfig};
use crate::endpoint::credential_cache::CredentialCache;
use crate::endpoint::heartbeat::{CertificateExpiry, Heartbeat, Observed};
use crate::endpoint::snapshot;
use crate::maintenance;
use crate::spool::snapshot::Snapshot;
use crate::spool::{Spool, SpoolSettings};
use crate::{Error, Limits, MasterKey, Metrics, Projector};
use eqp_store::internal::{Part, Retention, Supervisor};

/// Everything that is needed to run a receiver.
pub(super) struct Parts {
    pub(super) acceptor: Acceptor,
    pub(super) writer: BatchWriter,
    pub(super) limits: Limits,
    pub(super) metrics: Metrics,
    pub(super) background: Background,
}

/// The tasks that run beside the accepting side, on the caller's runtime.
pub(super) struct Background {
    pool: PgPool,
    credentials: CredentialCache,
    /// The spool with the endpoints that are stored in it.
    spool: Option<(Spool, Option<Snapshot>)>,
    /// When the certificate of the public listener expires.
    certificate: CertificateExpiry,
    /// Notified by the batch writer whenever it has stored something.
    wake: Arc<Notify>,
    projector: Option<Projector>,
    retention: Option<Duration>,
    metrics: Metrics,
}

/// Background tasks that were started.
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
        let Bootstrap { credentials, instance, spool, snapshot } =
            Bootstrap::load(&pool, key, spool, metrics.supervisor()).await?;
        let wake = Arc::new(Notify::new());
        let config = WriterConfig { database: (*pool.connect_options()).clone(), instance, spool: spool.clone() };
        let (writer, handle) = BatchWriter::new(config, limits.queued, Arc::clone(&wake), metrics.clone());
        let acceptor = Acceptor::new(credentials.clone(), handle, limits, behind_proxy, metrics.clone());
        let background = Background {
            pool,
            credentials,
            spool: spool.map(|spool| (spool, snapshot)),
            certificate: CertificateExpiry::default(),
            wake,
            projector: None,
            retention: None,
            metrics: metrics.clone(),
        };
        Ok(Self { acceptor, writer, limits, metrics, background })
    }

    pub(super) fn endpoint_paths(&self) -> Vec<String> {
        self.background.credentials.index().paths().into_iter().map(str::to_owned).collect()
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Background {
    /// Returns where the certificate's expiry is recorded, which the heartbeat reports.
    #[cfg(feature = "listener")]
    pub(super) fn certificate_expiry(&self) -> CertificateExpiry {
        self.certificate.clone()
    }

    /// Enables the projector.
    pub(super) fn project(&mut self) {
        let projector = Projector::new(self.pool.clone(), Arc::clone(&self.wake));
        self.projector = Some(projector.counting_into(self.metrics.clone()));
    }

    /// Deletes callbacks that are older than `age`.
    pub(super) fn retain_for(&mut self, age: Duration) {
        self.retention = Some(age);
    }

    /// Starts all parts. Each ends at shutdown, and is restarted if it panics.
    pub(super) fn start(self, shutdown: &CancellationToken) -> Running {
        let Self { pool, credentials, spool, certificate, projector, retention, metrics, .. } = self;
        let observed = Observed { certificate, spool: spool.as_ref().map(|(spool, _)| spool.clone()) };
        let supervisor = metrics.supervisor().clone();
        let mut running = Running { tasks: JoinSet::new(), supervisor: supervisor.clone(), shutdown: shutdown.clone() };
        running.part(Part::Backlog, {
            let pool = pool.clone();
            move |shutdown| maintenance::measure_backlog(pool.clone(), metrics.clone(), shutdown)
        });
        running.part(Part::RotationSweep, {
            let (pool, supervisor) = (pool.clone(), supervisor.clone());
            move |shutdown| maintenance::retire_credentials(pool.clone(), supervisor.clone(), shutdown)
        });
        running.part(Part::Heartbeat, {
            let (pool, credentials, id) = (pool.clone(), credentials.clone(), Uuid::now_v7());
            let supervisor = supervisor.clone();
            move |shutdown| {
                let (pool, credentials, observed) = (pool.clone(), credentials.clone(), observed.clone());
                Heartbeat::new(pool, credentials, observed, id, supervisor.clone()).run(shutdown)
            }
        });
        if let Some((spool, stored)) = spool {
            let supervisor = supervisor.clone();
            running.part(Part::Snapshot, move |shutdown| {
                snapshot::maintain(credentials.clone(), spool.clone(), stored.clone(), supervisor.clone(), shutdown)
            });
        }
        if let Some(age) = retention {
            running.part(Part::Retention, move |shutdown| {
                maintenance::delete_old_callbacks(Retention::new(pool.clone()), age, supervisor.clone(), shutdown)
            });
        }
        if let Some(projector) = projector {
            running.part(Part::Projector, move |shutdown| projector.clone().run(shutdown));
        }
        running
    }
}

impl Running {
    /// Starts a part, which is restarted if it panics.
    pub(super) fn part<F>(&mut self, part: Part, start: impl Fn(CancellationToken) -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (supervisor, shutdown) = (self.supervisor.clone(), self.shutdown.clone());
        self.tasks.spawn(async move {
            let _ended = supervisor.run(part, &shutdown, || start(shutdown.clone())).await;
        });
    }

    /// Starts a task that handles its own panics.
    pub(super) fn add(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Waits until all tasks have ended.
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
