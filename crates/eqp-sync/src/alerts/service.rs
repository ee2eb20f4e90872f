//! The alert part of a server: evaluates alerts at the start, periodically, and when something has happened.

use std::fmt;
use std::time::Duration;

use eqp_store::Observer;
use eqp_store::internal::Part;
use eqp_store::sqlx::PgPool;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::engine::AlertEngine;
use super::settings::AlertSettings;

/// The interval of evaluations.
const PERIOD: Duration = Duration::from_secs(30);
/// The shortest time between two evaluations, regardless of what happens.
const MIN_PAUSE: Duration = Duration::from_secs(1);

/// Evaluates the alerts of a database until shutdown. Any number of processes may do this; one of them evaluates at a time.
///
/// ```no_run
/// use eqp_sync::{AlertService, AlertSettings};
/// use tokio_util::sync::CancellationToken;
///
/// # async fn example(pool: eqp_store::sqlx::PgPool) {
/// AlertService::new(pool).settings(AlertSettings::default()).run(CancellationToken::new()).await;
/// # }
/// ```
#[derive(Clone)]
pub struct AlertService {
    pool: PgPool,
    settings: AlertSettings,
    observer: Observer,
}

impl fmt::Debug for AlertService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlertService").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl AlertService {
    /// Evaluates the alerts of this database.
    pub fn new(pool: PgPool) -> Self {
        Self { pool, settings: AlertSettings::default(), observer: Observer::default() }
    }

    /// Sets severities, quiet hours and limits.
    #[must_use]
    pub fn settings(mut self, settings: AlertSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Sets the observer: open alerts are counted in its receiver's metrics, and its other parts can request evaluations.
    #[must_use]
    pub fn observer(mut self, observer: Observer) -> Self {
        self.observer = observer;
        self
    }

    /// Runs until `shutdown`. A panic is logged and counted, and the part is restarted.
    pub async fn run(self, shutdown: CancellationToken) {
        let supervisor = self.observer.supervisor().clone();
        let part = || self.watch(shutdown.clone());
        let _ended = supervisor.run(Part::Alerts, &shutdown, part).await;
    }

    async fn watch(&self, shutdown: CancellationToken) {
        let mut engine = AlertEngine::new(self.pool.clone(), self.settings.clone());
        // Only the first failure is logged.
        let mut is_failing = false;
        while !shutdown.is_cancelled() {
            self.observer.supervisor().fault_point(Part::Alerts);
            let begun = Instant::now();
            let turn = async {
                match engine.evaluate(OffsetDateTime::now_utc()).await {
                    // The process that evaluates counts.
                    Ok(evaluation) if evaluation.skipped => {}
                    Ok(evaluation) => {
                        self.observer.alerts(evaluation.open);
                        is_failing = false;
                    }
                    Err(error) => {
                        if !std::mem::replace(&mut is_failing, true) {
                            let error = &error as &dyn std::error::Error;
                            tracing::warn!(error, "cannot evaluate alerts, retrying");
                        }
                    }
                }
                tokio::select! {
                    () = self.observer.alerts_requested() => {}
                    () = sleep(PERIOD) => {}
                }
                sleep_until(begun + MIN_PAUSE).await;
            };
            let _cancelled = shutdown.run_until_cancelled(turn).await;
        }
    }
}
