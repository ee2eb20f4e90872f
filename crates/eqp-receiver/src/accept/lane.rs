//! The one way into the database: callbacks that wait at the same time share one commit.
//!
//! While a write runs the next batch gathers; nobody waits for a batch to fill. One connection of its own, because more
//! of them only share the same disk. A callback that was handed over is the lane's: a sender who hangs up does not
//! take it back, so more may be stored than was answered, and never less.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::answer::Refusal;
use super::body::Received;
use super::commit_failure::{self, CommitFailure};
use super::readiness::Readiness;
use crate::Metrics;
use crate::store::callback::{self, CallbackRow};

/// Larger batches do not make it faster, and a data error in one costs more.
const MOST_ROWS: usize = 512;
/// How long one write may take before its outcome counts as unknown.
const STATEMENT_DEADLINE: Duration = Duration::from_secs(5);
/// How long connecting may take, and how long a lost connection is tried to be had again before senders are refused.
const CONNECT_DEADLINE: Duration = Duration::from_secs(2);
/// The pause between two tries to connect.
const CONNECT_PAUSE: Duration = Duration::from_millis(100);
/// How often an idle lane looks whether it could write.
const PROBE_PERIOD: Duration = Duration::from_secs(2);
/// How often a lane that could not write looks.
const RECOVERY_PERIOD: Duration = Duration::from_millis(250);
/// The longest that a sender waits: in the queue, for the write, and for a second one.
const ANSWER_DEADLINE: Duration = Duration::from_secs(20);

/// A callback that is durable.
#[derive(Debug)]
pub(super) struct Accepted(Uuid);

impl Accepted {
    pub(super) fn id(&self) -> Uuid {
        self.0
    }
}

/// A callback in the queue.
struct Waiting {
    received: Received,
    answer: oneshot::Sender<Result<(), Refusal>>,
}

impl AsRef<CallbackRow> for Waiting {
    fn as_ref(&self) -> &CallbackRow {
        &self.received.row
    }
}

/// Where callbacks are handed over to a lane.
pub(crate) struct Entrance {
    queue: mpsc::Sender<Waiting>,
    readiness: watch::Receiver<Readiness>,
}

/// A callback that the lane has, and whose fate is not known yet.
pub(super) struct HandedOver {
    id: Uuid,
    answer: oneshot::Receiver<Result<(), Refusal>>,
}

impl Entrance {
    /// Gives a callback to the lane, for good.
    pub(super) fn hand_over(&self, received: Received) -> Result<HandedOver, Refusal> {
        let (sender, answer) = oneshot::channel();
        let id = received.row.id;
        self.queue.try_send(Waiting { received, answer: sender }).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => Refusal::Busy,
            mpsc::error::TrySendError::Closed(_) => Refusal::NotStored,
        })?;
        Ok(HandedOver { id, answer })
    }

    /// How many callbacks wait for their write.
    pub(super) fn queued(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    pub(super) fn readiness(&self) -> Readiness {
        if self.queue.is_closed() { Readiness::NotReady("shutting down") } else { *self.readiness.borrow() }
    }
}

impl HandedOver {
    /// Waits until the callback is durable.
    pub(super) async fn accepted(self) -> Result<Accepted, Refusal> {
        match timeout(ANSWER_DEADLINE, self.answer).await {
            Ok(Ok(outcome)) => outcome.map(|()| Accepted(self.id)),
            _ => Err(Refusal::NotStored),
        }
    }
}

/// Writes what is handed over.
pub(crate) struct Lane {
    database: PgConnectOptions,
    connection: Option<PgConnection>,
    queue: mpsc::Receiver<Waiting>,
    readiness: watch::Sender<Readiness>,
    /// Wakes the projector of this process.
    wake: Arc<Notify>,
    metrics: Metrics,
}

impl Lane {
    /// A lane into `database` with its entrance; up to `queued` callbacks may wait in it.
    pub(crate) fn new(
        database: PgConnectOptions,
        queued: usize,
        wake: Arc<Notify>,
        metrics: Metrics,
    ) -> (Self, Entrance) {
        let (sender, queue) = mpsc::channel(queued);
        let (readiness, watched) = watch::channel(Readiness::NotReady("starting"));
        (
            Self { database, connection: None, queue, readiness, wake, metrics },
            Entrance { queue: sender, readiness: watched },
        )
    }

    /// Writes until shutdown, then what is still in the queue.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        self.probe().await;
        let mut batch = Vec::with_capacity(MOST_ROWS);
        loop {
            let pause = if *self.readiness.borrow() == Readiness::Ready { PROBE_PERIOD } else { RECOVERY_PERIOD };
            tokio::select! {
                biased;
                taken = self.queue.recv_many(&mut batch, MOST_ROWS) => {
                    if taken == 0 {
                        break;
                    }
                    self.write(std::mem::take(&mut batch)).await;
                }
                () = shutdown.cancelled(), if !self.queue.is_closed() => self.queue.close(),
                () = sleep(pause) => self.probe().await,
            }
        }
        if let Some(connection) = self.connection.take() {
            let _ = timeout(CONNECT_DEADLINE, connection.close()).await;
        }
    }

    /// Brings a batch to its end: every callback of it is answered.
    async fn write(&mut self, batch: Vec<Waiting>) {
        let mut parts = vec![batch];
        let mut sent_again = false;
        while let Some(mut part) = parts.pop() {
            let mut outcome = self.attempt(&part).await;
            if outcome == Err(CommitFailure::Unknown) && !sent_again {
                sent_again = true;
                if self.reconnect().await {
                    outcome = self.attempt(&part).await;
                }
            }
            match outcome {
                Ok(()) => {
                    self.metrics.batch(part.len());
                    self.became(Readiness::Ready);
                    self.wake.notify_one();
                    answer(part, Ok(()));
                }
                Err(CommitFailure::Data) if part.len() > 1 => {
                    let second = part.split_off(part.len() / 2);
                    parts.push(second);
                    parts.push(part);
                }
                Err(_) => answer(part, Err(Refusal::NotStored)),
            }
        }
    }

    /// One write; a connection after which the outcome is unknown is given up.
    async fn attempt(&mut self, batch: &[Waiting]) -> Result<(), CommitFailure> {
        let Some(mut connection) = self.connection.take() else { return Err(CommitFailure::Unknown) };
        let error = match timeout(STATEMENT_DEADLINE, callback::insert(&mut connection, batch)).await {
            Ok(Ok(())) => {
                self.connection = Some(connection);
                return Ok(());
            }
            Ok(Err(error)) => error,
            Err(_) => {
                self.became(Readiness::NotReady("the database does not answer in time"));
                return Err(CommitFailure::Unknown);
            }
        };
        let failure = commit_failure::of(&error);
        match failure {
            CommitFailure::Data => {
                self.connection = Some(connection);
                if let [alone] = batch {
                    tracing::error!(id = %alone.received.row.id, %error, "the database refuses this callback");
                }
            }
            CommitFailure::Refused => {
                self.connection = Some(connection);
                if self.became(Readiness::NotReady("the database refuses to store callbacks")) {
                    tracing::error!(%error, "callbacks cannot be stored");
                }
            }
            CommitFailure::Unknown => {
                if self.became(Readiness::NotReady("the connection to the database was lost")) {
                    tracing::warn!(%error, "the outcome of a write is unknown; connecting anew");
                }
            }
        }
        Err(failure)
    }

    /// After a connection was lost just now: tries for a while to have another. Where none was lost, callbacks are
    /// not kept waiting for one.
    async fn reconnect(&mut self) -> bool {
        let give_up = Instant::now() + CONNECT_DEADLINE;
        loop {
            if self.connect().await {
                return true;
            }
            if Instant::now() + CONNECT_PAUSE >= give_up {
                return false;
            }
            sleep(CONNECT_PAUSE).await;
        }
    }

    async fn connect(&mut self) -> bool {
        let reason = match timeout(CONNECT_DEADLINE, PgConnection::connect_with(&self.database)).await {
            Ok(Ok(connection)) => {
                self.connection = Some(connection);
                return true;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        if self.became(Readiness::NotReady("the database cannot be reached")) {
            tracing::error!(reason, "the database cannot be reached");
        }
        false
    }

    /// Finds out whether a write would be taken, so that `/readyz` is right also while no callbacks come.
    async fn probe(&mut self) {
        if self.connection.is_none() && !self.connect().await {
            return;
        }
        let Some(mut connection) = self.connection.take() else { return };
        match timeout(CONNECT_DEADLINE, callback::can_write(&mut connection)).await {
            Ok(Ok(true)) => {
                self.connection = Some(connection);
                self.became(Readiness::Ready);
            }
            Ok(Ok(false)) => {
                // Not kept: after a failover another connection may lead to the new primary.
                if self.became(Readiness::NotReady("the database refuses writes, or its tables are gone")) {
                    tracing::error!("the database refuses writes, or its tables are gone");
                }
            }
            Ok(Err(_)) | Err(_) => {
                self.became(Readiness::NotReady("the connection to the database was lost"));
            }
        }
    }

    /// Whether that is news.
    fn became(&self, now: Readiness) -> bool {
        self.readiness.send_if_modified(|readiness| std::mem::replace(readiness, now) != now)
    }
}

fn answer(batch: Vec<Waiting>, outcome: Result<(), Refusal>) {
    for waiting in batch {
        // A sender who hung up is not there to be told.
        let _ = waiting.answer.send(outcome);
    }
}
