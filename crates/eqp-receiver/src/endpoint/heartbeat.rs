//! The heartbeat of a receiver: loads changed credentials, records in the database which generation is loaded, and writes when
//! credentials were used.
//!
//! Changes are announced by notifications, and polled where notifications do not arrive (`PgBouncer` in transaction mode).
//! While the database is down, the loaded credentials stay in use.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::PgPool;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::credential_cache::CredentialCache;
use crate::spool::Spool;
use eqp_store::CredentialGeneration;
use eqp_store::Error;
use eqp_store::internal as store;
use eqp_store::internal::listen::{Channel, NotificationListener};
use eqp_store::internal::within;
use eqp_store::internal::{Part, ReceiverFacts, Supervisor};

/// The polling interval for changes, short enough that a retired credential is rejected within a second.
const PERIOD: Duration = Duration::from_millis(500);
/// The minimum time between two refreshes that unknown credentials cause.
const MIN_PAUSE: Duration = Duration::from_millis(100);
/// The interval of heartbeats.
const HEARTBEAT_PERIOD: Duration = Duration::from_secs(2);
/// The time limit of each query.
const DEADLINE: Duration = Duration::from_secs(3);
/// The time by which deregistering may delay a shutdown.
const DEREGISTER_DEADLINE: Duration = Duration::from_secs(1);

/// When the certificate of the public listener expires, if it has one. All clones share one value.
#[derive(Clone, Debug, Default)]
pub(crate) struct CertificateExpiry(Arc<Mutex<Option<OffsetDateTime>>>);

impl CertificateExpiry {
    #[cfg(feature = "listener")]
    pub(crate) fn set(&self, at: OffsetDateTime) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    fn get(&self) -> Option<OffsetDateTime> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The parts of the receiver whose state the heartbeat reports.
#[derive(Clone, Debug)]
pub(crate) struct Observed {
    pub(crate) certificate: CertificateExpiry,
    pub(crate) spool: Option<Spool>,
}

impl Observed {
    fn facts(&self) -> ReceiverFacts {
        let level = self.spool.as_ref().map(Spool::level).unwrap_or_default();
        ReceiverFacts {
            certificate_expires_at: self.certificate.get(),
            spool_oldest_at: level.oldest,
            spool_callbacks: level.callbacks,
        }
    }
}

/// The heartbeat of one receiver.
pub(crate) struct Heartbeat {
    pool: PgPool,
    credentials: CredentialCache,
    observed: Observed,
    id: Uuid,
    supervisor: Supervisor,
    /// The last heartbeat that was written, and when.
    reported: Option<(CredentialGeneration, Instant)>,
    /// Whether the last attempt failed. Only the first failure is logged.
    is_failing: bool,
}

impl Heartbeat {
    /// Creates a heartbeat. The ID must stay the same across restarts of this task, or rotations would wait for the old one.
    pub(crate) fn new(
        pool: PgPool,
        credentials: CredentialCache,
        observed: Observed,
        id: Uuid,
        supervisor: Supervisor,
    ) -> Self {
        Self { pool, credentials, observed, id, supervisor, reported: None, is_failing: false }
    }

    /// Keeps the credentials up to date until shutdown, then deregisters the receiver.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let mut listener = NotificationListener::new(&self.pool, Channel::Credentials, self.supervisor.clone());
        loop {
            let begun = Instant::now();
            self.beat().await;
            let pause = async {
                tokio::select! {
                    () = listener.notified_before(begun + PERIOD) => {}
                    () = self.credentials.refresh_requested() => {}
                }
                sleep_until(begun + MIN_PAUSE).await;
            };
            if shutdown.run_until_cancelled(pause).await.is_none() {
                break;
            }
        }
        let _ = timeout(DEREGISTER_DEADLINE, self.record_use()).await;
        let _ = timeout(DEREGISTER_DEADLINE, self.record_rejections()).await;
        let _ = timeout(DEREGISTER_DEADLINE, store::receiver::deregister(&self.pool, self.id)).await;
    }

    async fn beat(&mut self) {
        let result = self.follow().await;
        match result {
            Ok(()) if self.is_failing => tracing::info!("credential refresh recovered"),
            Err(ref error) if !self.is_failing => {
                let error = error as &dyn std::error::Error;
                tracing::warn!(error, "cannot refresh credentials, using the loaded ones");
            }
            _ => {}
        }
        self.is_failing = result.is_err();
    }

    async fn follow(&mut self) -> Result<(), Error> {
        let credentials = self.credentials.clone();
        {
            let _refresh = credentials.begin_refresh();
            self.supervisor.fault_point(Part::Heartbeat);
            let newest = within(DEADLINE, store::receiver::generation(&self.pool)).await?;
            if CredentialGeneration(newest) != credentials.generation() {
                within(DEADLINE, credentials.reload(&self.pool)).await?;
            }
        }
        let loaded = credentials.generation();
        if self.reported.is_none_or(|(reported, at)| reported != loaded || at.elapsed() >= HEARTBEAT_PERIOD) {
            let facts = self.observed.facts();
            let version = env!("CARGO_PKG_VERSION");
            within(DEADLINE, store::receiver::heartbeat(&self.pool, self.id, loaded.0, &facts, version)).await?;
            self.reported = Some((loaded, Instant::now()));
            self.record_use().await?;
            self.record_rejections().await?;
        }
        Ok(())
    }

    async fn record_rejections(&self) -> Result<(), Error> {
        let rejections = self.credentials.rejections();
        let taken = rejections.take();
        if taken.is_empty() {
            return Ok(());
        }
        let written = within(DEADLINE, store::rejected_callback::add(&self.pool, &taken)).await;
        if written.is_err() {
            for rejected in taken {
                rejections.add(rejected);
            }
        }
        written
    }

    async fn record_use(&self) -> Result<(), Error> {
        let index = self.credentials.index();
        let used: Vec<_> =
            index.principals().filter_map(|principal| Some((principal, principal.usage.unwritten()?))).collect();
        if used.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = used.iter().map(|(principal, unwritten)| (principal.credential, *unwritten)).collect();
        within(DEADLINE, store::endpoint::record_use(&self.pool, &rows)).await?;
        for (principal, unwritten) in used {
            principal.usage.mark_written(unwritten);
        }
        Ok(())
    }
}
