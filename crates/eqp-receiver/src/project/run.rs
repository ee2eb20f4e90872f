//! The projector: turns pending callbacks and API reads into events, exactly once.
//!
//! One transaction takes a batch from the queue, folds it, writes the result and deletes the batch from the queue. If it is
//! interrupted, either all of this has happened or nothing.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use sqlx::{Acquire, PgConnection, PgPool};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::batch::{Known, Pending, history_needed};
use super::decode::reason;
use super::fold::fold;
use crate::Metrics;
use crate::results::Tally;
use eqp_store::Error;
use eqp_store::internal::Backoff;
use eqp_store::internal::Part;
use eqp_store::internal::within;
use eqp_store::internal::{
    LastNumbers, ReportId, api_read, callback_disposition, event, missing_callback, pending, projector, track,
};

/// The maximum number of reports per batch.
const BATCH: usize = 4096;
/// A batch that timed out is retried with its size divided by this.
const BATCH_DIVISOR: usize = 8;

/// The shortest time from the start of one batch to the next, unless there is a backlog. A batch of one callback costs nearly as many
/// statements as one of a hundred, and the answers to callbacks wait for the same processors.
const PACE: Duration = Duration::from_millis(5);
/// A batch of this size shows a backlog.
const BACKLOG: usize = 100;

/// The polling interval for callbacks of other processes, and for a leader that has ended.
const POLL: Duration = Duration::from_millis(200);

/// The time limit of one batch, all queries together.
const DEADLINE: Duration = Duration::from_mins(2);

/// A leader counts as stalled when its transaction has been idle for this long.
const STALLED: Duration = Duration::from_millis(600);
/// The time limit for replacing it.
const REPLACE_DEADLINE: Duration = Duration::from_secs(2);

/// The wait after a database error, which doubles with each further one.
const SHORTEST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Turns pending callbacks and API reads into events.
///
/// Any number of projectors may run, in any number of processes. One works at a time; another takes over automatically when it
/// ends, crashes or stalls.
///
/// ```no_run
/// # async fn example(pool: sqlx::PgPool) -> Result<(), Box<dyn std::error::Error>> {
/// let projector = eqp_receiver::Projector::new(pool, std::sync::Arc::default());
/// println!("{} callbacks projected", projector.drain().await?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Projector {
    pool: PgPool,
    wake: Arc<Notify>,
    metrics: Metrics,
}

/// The result of one attempt to project a batch.
enum Step {
    /// This many reports were projected, with these results. More may be pending.
    Projected(usize, Tally),
    /// Nothing is pending.
    Idle,
    /// Another projector is the leader.
    Led,
}

impl Projector {
    /// Creates a projector. Notify `wake` after callbacks were stored in this process; those of other processes are found by
    /// polling every 200 ms.
    pub fn new(pool: PgPool, wake: Arc<Notify>) -> Self {
        Self { pool, wake, metrics: Metrics::default() }
    }

    /// Sets the metrics to count into.
    pub(crate) fn counting_into(mut self, metrics: Metrics) -> Self {
        self.metrics = metrics;
        self
    }

    /// Runs until `shutdown`. Database errors are logged and retried.
    ///
    /// Dropping the future is safe at any time: a batch that is not committed is projected by the next projector.
    pub async fn run(self, shutdown: CancellationToken) {
        let _ended = shutdown.run_until_cancelled(self.run_on()).await;
    }

    async fn run_on(&self) {
        let mut backoff = Backoff::new(SHORTEST_WAIT, LONGEST_WAIT);
        let mut max_batch = BATCH;
        loop {
            let begun = Instant::now();
            match self.step(max_batch).await {
                Ok(Step::Projected(count, _)) => {
                    max_batch = max_batch.saturating_mul(2).min(BATCH);
                    backoff.reset();
                    if count < BACKLOG {
                        sleep_until(begun + PACE).await;
                    }
                }
                Ok(Step::Led) if self.has_replaced_leader().await => {}
                Ok(Step::Idle | Step::Led) => {
                    backoff.reset();
                    // A notification during the step is not lost.
                    let _ = timeout(POLL, self.wake.notified()).await;
                }
                Err(error) if is_timeout(&error) && max_batch > 1 => {
                    max_batch = (max_batch / BATCH_DIVISOR).max(1);
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, max_batch, "projection timed out, retrying with a smaller batch");
                }
                Err(error) => {
                    let wait = backoff.next_wait();
                    tracing::warn!(error = &error as &dyn std::error::Error, ?wait, "projection failed, retrying");
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// Projects until nothing is pending or another projector is the leader. Returns how many callbacks and API reads were projected.
    ///
    /// # Errors
    /// Returns an [`Error`] if the database fails. Batches that were committed before stay projected.
    pub async fn drain(&self) -> Result<usize, Error> {
        let mut projected = 0;
        while let Step::Projected(count, _) = self.step(BATCH).await? {
            projected += count;
        }
        Ok(projected)
    }

    /// Ends the transaction of a stalled leader. Returns whether there was one.
    async fn has_replaced_leader(&self) -> bool {
        let terminated = projector::terminate_stalled_leader(&self.pool, STALLED.as_secs_f64());
        match within(REPLACE_DEADLINE, terminated).await {
            Ok(true) => tracing::warn!("replaced a stalled projector"),
            Ok(false) => return false,
            Err(error) => {
                // The role may not be allowed to end that connection. Postgres ends it later, by its idle timeout.
                tracing::debug!(error = &error as &dyn std::error::Error, "cannot check for a stalled projector");
                return false;
            }
        }
        true
    }

    async fn step(&self, max_batch: usize) -> Result<Step, Error> {
        within(DEADLINE, self.project(max_batch)).await
    }

    async fn project(&self, max_batch: usize) -> Result<Step, sqlx::Error> {
        if !pending::is_any(&self.pool).await? {
            return Ok(Step::Idle);
        }
        match self.transaction(max_batch, BatchWrite::Whole).await {
            Err(error) if is_data_error(&error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "database rejects a report because of its data, isolating it"
                );
                self.transaction(max_batch, BatchWrite::IsolatingFailures).await
            }
            step => step,
        }
    }

    async fn transaction(&self, max_batch: usize, mode: BatchWrite) -> Result<Step, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let step = project_batch(&mut transaction, max_batch, mode).await;
        if let Ok(Step::Projected(_, tally)) = step {
            self.metrics.supervisor().fault_point(Part::Projector);
            transaction.commit().await?;
            self.metrics.projected(tally);
        } else {
            // Rolled back now instead of some time after the drop, so that the next leader does not have to wait for the lock.
            let _connection_may_be_lost = transaction.rollback().await;
        }
        step
    }
}

async fn project_batch(connection: &mut PgConnection, max_batch: usize, mode: BatchWrite) -> Result<Step, sqlx::Error> {
    let Some(numbers) = projector::acquire_leadership(connection).await? else { return Ok(Step::Led) };
    let taken = pending::take(connection, max_batch).await?;
    if taken.rows.is_empty() {
        return Ok(Step::Idle);
    }
    let batch = Pending::all(&pending::reports(connection, &taken.ids).await?);
    if batch.len() != taken.ids.len() {
        let missing = taken.ids.len() - batch.len();
        tracing::error!(missing, "skipping queued reports that do not exist or are queued twice");
    }
    let mut tally = Tally::default();
    let after = match mode {
        BatchWrite::Whole => write(connection, numbers, &batch, &mut tally).await?,
        BatchWrite::IsolatingFailures => write_isolating_failures(connection, numbers, batch, &mut tally).await?,
    };
    pending::remove(connection, &taken).await?;
    projector::record(connection, after).await?;
    if after.last_event_seq != numbers.last_event_seq {
        projector::announce(connection).await?;
    }
    Ok(Step::Projected(taken.ids.len(), tally))
}

/// Whether a batch is written at once, or divided until the reports that Postgres rejects are isolated.
#[derive(Clone, Copy)]
enum BatchWrite {
    Whole,
    IsolatingFailures,
}

/// Folds a batch and writes the result. Returns the last numbers in use.
async fn write(
    connection: &mut PgConnection,
    numbers: LastNumbers,
    batch: &[Pending],
    tally: &mut Tally,
) -> Result<LastNumbers, sqlx::Error> {
    let resources: HashSet<_> = batch.iter().filter_map(Pending::resource).collect();
    let tracks = track::load(connection, &resources.into_iter().collect::<Vec<_>>()).await?;
    let digests: HashSet<_> = batch.iter().filter_map(|pending| pending.content_digest).collect();
    let digests: Vec<_> = digests.into_iter().collect();
    let first_with_content = callback_disposition::first_with_content(connection, &digests).await?;
    let needed = history_needed(&tracks, &first_with_content, batch);
    let history = event::history(connection, needed).await?.into_iter().collect();

    let changes = fold(Known { numbers, tracks, history, first_with_content }, batch);
    changes.log_panics();
    changes.log_decisions();
    track::save(connection, &changes.tracks).await?;
    event::insert(connection, &changes.events).await?;
    callback_disposition::insert(connection, &changes.projected.callbacks).await?;
    api_read::insert_dispositions(connection, &changes.projected.reads).await?;
    missing_callback::insert(connection, &changes.missing).await?;
    missing_callback::arrived(connection, &changes.arrived).await?;
    *tally += changes.tally();
    Ok(changes.numbers)
}

/// Writes a batch of which Postgres rejects some reports: halves it, within savepoints, until they are isolated.
async fn write_isolating_failures(
    connection: &mut PgConnection,
    mut numbers: LastNumbers,
    batch: Vec<Pending>,
    tally: &mut Tally,
) -> Result<LastNumbers, sqlx::Error> {
    // A stack, with the first part of the queue at its top.
    let mut parts = vec![batch];
    while let Some(mut part) = parts.pop() {
        let mut savepoint = connection.begin().await?;
        match write(&mut savepoint, numbers, &part, tally).await {
            Ok(after) => {
                savepoint.commit().await?;
                numbers = after;
            }
            Err(error) if is_data_error(&error) => {
                savepoint.rollback().await?;
                if part.len() > 1 {
                    let second = part.split_off(part.len() / 2);
                    parts.extend([second, part]);
                } else if let Some(pending) = part.pop() {
                    numbers = store_undecodable(connection, numbers, pending, &error, tally).await?;
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(numbers)
}

/// Stores a report as undecodable because Postgres rejects one of its values.
async fn store_undecodable(
    connection: &mut PgConnection,
    numbers: LastNumbers,
    mut pending: Pending,
    error: &sqlx::Error,
    tally: &mut Tally,
) -> Result<LastNumbers, sqlx::Error> {
    let is_known = match pending.id {
        ReportId::Callback(id) => callback_disposition::is_known(connection, id).await?,
        ReportId::ApiRead(id) => api_read::is_known(connection, id).await?,
    };
    if is_known {
        tracing::error!(report = %pending.id, "skipping report that was already projected");
        return Ok(numbers);
    }
    tracing::error!(report = %pending.id, error = error as &dyn std::error::Error, "storing report as undecodable");
    pending.make_undecodable(reason(error));
    write(connection, numbers, &[pending], tally).await
}

/// Returns whether Postgres or the network has timed out, so that a smaller batch may succeed.
fn is_timeout(error: &Error) -> bool {
    let Error::Database(error) = error else { return false };
    match error.driver_error() {
        sqlx::Error::Database(error) => error.code().is_some_and(|code| code == "57014"),
        sqlx::Error::Io(error) => error.kind() == std::io::ErrorKind::TimedOut,
        _ => false,
    }
}

/// Returns whether Postgres rejects a value, as opposed to a failure of the statement or the connection.
pub(super) fn is_data_error(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else { return false };
    // Data exception, integrity constraint violation, program limit exceeded (a value too long for its index).
    error.code().is_some_and(|code| ["22", "23", "54"].iter().any(|class| code.starts_with(class)))
}
