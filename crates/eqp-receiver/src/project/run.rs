//! Takes pending callbacks and makes them events, exactly once.
//!
//! One transaction takes a piece of the queue, folds it, writes what came of it and removes the piece: wherever it is
//! interrupted, either all of that has happened or nothing.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use sqlx::{Acquire, PgConnection, PgPool};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::batch::{Known, Numbers, Pending, history_needed};
use super::decode::undecodable;
use super::fold::fold;
use crate::backoff::Backoff;
use crate::deadline::within;
use crate::metrics::Tally;
use crate::store::{callback_outcome, event, pending, projector, track};
use crate::supervise::Part;
use crate::{Error, Metrics};

/// How many callbacks are taken at a time, at most.
const BATCH: usize = 4096;
/// A batch that took too long is tried again with this part of its size.
const SMALLER: usize = 8;

/// How often to look for callbacks that nobody told of: those of other processes, and those of a dead projector.
const POLL: Duration = Duration::from_millis(200);

/// The longest that one batch may take, all round trips together.
const DEADLINE: Duration = Duration::from_mins(2);

/// A leader that leaves Postgres waiting for so long is frozen.
const FROZEN: Duration = Duration::from_millis(600);
/// How long it may take to look after it.
const LOOK_DEADLINE: Duration = Duration::from_secs(2);

/// Waits after trouble with the database.
const SHORTEST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Turns pending callbacks into events.
///
/// Any number may run, in any number of processes: one works at a time, and another takes over by itself when it
/// ends, crashes or freezes.
#[derive(Clone, Debug)]
pub struct Projector {
    pool: PgPool,
    wake: Arc<Notify>,
    metrics: Metrics,
}

/// What came of one look at the queue.
enum Step {
    /// So many callbacks are projected, and more may wait; with what they became.
    Projected(usize, Tally),
    /// Nothing waits.
    Idle,
    /// Another projector is at work.
    Led,
}

impl Projector {
    /// A projector on the database behind `pool`. `wake` is notified by whoever stored callbacks in this process; those
    /// of other processes are found by looking every 200 ms.
    pub fn new(pool: PgPool, wake: Arc<Notify>) -> Self {
        Self { pool, wake, metrics: Metrics::default() }
    }

    /// Counts with others into the same numbers.
    pub(crate) fn counting_into(mut self, metrics: Metrics) -> Self {
        self.metrics = metrics;
        self
    }

    /// Runs until `shutdown`. Trouble with the database is logged, waited for, and tried again.
    ///
    /// Dropping the future is safe at any time: a batch that is not committed is projected by the next projector.
    pub async fn run(self, shutdown: CancellationToken) {
        let _ended = shutdown.run_until_cancelled(self.run_on()).await;
    }

    async fn run_on(&self) {
        let mut backoff = Backoff::new(SHORTEST_WAIT, LONGEST_WAIT);
        let mut most = BATCH;
        loop {
            match self.step(most).await {
                Ok(Step::Projected(..)) => {
                    most = most.saturating_mul(2).min(BATCH);
                    backoff.reset();
                }
                Ok(Step::Led) if self.has_unseated().await => {}
                Ok(Step::Idle | Step::Led) => {
                    backoff.reset();
                    // Whichever comes first; a wake-up that came during the step is not lost.
                    let _ = timeout(POLL, self.wake.notified()).await;
                }
                Err(error) if took_too_long(&error) && most > 1 => {
                    most = (most / SMALLER).max(1);
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, batch = most, "projection timed out, retrying with a smaller batch");
                }
                Err(error) => {
                    let wait = backoff.next_wait();
                    tracing::warn!(error = &error as &dyn std::error::Error, ?wait, "projection has to wait");
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// Projects until nothing is pending, or another projector is at work; answers how many callbacks it took.
    ///
    /// # Errors
    /// The database cannot be reached or refuses.
    pub async fn drain(&self) -> Result<usize, Error> {
        let mut projected = 0;
        while let Step::Projected(count, _) = self.step(BATCH).await? {
            projected += count;
        }
        Ok(projected)
    }

    /// Whether the one that leads was frozen, and leads no more.
    async fn has_unseated(&self) -> bool {
        let unseated = projector::unseat_frozen(&self.pool, FROZEN.as_secs_f64());
        match within(LOOK_DEADLINE, unseated).await {
            Ok(true) => tracing::warn!("a projector did nothing while it led; another takes over"),
            Ok(false) => return false,
            Err(error) => {
                // It may belong to a role whose connections are not ours to end; Postgres does it by itself, later.
                tracing::debug!(error = &error as &dyn std::error::Error, "could not look after the one that leads");
                return false;
            }
        }
        true
    }

    async fn step(&self, most: usize) -> Result<Step, Error> {
        within(DEADLINE, self.project(most)).await
    }

    async fn project(&self, most: usize) -> Result<Step, sqlx::Error> {
        if !pending::is_any(&self.pool).await? {
            return Ok(Step::Idle);
        }
        match self.transaction(most, Poison::IsUnknown).await {
            Err(error) if blames_the_data(&error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "looking for the callback that Postgres refuses"
                );
                self.transaction(most, Poison::IsSought).await
            }
            step => step,
        }
    }

    async fn transaction(&self, most: usize, poison: Poison) -> Result<Step, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let step = lead_one_batch(&mut transaction, most, poison).await;
        if let Ok(Step::Projected(_, tally)) = step {
            self.metrics.supervisor().fault_point(Part::Projector);
            transaction.commit().await?;
            self.metrics.projected(tally);
        } else {
            // Now, and not some time after the drop: whoever leads next must not find the leadership taken.
            let _connection_may_be_lost = transaction.rollback().await;
        }
        step
    }
}

async fn lead_one_batch(connection: &mut PgConnection, most: usize, poison: Poison) -> Result<Step, sqlx::Error> {
    let Some(numbers) = projector::lead(connection).await? else { return Ok(Step::Led) };
    let taken = pending::take(connection, most).await?;
    if taken.rows.is_empty() {
        return Ok(Step::Idle);
    }
    let batch = pending::callbacks(connection, &taken.callback_ids).await?;
    if batch.len() != taken.callback_ids.len() {
        let missing = taken.callback_ids.len() - batch.len();
        tracing::error!(missing, "queued callbacks are not there, or twice in the queue; they are passed over");
    }
    let mut tally = Tally::default();
    let after = match poison {
        Poison::IsUnknown => write(connection, numbers, &batch, &mut tally).await?,
        Poison::IsSought => write_around_poison(connection, numbers, batch, &mut tally).await?,
    };
    pending::remove(connection, &taken).await?;
    projector::record(connection, after).await?;
    if after.last_event_seq != numbers.last_event_seq {
        projector::announce(connection).await?;
    }
    Ok(Step::Projected(taken.callback_ids.len(), tally))
}

/// Whether a batch is written as a whole, or around what Postgres refuses.
#[derive(Clone, Copy)]
enum Poison {
    IsUnknown,
    IsSought,
}

/// Folds a batch over what the database knows and writes what comes of it; answers the last numbers given.
async fn write(
    connection: &mut PgConnection,
    numbers: Numbers,
    batch: &[Pending],
    tally: &mut Tally,
) -> Result<Numbers, sqlx::Error> {
    let subjects: HashSet<_> = batch.iter().filter_map(Pending::subject).collect();
    let tracks = track::load(connection, &subjects.into_iter().collect::<Vec<_>>()).await?;
    let said: HashSet<_> = batch.iter().filter_map(|pending| pending.said).collect();
    let said = callback_outcome::said_before(connection, &said.into_iter().collect::<Vec<_>>()).await?;
    let history = event::history(connection, history_needed(&tracks, &said, batch)).await?;

    let changes = fold(Known { numbers, tracks, history, said }, batch);
    changes.log_panics();
    track::save(connection, &changes.tracks).await?;
    event::insert(connection, &changes.events).await?;
    callback_outcome::insert(connection, &changes.outcomes).await?;
    *tally += changes.tally();
    Ok(changes.numbers)
}

/// Writes a batch of which Postgres refuses something: halves it, under savepoints, until what is refused stands alone.
async fn write_around_poison(
    connection: &mut PgConnection,
    mut numbers: Numbers,
    batch: Vec<Pending>,
    tally: &mut Tally,
) -> Result<Numbers, sqlx::Error> {
    // The top of the stack comes first in the queue.
    let mut parts = vec![batch];
    while let Some(mut part) = parts.pop() {
        let mut savepoint = connection.begin().await?;
        match write(&mut savepoint, numbers, &part, tally).await {
            Ok(after) => {
                savepoint.commit().await?;
                numbers = after;
            }
            Err(error) if blames_the_data(&error) => {
                savepoint.rollback().await?;
                if part.len() > 1 {
                    let second = part.split_off(part.len() / 2);
                    parts.extend([second, part]);
                } else if let Some(pending) = part.pop() {
                    numbers = give_up(connection, numbers, pending, &error, tally).await?;
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(numbers)
}

/// Marks a callback undecodable because Postgres refused what it says.
async fn give_up(
    connection: &mut PgConnection,
    numbers: Numbers,
    mut pending: Pending,
    error: &sqlx::Error,
    tally: &mut Tally,
) -> Result<Numbers, sqlx::Error> {
    if callback_outcome::is_known(connection, pending.id).await? {
        tracing::error!(callback = %pending.id, "was queued again after its projection; it is passed over");
        return Ok(numbers);
    }
    tracing::error!(callback = %pending.id, error = error as &dyn std::error::Error, "kept as undecodable");
    pending.give_up(undecodable(error));
    write(connection, numbers, &[pending], tally).await
}

/// Postgres or the network gave the batch up because it took too long; fewer callbacks may take less.
fn took_too_long(error: &Error) -> bool {
    match error {
        Error::Database(sqlx::Error::Database(error)) => error.code().is_some_and(|code| code == "57014"),
        Error::Database(sqlx::Error::Io(error)) => error.kind() == std::io::ErrorKind::TimedOut,
        _ => false,
    }
}

/// Postgres refuses a value, not the statement, the moment or the connection.
pub(super) fn blames_the_data(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else { return false };
    // Data exception, integrity constraint violation, program limit exceeded (a value too long for its index).
    error.code().is_some_and(|code| ["22", "23", "54"].iter().any(|class| code.starts_with(class)))
}
