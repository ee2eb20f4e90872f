//! Brings events to one named handler.

use std::any::Any;
use std::error::Error as _;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use sqlx::PgPool;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Handler, HandlerError};
use crate::backoff::Backoff;
use crate::deadline::within;
use crate::store::handler_cursor;
use crate::supervise::Part;
use crate::{Error, Event, EventFilter, Metrics, Reader, Tail};

/// How long a lease lasts: so long after a crash another process takes over.
const LEASE: Duration = Duration::from_secs(10);

/// How often a lease is renewed, and how often one that another has is asked for.
const RENEWAL: Duration = Duration::from_secs(2);

/// How long the database may take to record where a handler stands.
const CURSOR_DEADLINE: Duration = Duration::from_secs(5);

/// Waits after a failure of the handler or the database.
const SHORTEST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// The longest that giving the lease back may hold up a shutdown.
const FAREWELL: Duration = Duration::from_secs(1);

/// How long a handler that is at work may go on after shutdown.
const GRACE: Duration = Duration::from_secs(10);

/// A handler that works on one event for longer is reported, once.
const SLOW: Duration = Duration::from_mins(1);

/// Longer errors of a handler are cut.
const LONGEST_ERROR: usize = 2_000;

/// Brings every event to one handler, in order, at least once.
///
/// How far it came is remembered under the handler's name. Any number of processes may run a handler of one name:
/// one of them works, and another takes over by itself when it ends.
pub struct HandlerLoop {
    pool: PgPool,
    name: String,
    handler: Arc<dyn Handler>,
    from_now_on: bool,
    metrics: Metrics,
    /// Who holds the lease: this loop, and no other that ever ran.
    owner: Uuid,
}

/// Why a stretch of work ended without an error.
enum Ended {
    /// Another process has the lease.
    LeaseIsLost,
    /// The loop is shut down.
    Shutdown,
}

/// What became of an event.
enum Handled {
    Done,
    /// It is a dead letter: after so many attempts, with the last error.
    GivenUp {
        attempts: u32,
        error: String,
    },
    /// Another process will be given it.
    LeaseIsLost,
    /// It comes again after the next start.
    Shutdown,
}

/// What became of one attempt.
enum Attempt {
    Done,
    Failed { retry: bool, error: String },
    LeaseIsLost,
    Dropped,
}

impl std::fmt::Debug for HandlerLoop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HandlerLoop").field("name", &self.name).finish_non_exhaustive()
    }
}

impl HandlerLoop {
    /// A loop for `handler`, whose place is kept under `name` (1 to 100 bytes). A new name starts with the first event.
    pub fn new(pool: PgPool, name: impl Into<String>, handler: Arc<dyn Handler>) -> Self {
        Self {
            pool,
            name: name.into(),
            handler,
            from_now_on: false,
            metrics: Metrics::default(),
            owner: Uuid::new_v4(),
        }
    }

    /// A new name starts with the first event after the loop's first run, and not with the first of all.
    #[must_use]
    pub fn from_now_on(mut self) -> Self {
        self.from_now_on = true;
        self
    }

    /// Counts with the receiver's other parts.
    pub(crate) fn counting_into(mut self, metrics: &Metrics) -> Self {
        self.metrics = metrics.clone();
        self
    }

    /// Runs until `shutdown`. Trouble with the database or the handler is logged, waited for, and tried again; an event on
    /// which the handler fails too often becomes a dead letter.
    pub async fn run(self, shutdown: CancellationToken) {
        let _ended = self.metrics.supervisor().run(Part::Handler, &shutdown, || self.run_on(&shutdown)).await;
        // Another process need not wait for the lease to end.
        let _ = timeout(FAREWELL, handler_cursor::release(&self.pool, &self.name, self.owner)).await;
    }

    async fn run_on(&self, shutdown: &CancellationToken) {
        let mut backoff = Backoff::new(SHORTEST_WAIT, LONGEST_WAIT);
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
            let is_recorded = match self.handle(&event, &mut renew_at, shutdown).await {
                Handled::Done => self.recorded(|| self.advance(event.seq), shutdown).await?,
                Handled::GivenUp { attempts, error } => {
                    tracing::error!(
                        handler = self.name,
                        seq = event.seq,
                        attempts,
                        error,
                        "a handler gave an event up; it is a dead letter now"
                    );
                    self.metrics.handlers().gave_up();
                    self.recorded(|| self.give_up(event.seq, attempts, &error), shutdown).await?
                }
                Handled::LeaseIsLost => false,
                Handled::Shutdown => return Ok(Ended::Shutdown),
            };
            if !is_recorded {
                return Ok(Ended::LeaseIsLost);
            }
        }
    }

    /// The events from where the handler stands; none while another process has the lease.
    async fn start(&self) -> Result<Option<Tail>, Error> {
        let reader = Reader::new(self.pool.clone());
        let start = if self.from_now_on { reader.latest_seq().await? } else { 0 };
        within(CURSOR_DEADLINE, handler_cursor::ensure(&self.pool, &self.name, start)).await?;
        let Some(last_seq) = self.lease().await? else { return Ok(None) };
        let filter = EventFilter { after_seq: Some(last_seq), ..EventFilter::default() };
        reader.tail_of(filter, self.metrics.supervisor().clone()).await.map(Some)
    }

    async fn lease(&self) -> Result<Option<i64>, Error> {
        let lease = handler_cursor::lease(&self.pool, &self.name, self.owner, LEASE.as_secs_f64());
        within(CURSOR_DEADLINE, lease).await
    }

    async fn advance(&self, seq: i64) -> Result<bool, Error> {
        within(CURSOR_DEADLINE, handler_cursor::advance(&self.pool, &self.name, self.owner, seq)).await
    }

    async fn give_up(&self, seq: i64, attempts: u32, error: &str) -> Result<bool, Error> {
        let attempts = i32::try_from(attempts).unwrap_or(i32::MAX);
        let given_up = handler_cursor::give_up(&self.pool, &self.name, self.owner, seq, attempts, error);
        within(CURSOR_DEADLINE, given_up).await
    }

    /// Records what the handler has done, as soon as the database takes it: otherwise it would do it again.
    async fn recorded<F>(&self, record: impl Fn() -> F, shutdown: &CancellationToken) -> Result<bool, Error>
    where
        F: Future<Output = Result<bool, Error>>,
    {
        let mut backoff = Backoff::new(SHORTEST_WAIT, LONGEST_WAIT);
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

    /// Gives the event to the handler until it has taken it or failed too often.
    async fn handle(&self, event: &Event, renew_at: &mut Instant, shutdown: &CancellationToken) -> Handled {
        let most = self.handler.most_attempts().max(1);
        let mut backoff = Backoff::new(SHORTEST_WAIT, LONGEST_WAIT);
        let mut attempts = 0;
        loop {
            attempts += 1;
            match self.attempt(event, renew_at, shutdown).await {
                Attempt::Done => return Handled::Done,
                Attempt::LeaseIsLost => return Handled::LeaseIsLost,
                Attempt::Dropped => return Handled::Shutdown,
                Attempt::Failed { retry, error } if !retry || attempts >= most => {
                    return Handled::GivenUp { attempts, error };
                }
                Attempt::Failed { error, .. } => {
                    self.metrics.handlers().failed();
                    let wait = backoff.next_wait();
                    let handler = self.name.as_str();
                    tracing::warn!(
                        handler,
                        seq = event.seq,
                        attempts,
                        error,
                        ?wait,
                        "a handler failed; it is tried again"
                    );
                    match self.wait(Instant::now() + wait, renew_at, shutdown).await {
                        Attempt::Done => {}
                        Attempt::LeaseIsLost => return Handled::LeaseIsLost,
                        Attempt::Dropped | Attempt::Failed { .. } => return Handled::Shutdown,
                    }
                }
            }
        }
    }

    /// Waits for the next attempt, and keeps the lease meanwhile.
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

    /// Gives the event to the handler once, and lets it come to its end whatever becomes of the lease.
    async fn attempt(&self, event: &Event, renew_at: &mut Instant, shutdown: &CancellationToken) -> Attempt {
        let begun = Instant::now();
        let mut is_lost = false;
        let mut is_slow = false;
        let mut drop_at = None;
        let handling = AssertUnwindSafe(async {
            self.metrics.supervisor().fault_point(Part::Handler);
            self.handler.handle(event).await
        });
        let mut handling = pin!(handling.catch_unwind());
        loop {
            tokio::select! {
                biased;
                handled = &mut handling => {
                    // Whoever has the lease now is given the event, too, and records it.
                    return if is_lost { Attempt::LeaseIsLost } else { self.of_attempt(handled) };
                }
                () = shutdown.cancelled(), if drop_at.is_none() => drop_at = Some(Instant::now() + GRACE),
                () = sleep_until(drop_at.unwrap_or(begun)), if drop_at.is_some() => {
                    tracing::warn!(handler = self.name, seq = event.seq, "a handler did not end in time at shutdown");
                    return Attempt::Dropped;
                }
                () = sleep_until(*renew_at) => {
                    is_lost |= self.has_lost_lease(renew_at).await;
                    if !is_slow && begun.elapsed() > SLOW {
                        is_slow = true;
                        let handler = self.name.as_str();
                        tracing::warn!(handler, seq = event.seq, since = ?begun.elapsed(), "a handler takes long");
                    }
                }
            }
        }
    }

    fn of_attempt(&self, handled: Result<Result<(), HandlerError>, Box<dyn Any + Send>>) -> Attempt {
        let (retry, mut error) = match handled {
            Ok(Ok(())) => return Attempt::Done,
            Ok(Err(error)) => (error.is_retryable(), reasons(&error)),
            Err(panic) => {
                self.metrics.supervisor().report(Part::Handler, panic, Duration::ZERO);
                (true, "it panicked, see the log".to_owned())
            }
        };
        error.truncate(error.floor_char_boundary(LONGEST_ERROR));
        // Postgres keeps no such character in a text.
        Attempt::Failed { retry, error: error.replace('\0', "\u{fffd}") }
    }

    /// Renews the lease. A database that does not answer is no loss: the handler goes on, and the lease may be its still.
    async fn has_lost_lease(&self, renew_at: &mut Instant) -> bool {
        let lease = self.lease().await;
        *renew_at = Instant::now() + RENEWAL;
        matches!(lease, Ok(None))
    }

    fn log_wait(&self, error: &Error, wait: Duration) {
        let handler = self.name.as_str();
        let error = error as &dyn std::error::Error;
        tracing::warn!(handler, error, ?wait, "a handler has to wait for the database");
    }
}

/// An error with all its sources, in one line.
fn reasons(error: &HandlerError) -> String {
    let mut texts = Vec::new();
    let mut source = error.source();
    while let Some(error) = source {
        texts.push(error.to_string());
        source = error.source();
    }
    texts.join(": ")
}
