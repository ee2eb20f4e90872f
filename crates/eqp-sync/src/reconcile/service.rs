//! The reconcile part of a server: reconciles every account with an access key at the start, periodically, after an outage, and
//! after a callback was rejected.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use eqp_client::Client;
use eqp_store::internal::{Part, ReconcileResult};
use eqp_store::sqlx::PgPool;
use eqp_store::{AccountId, MasterKey, Observer};
use time::OffsetDateTime;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::account_run::{AccountRun, Ended};
use super::connector::{ConfiguredKey, Connect, Connector};
use super::error::ReconcileError;
use super::schedule::{Due, ReconcileIntervals, RunTimes};
use super::storage::{self, WatchedAccount};
use crate::listings::{CheckListings, ListingChecks};

/// The interval at which accounts that are due are determined.
const TICK: Duration = Duration::from_secs(2);
/// The shortest time between two checks, regardless of the number of requested runs.
const MIN_PAUSE: Duration = Duration::from_millis(500);
/// The maximum number of accounts that are reconciled at a time.
const CONCURRENT: usize = 4;
/// The interval at which the last runs of all processes are read.
const LAST_RUNS_PERIOD: Duration = Duration::from_secs(30);
/// The interval at which missed callbacks are determined.
const DECISION_PERIOD: Duration = Duration::from_mins(1);
/// The longest wait that the Marketplace can request.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);
/// The time limit for runs in progress to record that they were interrupted.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(5);

/// Reconciles the accounts of a database until shutdown. Any number of processes may do this; each account is reconciled by one of them
/// at a time.
///
/// ```no_run
/// use std::sync::Arc;
///
/// use eqp_sync::ReconcileService;
/// use tokio_util::sync::CancellationToken;
///
/// # async fn example(pool: eqp_store::sqlx::PgPool, key: eqp_store::MasterKey) {
/// let connect = Arc::new(|environment, key| Ok(eqp_client::Client::builder(environment, key).build()?));
/// ReconcileService::new(pool, key, connect).run(CancellationToken::new()).await;
/// # }
/// ```
#[derive(Clone)]
pub struct ReconcileService {
    connector: Connector,
    intervals: ReconcileIntervals,
    listings: Option<ListingChecks>,
    observer: Observer,
}

impl fmt::Debug for ReconcileService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReconcileService").field("intervals", &self.intervals).finish_non_exhaustive()
    }
}

impl ReconcileService {
    /// Reconciles the accounts of this database, whose access keys are sealed under `key`.
    pub fn new(pool: PgPool, key: MasterKey, connect: Connect) -> Self {
        Self {
            connector: Connector { pool, key, connect, configured: None },
            intervals: ReconcileIntervals::default(),
            listings: None,
            observer: Observer::default(),
        }
    }

    /// Sets the source of the secrets that are not stored in the database.
    #[must_use]
    pub fn configured_key(mut self, configured: ConfiguredKey) -> Self {
        self.connector.configured = Some(configured);
        self
    }

    /// Sets the intervals at which accounts are reconciled.
    #[must_use]
    pub fn intervals(mut self, intervals: ReconcileIntervals) -> Self {
        self.intervals = intervals;
        self
    }

    /// Also checks the listings of production accounts, at most once per interval, after an account was reconciled.
    #[must_use]
    pub fn check_listings(mut self, check: CheckListings, interval: Duration) -> Self {
        self.listings = Some(ListingChecks { check, interval });
        self
    }

    /// Sets the observer: runs are counted in its receiver's metrics, and that receiver can request runs.
    #[must_use]
    pub fn observer(mut self, observer: Observer) -> Self {
        self.observer = observer;
        self
    }

    /// Runs until `shutdown`. A panic is logged and counted, and the part is restarted.
    pub async fn run(self, shutdown: CancellationToken) {
        let supervisor = self.observer.supervisor().clone();
        let part = || Watch::new(&self).run(shutdown.clone());
        let _ended = supervisor.run(Part::Reconcile, &shutdown, part).await;
    }
}

/// The accounts, and the runs in progress.
struct Watch<'a> {
    service: &'a ReconcileService,
    accounts: HashMap<AccountId, Watched>,
    running: JoinSet<(AccountId, Ended)>,
    /// The database did not answer. Only the first failure is logged.
    is_failing: bool,
    decided_at: Option<Instant>,
}

/// An account, as this process has seen it.
struct Watched {
    times: RunTimes,
    /// When the runs of all processes were last read from the database.
    asked_at: Option<Instant>,
    /// The random part of the next waits.
    chance: f64,
    client: Option<Client>,
    /// When the key was verified. A key that was replaced needs another client.
    key_verified_at: Option<OffsetDateTime>,
    is_running: bool,
}

impl Watched {
    fn new() -> Self {
        // An account is reconciled when the server starts: callbacks may have been lost while it did not run.
        let times = RunTimes { requested: true, ..RunTimes::default() };
        Self { times, asked_at: None, chance: fastrand::f64(), client: None, key_verified_at: None, is_running: false }
    }
}

impl<'a> Watch<'a> {
    fn new(service: &'a ReconcileService) -> Self {
        Self { service, accounts: HashMap::new(), running: JoinSet::new(), is_failing: false, decided_at: None }
    }

    async fn run(mut self, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            self.service.observer.supervisor().fault_point(Part::Reconcile);
            let begun = Instant::now();
            let tick = async {
                self.tick(&shutdown).await;
                tokio::select! {
                    () = self.service.observer.reconcile_requests().requested() => {}
                    () = sleep(TICK) => {}
                    Some(ended) = self.running.join_next() => self.join(ended),
                }
                sleep_until(begun + MIN_PAUSE).await;
            };
            let _cancelled = shutdown.run_until_cancelled(tick).await;
        }
        let ending = async { while self.running.join_next().await.is_some() {} };
        let _ = timeout(SHUTDOWN_DEADLINE, ending).await;
    }

    /// Starts the runs that are due.
    async fn tick(&mut self, shutdown: &CancellationToken) {
        while let Some(ended) = self.running.try_join_next() {
            self.join(ended);
        }
        match self.look().await {
            Ok(accounts) => {
                if std::mem::take(&mut self.is_failing) {
                    self.service.observer.reconcile_requests().request_all();
                }
                self.take_requests(&accounts);
                for account in accounts {
                    self.start_if_due(account, OffsetDateTime::now_utc(), shutdown);
                }
                self.decide_missed().await;
            }
            Err(error) => {
                if !self.is_failing {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "cannot read the accounts to reconcile, retrying");
                }
                self.is_failing = true;
            }
        }
    }

    /// Reads the accounts with an access key, and when they were last reconciled.
    async fn look(&mut self) -> Result<Vec<WatchedAccount>, eqp_store::Error> {
        let accounts = storage::watched_accounts(&self.service.connector.pool).await?;
        self.accounts.retain(|id, watched| watched.is_running || accounts.iter().any(|account| account.id == *id));
        for account in &accounts {
            let watched = self.accounts.entry(account.id).or_insert_with(Watched::new);
            if watched.asked_at.is_none_or(|at| at.elapsed() >= LAST_RUNS_PERIOD) {
                let last = storage::last_runs(&self.service.connector.pool, account.id).await?;
                (watched.times.last, watched.times.last_full) = (last.succeeded_at, last.full_at);
                watched.asked_at = Some(Instant::now());
            }
        }
        Ok(accounts)
    }

    fn take_requests(&mut self, accounts: &[WatchedAccount]) {
        let requested = self.service.observer.reconcile_requests().take();
        for account in accounts {
            let is_requested = account.endpoints.iter().any(|endpoint| requested.endpoints.contains(endpoint));
            if (requested.all || is_requested)
                && let Some(watched) = self.accounts.get_mut(&account.id)
            {
                watched.times.requested = true;
            }
        }
    }

    fn start_if_due(&mut self, account: WatchedAccount, now: OffsetDateTime, shutdown: &CancellationToken) {
        let Some(watched) = self.accounts.get_mut(&account.id) else { return };
        if watched.is_running || self.running.len() >= CONCURRENT {
            return;
        }
        if watched.key_verified_at != Some(account.key_verified_at) {
            // Failures with the earlier key do not delay the first run with this one.
            watched.times =
                RunTimes { attempted: None, failures: 0, not_before: None, requested: true, ..watched.times };
            (watched.client, watched.key_verified_at) = (None, Some(account.key_verified_at));
        }
        let Some(due) = watched.times.due(now, &self.service.intervals, watched.chance) else { return };
        (watched.times.attempted, watched.times.requested, watched.is_running) = (Some(now), false, true);
        let client = watched.client.clone();
        let (id, is_full) = (account.id, due == Due::Full);
        let (connector, listings) = (self.service.connector.clone(), self.service.listings.clone());
        let run = AccountRun { connector, account, client, is_full, listings };
        let shutdown = shutdown.clone();
        self.running.spawn(async move { (id, run.run(&shutdown).await) });
    }

    /// Records how a run ended. A panic of a run counts as a panic of this part.
    fn join(&mut self, ended: Result<(AccountId, Ended), tokio::task::JoinError>) {
        let (id, Ended { account, client, result }) = match ended {
            Ok(ended) => ended,
            Err(failed) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
            Err(_) => return,
        };
        let Some(watched) = self.accounts.get_mut(&id) else { return };
        (watched.is_running, watched.asked_at) = (false, None);
        watched.chance = fastrand::f64();
        watched.client = client.filter(|_| watched.key_verified_at == Some(account.key_verified_at));
        let (mage_id, environment) = (&account.mage_id, account.environment);
        match result {
            Ok(report) => {
                (watched.times.failures, watched.times.not_before) = (0, None);
                self.service.observer.request_alerts();
                self.service.observer.reconciled(ReconcileResult::Succeeded { stored: report.stored });
                let kind: &'static str = report.kind.into();
                let (submissions, differences, stored) = (report.submissions, report.differences, report.stored);
                if stored > 0 {
                    tracing::info!(%mage_id, %environment, kind, submissions, differences, stored, "reconciled account");
                } else {
                    tracing::debug!(%mage_id, %environment, kind, submissions, "reconciled account");
                }
            }
            // Another process does what this one was about to do.
            Err(ReconcileError::AlreadyRunning) => watched.times.failures = watched.times.failures.max(1),
            Err(ReconcileError::Interrupted) => {}
            Err(error) => {
                watched.times.failures = watched.times.failures.saturating_add(1);
                // Limited, because one wrong header must not stop an account for years.
                let wait = error.retry_after().map(|wait| wait.min(MAX_RETRY_AFTER));
                watched.times.not_before = wait.map(|wait| OffsetDateTime::now_utc() + wait);
                self.service.observer.reconciled(ReconcileResult::Failed);
                let (error, failures) = (&error as &dyn std::error::Error, watched.times.failures);
                tracing::warn!(error, %mage_id, %environment, failures, "cannot reconcile account, retrying");
            }
        }
    }

    /// Decides which callbacks were missed, and which were only slow.
    async fn decide_missed(&mut self) {
        if self.decided_at.is_some_and(|at| at.elapsed() < DECISION_PERIOD) {
            return;
        }
        self.decided_at = Some(Instant::now());
        match storage::decide_missed(&self.service.connector.pool).await {
            Ok(0) => {}
            Ok(missed) => {
                tracing::warn!(missed, "callbacks did not arrive, the changes were read from the API");
                self.service.observer.request_alerts();
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "cannot decide which callbacks were missed, retrying");
            }
        }
    }
}
