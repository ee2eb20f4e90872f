//! Delivers events to one named handler.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use eqp_store::internal::{Backoff, HandlerFailure, Part, handler_cursor, within};
use eqp_store::{Error, Event, EventFilter, Observer, Origin, Reader, Tail};
use futures_util::FutureExt;
use sqlx::PgPool;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::attempt::{Attempt, Handled};
use crate::{Handler, HandlerError, RunningHandler};

/// The lease duration. After a crash, another process takes over when the lease expires.
const LEASE: Duration = Duration::from_secs(10);

/// The interval at which a lease is renewed, or requested if another process holds it.
const RENEWAL: Duration = Duration::from_secs(2);

/// The time limit for each query about the handler's position or lease.
const CURSOR_DEADLINE: Duration = Duration::from_secs(5);

/// The first wait after a failure of the handler or the database.
const MIN_WAIT: Duration = Duration::from_millis(200);
const MAX_WAIT: Duration = Duration::from_mins(1);

/// The time by which releasing the lease may delay a shutdown.
const RELEASE_DEADLINE: Duration = Duration::from_secs(1);

/// The time for which a handler may continue after a shutdown was requested.
const GRACE: Duration = Duration::from_secs(10);

/// The time that a handler may take for one event before a warning is logged.
const SLOW: Duration = Duration::from_mins(1);

/// The maximum length of a stored error in bytes. Longer errors are truncated.
const MAX_ERROR_BYTES: usize = 2_000;

/// Delivers every event to one handler, in order, at least once.
///
/// The position is stored in the database under the handler's name. Any number of processes can run a handler of the same name: one of
/// them holds the lease and works, and another takes over automatically when it stops.
///
/// ```no_run
/// # async fn example(pool: sqlx::PgPool) {
/// use eqp_deliver::{Event, Handler, HandlerError, HandlerLoop};
///
/// struct LogEvents;
///
/// #[async_trait::async_trait]
/// impl Handler for LogEvents {
///     async fn handle(&self, event: &Event) -> Result<(), HandlerError> {
///         println!("event {}", event.seq);
///         Ok(())
///     }
/// }
///
/// let log = HandlerLoop::new(pool, "log", LogEvents).spawn();
/// // … until the service stops.
/// log.stop().await;
/// # }
/// ```
pub struct HandlerLoop {
    pool: PgPool,
    name: String,
    handler: Box<dyn Handler>,
    from_now_on: bool,
    with_baseline: bool,
    observer: Observer,
    /// Identifies this loop as the holder of the lease.
    owner: Uuid,
}

/// The reason why [`HandlerLoop::work`] returned without an error.
enum Ended {
    /// Another process holds the lease.
    LeaseIsLost,
    /// The loop is shutting down.
    Shutdown,
}

impl std::fmt::Debug for HandlerLoop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HandlerLoop").field("name", &self.name).finish_non_exhaustive()
    }
}

impl HandlerLoop {
    /// Creates a loop for `handler`, whose position is stored under `name` (1 to 100 bytes). A handler with a new name starts with the
    /// first event in the database.
    pub fn new(pool: PgPool, name: impl Into<String>, handler: impl Handler + 'static) -> Self {
        Self {
            pool,
            name: name.into(),
            handler: Box::new(handler),
            from_now_on: false,
            with_baseline: false,
            observer: Observer::default(),
            owner: Uuid::new_v4(),
        }
    }

    /// Makes a handler with a new name start with the first event that is recorded after the loop first runs.
    ///
    /// ```no_run
    /// # fn example<H: eqp_deliver::Handler + 'static>(pool: sqlx::PgPool, handler: H) {
    /// let running = eqp_deliver::HandlerLoop::new(pool, "mail", handler).from_now_on().spawn();
    /// # }
    /// ```
    #[must_use]
    pub fn from_now_on(mut self) -> Self {
        self.from_now_on = true;
        self
    }

    /// Delivers events of the baseline, too. By default they are skipped: they describe what an account had before it was
    /// watched, such as all submissions that reconciliation finds in its first run.
    ///
    /// ```no_run
    /// # fn example<H: eqp_deliver::Handler + 'static>(pool: sqlx::PgPool, handler: H) {
    /// let running = eqp_deliver::HandlerLoop::new(pool, "archive", handler).with_baseline().spawn();
    /// # }
    /// ```
    #[must_use]
    pub fn with_baseline(mut self) -> Self {
        self.with_baseline = true;
        self
    }

    /// Reports failures and panics to `observer`. With the observer of a receiver in the same process, they are counted in its metrics.
    #[must_use]
    pub fn observed_by(mut self, observer: Observer) -> Self {
        self.observer = observer;
        self
    }

    /// Starts the loop as a task on the current Tokio runtime. It runs until the returned value is stopped or dropped.
    ///
    /// # Panics
    ///
    /// Panics outside a Tokio runtime.
    pub fn spawn(self) -> RunningHandler {
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(self.run(shutdown.clone()));
        RunningHandler { task, stop: shutdown.drop_guard() }
    }

    /// Runs the loop until `shutdown` is cancelled. Failures of the database and of the handler are logged and retried with growing waits.
    /// An event on which the handler fails too often becomes a dead letter.
    pub async fn run(self, shutdown: CancellationToken) {
        let _ended = self.observer.supervisor().run(Part::Handler, &shutdown, || self.run_on(&shutdown)).await;
        // So that another process can take over before the lease expires.
        let _ = timeout(RELEASE_DEADLINE, handler_cursor::release(&self.pool, &self.name, self.owner)).await;
    }

    async fn run_on(&self, shutdown: &CancellationToken) {
        let mut backoff = Backoff::new(MIN_WAIT, MAX_WAIT);
        loop {
            let wait = match self.work(&mut backoff, shutdown).await {
                Ok(Ended::Shutdown) => return,
                Ok(Ended::LeaseIsLost) => {
                    backoff.reset();
                    RENEWAL
                }
                Err(error) => {
                    let wait = backoff.next_wait();
                    self.log_wait(&error, wait);
                    wait
                }
            };
            if shutdown.run_until_cancelled(sleep(wait)).await.is_none() {
                return;
            }
        }
    }

    async fn work(&self, backoff: &mut Backoff, shutdown: &CancellationToken) -> Result<Ended, Error> {
        let Some(started) = shutdown.run_until_cancelled(self.start()).await else { return Ok(Ended::Shutdown) };
        let Some(mut tail) = started? else { return Ok(Ended::LeaseIsLost) };
        backoff.reset();
        let mut renew_at = Instant::now() + RENEWAL;
        loop {
            let event = tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(Ended::Shutdown),
                event = tail.next() => event?,
                () = sleep_until(renew_at) => None,
            };
            if Instant::now() >= renew_at {
                if self.lease().await?.is_none() {
                    return Ok(Ended::LeaseIsLost);
                }
                renew_at = Instant::now() + RENEWAL;
            }
            let Some(event) = event else { continue };
            let is_skipped = event.origin == Origin::Baseline && !self.with_baseline;
            let handled = if is_skipped { Handled::Done } else { self.handle(&event, &mut renew_at, shutdown).await };
            let is_recorded = match handled {
                Handled::Done => self.recorded(|| self.advance(event.seq), shutdown).await?,
                Handled::DeadLettered { attempts, error } => {
                    tracing::error!(
                        handler = self.name,
                        seq = event.seq,
                        attempts,
                        error,
                        "handler failed permanently, moving event to dead letters"
                    );
                    self.observer.handler_failed(HandlerFailure::DeadLetter);
                    self.recorded(|| self.dead_letter(event.seq, attempts, &error), shutdown).await?
                }
                Handled::LeaseIsLost => false,
                Handled::Shutdown => return Ok(Ended::Shutdown),
            };
            if !is_recorded {
                return Ok(Ended::LeaseIsLost);
            }
        }
    }

    /// Acquires the lease and returns the events after the handler's position, or `None` if another process holds the lease.
    async fn start(&self) -> Result<Option<Tail>, Error> {
        let reader = Reader::new(self.pool.clone());
        let start = if self.from_now_on { reader.latest_seq().await? } else { 0 };
        within(CURSOR_DEADLINE, handler_cursor::ensure(&self.pool, &self.name, start)).await?;
        let Some(last_seq) = self.lease().await? else { return Ok(None) };
        let filter = EventFilter { after_seq: Some(last_seq), ..EventFilter::default() };
        reader.tail_of(filter, self.observer.supervisor().clone()).await.map(Some)
    }

    async fn lease(&self) -> Result<Option<i64>, Error> {
        let lease = handler_cursor::lease(&self.pool, &self.name, self.owner, LEASE.as_secs_f64());
        within(CURSOR_DEADLINE, lease).await
    }

    async fn advance(&self, seq: i64) -> Result<bool, Error> {
        within(CURSOR_DEADLINE, handler_cursor::advance(&self.pool, &self.name, self.owner, seq)).await
    }

    async fn dead_letter(&self, seq: i64, attempts: u32, error: &str) -> Result<bool, Error> {
        let attempts = i32::try_from(attempts).unwrap_or(i32::MAX);
        let dead_lettered = handler_cursor::dead_letter(&self.pool, &self.name, self.owner, seq, attempts, error);
        within(CURSOR_DEADLINE, dead_lettered).await
    }

    /// Records the result of an event, retrying until the database accepts it. Otherwise the event would be delivered again.
    async fn recorded<F>(&self, record: impl Fn() -> F, shutdown: &CancellationToken) -> Result<bool, Error>
    where
        F: Future<Output = Result<bool, Error>>,
    {
        let mut backoff = Backoff::new(MIN_WAIT, MAX_WAIT);
        loop {
            match record().await {
                Err(error) if error.is_retryable() => {
                    let wait = backoff.next_wait();
                    self.log_wait(&error, wait);
                    if shutdown.run_until_cancelled(sleep(wait)).await.is_none() {
                        return Err(error);
                    }
                }
                recorded => return recorded,
            }
        }
    }

    /// Calls the handler until it succeeds or has failed too often.
    async fn handle(&self, event: &Event, renew_at: &mut Instant, shutdown: &CancellationToken) -> Handled {
        let most = self.handler.max_attempts().max(1);
        let mut backoff = Backoff::new(MIN_WAIT, MAX_WAIT);
        let mut attempts = 0;
        loop {
            attempts += 1;
            match self.attempt(event, renew_at, shutdown).await {
                Attempt::Done => return Handled::Done,
                Attempt::LeaseIsLost => return Handled::LeaseIsLost,
                Attempt::Dropped => return Handled::Shutdown,
                Attempt::Failed { retry, error } if !retry || attempts >= most => {
                    return Handled::DeadLettered { attempts, error };
                }
                Attempt::Failed { error, .. } => {
                    self.observer.handler_failed(HandlerFailure::Attempt);
                    let wait = backoff.next_wait();
                    let handler = self.name.as_str();
                    tracing::warn!(handler, seq = event.seq, attempts, error, ?wait, "handler failed, retrying");
                    match self.wait(Instant::now() + wait, renew_at, shutdown).await {
                        Attempt::Done => {}
                        Attempt::LeaseIsLost => return Handled::LeaseIsLost,
                        Attempt::Dropped | Attempt::Failed { .. } => return Handled::Shutdown,
                    }
                }
            }
        }
    }

    /// Waits for the next attempt, and renews the lease during the wait.
    async fn wait(&self, until: Instant, renew_at: &mut Instant, shutdown: &CancellationToken) -> Attempt {
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Attempt::Dropped,
                () = sleep_until(until) => return Attempt::Done,
                () = sleep_until(*renew_at) => {
                    if self.has_lost_lease(renew_at).await {
                        return Attempt::LeaseIsLost;
                    }
                }
            }
        }
    }

    /// Calls the handler once and lets it finish, even if the lease is lost.
    async fn attempt(&self, event: &Event, renew_at: &mut Instant, shutdown: &CancellationToken) -> Attempt {
        let begun = Instant::now();
        let lease_is_lost = AtomicBool::new(false);
        let mut drop_at = None;
        // Concurrent with the handler, so that a database that does not answer does not delay it.
        let mut renewing = pin!(async {
            let mut is_slow = false;
            loop {
                sleep_until(*renew_at).await;
                if self.has_lost_lease(renew_at).await {
                    lease_is_lost.store(true, Ordering::Relaxed);
                }
                if !is_slow && begun.elapsed() > SLOW {
                    is_slow = true;
                    let handler = self.name.as_str();
                    tracing::warn!(handler, seq = event.seq, since = ?begun.elapsed(), "handler is slow");
                }
            }
        });
        let handling = AssertUnwindSafe(async {
            self.observer.supervisor().fault_point(Part::Handler);
            self.handler.handle(event).await
        });
        let mut handling = pin!(handling.catch_unwind());
        loop {
            tokio::select! {
                biased;
                handled = &mut handling => {
                    // The process that holds the lease now delivers the event as well, and records the result.
                    return if lease_is_lost.load(Ordering::Relaxed) { Attempt::LeaseIsLost } else { self.classify(handled) };
                }
                () = shutdown.cancelled(), if drop_at.is_none() => drop_at = Some(Instant::now() + GRACE),
                () = sleep_until(drop_at.unwrap_or(begun)), if drop_at.is_some() => {
                    tracing::warn!(handler = self.name, seq = event.seq, "handler did not finish in time at shutdown");
                    return Attempt::Dropped;
                }
                () = &mut renewing => {}
            }
        }
    }

    fn classify(&self, handled: Result<Result<(), HandlerError>, Box<dyn Any + Send>>) -> Attempt {
        let (retry, mut error) = match handled {
            Ok(Ok(())) => return Attempt::Done,
            Ok(Err(error)) => (error.is_retryable(), error.reasons()),
            Err(panic) => {
                self.observer.supervisor().report(Part::Handler, panic, Duration::ZERO);
                (true, "the handler panicked; see the log".to_owned())
            }
        };
        // Postgres cannot store this character in a text.
        error = error.replace('\0', r"\u{0}");
        error.truncate(error.floor_char_boundary(MAX_ERROR_BYTES));
        Attempt::Failed { retry, error }
    }

    /// Renews the lease and returns whether it is lost. If the database does not answer, the lease may still be held, so it does not count
    /// as lost.
    async fn has_lost_lease(&self, renew_at: &mut Instant) -> bool {
        let lease = self.lease().await;
        *renew_at = Instant::now() + RENEWAL;
        matches!(lease, Ok(None))
    }

    fn log_wait(&self, error: &Error, wait: Duration) {
        let handler = self.name.as_str();
        let error = error as &dyn std::error::Error;
        tracing::warn!(handler, error, ?wait, "database unavailable, handler is waiting");
    }
}
