//! Brings events to one named handler.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Handler, HandlerError};
use crate::backoff::Backoff;
use crate::deadline::within;
use crate::store::handler_cursor;
use crate::supervise::{Part, Supervisor};
use crate::{Error, Event, EventFilter, Metrics, Reader};

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

/// Brings every event to one handler, in order, at least once.
///
/// How far it came is remembered under the handler's name. Any number of processes may run a handler of one name:
/// one of them works, and another takes over by itself when it ends.
pub struct HandlerLoop {
    pool: PgPool,
    name: String,
    handler: Arc<dyn Handler>,
    from_now_on: bool,
    supervisor: Supervisor,
    /// Who holds the lease: this loop, and no other that ever ran.
    owner: Uuid,
}

/// Why a stretch of work ended without an error.
enum Ended {
    /// Another process has the lease.
    LeaseIsLost,
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
            supervisor: Supervisor::default(),
            owner: Uuid::new_v4(),
        }
    }

    /// A new name starts with the first event after the loop's first run, and not with the first of all.
    #[must_use]
    pub fn from_now_on(mut self) -> Self {
        self.from_now_on = true;
        self
    }

    /// Counts panics with those of the receiver's other parts.
    pub(crate) fn counting_into(mut self, metrics: &Metrics) -> Self {
        self.supervisor = metrics.supervisor().clone();
        self
    }

    /// Runs until `shutdown`. Trouble with the database or the handler is logged, waited for, and tried again.
    pub async fn run(self, shutdown: CancellationToken) {
        let running = self.supervisor.run(Part::Handler, &shutdown, || self.run_on());
        let _ended = shutdown.run_until_cancelled(running).await;
        // Another process need not wait for the lease to end.
        let _ = timeout(FAREWELL, handler_cursor::release(&self.pool, &self.name, self.owner)).await;
    }

    async fn run_on(&self) {
        let mut backoff = Backoff::new(SHORTEST_WAIT, LONGEST_WAIT);
        loop {
            match self.work(&mut backoff).await {
                Ok(Ended::LeaseIsLost) => {
                    backoff.reset();
                    sleep(RENEWAL).await;
                }
                Err(error) => {
                    let wait = backoff.next_wait();
                    self.log_wait(&error, wait);
                    sleep(wait).await;
                }
            }
        }
    }

    async fn work(&self, backoff: &mut Backoff) -> Result<Ended, Error> {
        let reader = Reader::new(self.pool.clone());
        let start = if self.from_now_on { reader.latest_seq().await? } else { 0 };
        within(CURSOR_DEADLINE, handler_cursor::ensure(&self.pool, &self.name, start)).await?;
        let Some(last_seq) = self.lease().await? else { return Ok(Ended::LeaseIsLost) };
        backoff.reset();

        let mut tail = reader
            .tail_of(EventFilter { after_seq: Some(last_seq), ..EventFilter::default() }, self.supervisor.clone())
            .await?;
        let mut renew_at = Instant::now() + RENEWAL;
        loop {
            let event = tokio::select! {
                event = tail.next() => event?,
                () = tokio::time::sleep_until(renew_at) => None,
            };
            if Instant::now() >= renew_at {
                if self.lease().await?.is_none() {
                    return Ok(Ended::LeaseIsLost);
                }
                renew_at = Instant::now() + RENEWAL;
            }
            let Some(event) = event else { continue };
            if !self.handle_for_sure(&event, &mut renew_at).await? || !self.advance(event.seq).await? {
                return Ok(Ended::LeaseIsLost);
            }
        }
    }

    async fn lease(&self) -> Result<Option<i64>, Error> {
        let lease = handler_cursor::lease(&self.pool, &self.name, self.owner, LEASE.as_secs_f64());
        within(CURSOR_DEADLINE, lease).await
    }

    async fn advance(&self, seq: i64) -> Result<bool, Error> {
        within(CURSOR_DEADLINE, handler_cursor::advance(&self.pool, &self.name, self.owner, seq)).await
    }

    /// Tries until the handler has taken the event or given up on it; false when the lease was lost meanwhile.
    async fn handle_for_sure(&self, event: &Event, renew_at: &mut Instant) -> Result<bool, Error> {
        let tries = self.handle_with_retries(event);
        tokio::pin!(tries);
        loop {
            tokio::select! {
                () = &mut tries => return Ok(true),
                () = tokio::time::sleep_until(*renew_at) => {
                    if self.lease().await?.is_none() {
                        return Ok(false);
                    }
                    *renew_at = Instant::now() + RENEWAL;
                }
            }
        }
    }

    async fn handle_with_retries(&self, event: &Event) {
        self.supervisor.fault_point(Part::Handler);
        let mut backoff = Backoff::new(SHORTEST_WAIT, LONGEST_WAIT);
        loop {
            match self.handler.handle(event).await {
                Ok(()) => return,
                Err(error) => {
                    let retry = error.is_retryable();
                    self.log(event, &error);
                    if !retry {
                        return;
                    }
                    sleep(backoff.next_wait()).await;
                }
            }
        }
    }

    fn log_wait(&self, error: &Error, wait: Duration) {
        let handler = self.name.as_str();
        let error = error as &dyn std::error::Error;
        tracing::warn!(handler, error, ?wait, "a handler has to wait for the database");
    }

    fn log(&self, event: &Event, error: &HandlerError) {
        let handler = self.name.as_str();
        let retry = error.is_retryable();
        tracing::warn!(handler, seq = event.seq, retry, error = error as &dyn std::error::Error, "a handler failed");
    }
}
