//! The batch writer: makes callbacks durable. Callbacks that wait at the same time share one commit.
//!
//! While a write runs, the next batch gathers in the queue, so no callback waits for a batch to fill. There is one
//! connection, because several would only share the same disk. An enqueued callback is stored even if its sender
//! disconnects, so more callbacks may be stored than were answered, never fewer.
//!
//! While the database does not accept callbacks, or older ones are still in the spool, batches are written to the spool
//! and [`recovery`] restores the connection. Without a spool, the senders are answered 503.

mod handle;
mod recovery;

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

pub(super) use self::handle::Accepted;
use self::handle::QueuedCallback;
pub(crate) use self::handle::WriterHandle;
use self::recovery::{Recovered, Recovery};
use super::budget::Reservation;
use super::readiness::{Health, Spooling};
use crate::Metrics;
use crate::results::Refusal;
use crate::spool::{self, NotSpooled, Spool};
use eqp_store::internal::callback::{self, Via};
use eqp_store::internal::commit_failure::CommitFailure;
use eqp_store::internal::write::{Failure, write};
use eqp_store::internal::{Part, Restarts};

/// The maximum batch size. Larger batches are not faster, and a data error in one costs more.
const MAX_ROWS: usize = 512;
/// The time limit of a write, after which its result counts as unknown.
const STATEMENT_DEADLINE: Duration = Duration::from_secs(5);
/// The time limit for connecting and for each query. Without a spool, senders also wait this long for a lost
/// connection.
const CONNECT_DEADLINE: Duration = Duration::from_secs(2);
/// The interval at which an idle writer checks whether the database would accept a write.
const PROBE_PERIOD: Duration = Duration::from_secs(2);
/// The time limit for closing the spool.
const CLOSE_DEADLINE: Duration = Duration::from_secs(5);

/// The configuration of a batch writer.
pub(crate) struct WriterConfig {
    pub(crate) database: PgConnectOptions,
    /// The ID of the database that callbacks belong to.
    pub(crate) instance: Uuid,
    pub(crate) spool: Option<Spool>,
}

/// The batch writer. It owns the queue, and the connection while there is one.
pub(crate) struct BatchWriter {
    queue: mpsc::Receiver<QueuedCallback>,
    /// Set while callbacks are written directly to the database. Then the spool is empty.
    connection: Option<PgConnection>,
    /// Something was written since the last probe, so no probe is needed.
    wrote: bool,
    /// The database has accepted callbacks before.
    was_available: bool,
    /// The task that restores the connection. Set while there is none.
    recovering: Option<AbortOnDropHandle<Recovered>>,
    recovery: Recovery,
    /// While this is true, the recovery drains the last callbacks of the spool, and nothing may be added to it.
    is_draining: watch::Receiver<bool>,
    metrics: Metrics,
}

impl BatchWriter {
    /// Creates a writer and its handle. Up to `queued` callbacks may wait; `wake` is notified when something was stored.
    pub(crate) fn new(
        config: WriterConfig,
        queued: usize,
        wake: Arc<Notify>,
        metrics: Metrics,
    ) -> (Self, WriterHandle) {
        let (sender, queue) = mpsc::channel(queued);
        let (health, known_health) = watch::channel(Health::STARTING);
        let (draining, is_draining) = watch::channel(false);
        let spool = config.spool.as_ref().map(Spool::watch);
        let recovery = Recovery {
            database: config.database,
            instance: config.instance,
            spool: config.spool,
            health: Arc::new(health),
            draining: Arc::new(draining),
            wake,
        };
        let handle = WriterHandle::new(sender, known_health, spool);
        let writer = Self {
            queue,
            connection: None,
            wrote: false,
            was_available: false,
            recovering: None,
            recovery,
            is_draining,
            metrics,
        };
        (writer, handle)
    }

    /// Writes until shutdown, then writes what is still in the queue.
    ///
    /// After a panic it continues with the same queue. The senders of the current batch are answered 503, although some of
    /// it may be stored.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        self.recover(None);
        // Waits for the database, so that the first callbacks do not go through the spool.
        let _ = shutdown.run_until_cancelled(timeout(CONNECT_DEADLINE, self.initial_connect())).await;
        if self.recovery.spool.is_some() {
            self.recovery.health.send_modify(|health| health.spool = Spooling::Available);
        }
        let supervisor = self.metrics.supervisor().clone();
        let mut restarts = Restarts::of(Part::BatchWriter);
        while supervisor.guard(Part::BatchWriter, &mut restarts, self.work(&shutdown)).await.is_none() {
            // The panic may have left the connection in the middle of a statement.
            self.connection = None;
            self.recover(None);
        }
        self.recovering = None;
        if let Some(spool) = &self.recovery.spool {
            // A disk that hangs must not block a shutdown. What it has confirmed is durable.
            let _ = timeout(CLOSE_DEADLINE, spool.close()).await;
        }
        if let Some(connection) = self.connection.take() {
            let _ = timeout(CONNECT_DEADLINE, connection.close()).await;
        }
    }

    async fn work(&mut self, shutdown: &CancellationToken) {
        let mut batch = Vec::with_capacity(MAX_ROWS);
        let mut probe = interval(PROBE_PERIOD);
        probe.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_open = self.connection.is_some() || !*self.is_draining.borrow_and_update();
            tokio::select! {
                biased;
                // Checked first: under load the queue is never empty, so a shutdown would never be noticed.
                () = shutdown.cancelled(), if !self.queue.is_closed() => self.queue.close(),
                recovered = recovered(&mut self.recovering) => self.recovered(recovered),
                _ = self.is_draining.changed(), if !is_open => {}
                _ = probe.tick() => self.probe().await,
                taken = self.queue.recv_many(&mut batch, MAX_ROWS), if is_open => {
                    if taken == 0 {
                        break;
                    }
                    self.write(std::mem::take(&mut batch)).await;
                }
            }
        }
    }

    /// Waits until the database accepts callbacks, or the first attempt to connect has failed.
    async fn initial_connect(&mut self) {
        let mut health = self.recovery.health.subscribe();
        tokio::select! {
            recovered = recovered(&mut self.recovering) => self.recovered(recovered),
            _ = health.wait_for(|health| *health != Health::STARTING) => {}
        }
    }

    /// Stores a batch and answers the senders of all its callbacks.
    async fn write(&mut self, mut batch: Vec<QueuedCallback>) {
        let mut is_retried = false;
        loop {
            let Some(connection) = &mut self.connection else { return self.spool(batch).await };
            let written = write(connection, batch, Via::Writer, STATEMENT_DEADLINE).await;
            // A panic is most dangerous here: the callbacks are stored, but no sender has been answered.
            self.metrics.supervisor().fault_point(Part::BatchWriter);
            if !written.stored.is_empty() {
                self.wrote = true;
                self.metrics.batch(written.stored.len());
                self.recovery.wake.notify_one();
                answer(written.stored.into_iter().map(|waiting| waiting.answer), Ok(()));
            }
            for (waiting, error) in written.refused {
                self.quarantine(waiting, &error).await;
            }
            let Some((rest, failure)) = written.failed else { return };
            self.failed(&failure);
            // Writing to the spool is faster than waiting for the database.
            let is_worth_waiting = self.recovery.spool.is_none() && failure.kind == CommitFailure::Unknown;
            if !is_worth_waiting || is_retried || !self.is_back().await {
                return self.spool(rest).await;
            }
            is_retried = true;
            batch = rest;
        }
    }

    /// Stores callbacks in the spool.
    async fn spool(&mut self, batch: Vec<QueuedCallback>) {
        let Some(spool) = &self.recovery.spool else {
            return answer(batch.into_iter().map(|waiting| waiting.answer), Err(Refusal::NotStored));
        };
        let mut rows = Vec::with_capacity(batch.len());
        let mut answers: Vec<(Option<Reservation>, _)> = Vec::with_capacity(batch.len());
        for QueuedCallback { received, answer } in batch {
            rows.push(received.row);
            answers.push((received.share, answer));
        }
        let result = self.record_spooling(spool.append(rows).await);
        answer(answers.into_iter().map(|(_, answer)| answer), result);
    }

    async fn quarantine(&mut self, waiting: QueuedCallback, error: &sqlx::Error) {
        let QueuedCallback { received, answer: sender } = waiting;
        let result = if let Some(spool) = &self.recovery.spool {
            self.record_spooling(spool.quarantine(spool::refused_row(received.row, error)).await)
        } else {
            tracing::error!(callback_id = %received.row.id, %error, "the database rejected a callback because of its data, answering 503");
            Err(Refusal::NotStored)
        };
        answer([sender], result);
    }

    /// Records whether the spool accepts callbacks.
    fn record_spooling(&self, result: Result<(), NotSpooled>) -> Result<(), Refusal> {
        let spooling = match result {
            Ok(()) => Spooling::Available,
            Err(NotSpooled::Full) => {
                Spooling::Unavailable("the spool is full, and the database does not accept callbacks")
            }
            Err(NotSpooled::Failed) => {
                Spooling::Unavailable("the spool cannot be written, and the database does not accept callbacks")
            }
        };
        if set_health(&self.recovery.health, |health| health.spool = spooling)
            && let Err(error) = result
        {
            tracing::error!(%error, "cannot spool callbacks, answering 503");
        }
        result.map_err(|_| Refusal::NotStored)
    }

    /// Handles a failed write.
    fn failed(&mut self, failure: &Failure) {
        let reason = match failure.kind {
            CommitFailure::Unknown => "the connection to the database was lost",
            CommitFailure::Data | CommitFailure::Refused => "the database does not accept callbacks",
        };
        if set_health(&self.recovery.health, |health| health.database = Err(reason)) {
            tracing::error!(error = %failure, reason, "database unavailable");
        }
        let connection = self.connection.take();
        self.recover(connection.filter(|_| failure.kind == CommitFailure::Refused));
    }

    fn recover(&mut self, connection: Option<PgConnection>) {
        let supervisor = self.metrics.supervisor().clone();
        let recovering = self.recovery.clone().run(connection, supervisor);
        self.recovering = Some(AbortOnDropHandle::new(tokio::spawn(recovering)));
    }

    fn recovered(&mut self, Recovered { connection, spool_failed }: Recovered) {
        self.recovering = None;
        // The last batch may have been spooled after the spool was read for the last time.
        if self.spooled() > 0 && !spool_failed {
            return self.recover(Some(connection));
        }
        self.connection = Some(connection);
        self.recovery.draining.send_replace(false);
        if set_health(&self.recovery.health, |health| health.database = Ok(())) {
            tracing::info!("database available, storing callbacks directly");
            if self.was_available {
                // Without a spool, or with a full one, callbacks were answered 503 in the meantime.
                self.metrics.observer().reconcile_requests().request_all();
            }
        }
        self.was_available = true;
    }

    /// Waits for the database, up to the connect deadline.
    async fn is_back(&mut self) -> bool {
        match timeout(CONNECT_DEADLINE, recovered(&mut self.recovering)).await {
            Ok(recovered) => self.recovered(recovered),
            Err(_) => return false,
        }
        true
    }

    fn spooled(&self) -> u64 {
        self.recovery.spool.as_ref().map_or(0, |spool| spool.level().callbacks)
    }

    /// Checks whether the database would accept a write, so that `/readyz` stays correct while no callbacks arrive.
    async fn probe(&mut self) {
        if std::mem::take(&mut self.wrote) {
            return;
        }
        let Some(connection) = &mut self.connection else { return };
        let answered = timeout(CONNECT_DEADLINE, callback::can_write(connection)).await;
        if self.spooled() > 0 || !matches!(answered, Ok(Ok(true))) {
            self.connection = None;
            self.recover(None);
        }
    }
}

/// Waits for the recovery. Never returns if there is none.
async fn recovered(recovering: &mut Option<AbortOnDropHandle<Recovered>>) -> Recovered {
    let Some(task) = recovering else { return std::future::pending().await };
    match task.await {
        Ok(recovered) => recovered,
        // The task is only cancelled by dropping the handle, so it has panicked. This counts as a panic of the writer.
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}

/// Updates the health. Returns whether it has changed, so that each change is logged once.
fn set_health(health: &watch::Sender<Health>, change: impl FnOnce(&mut Health)) -> bool {
    health.send_if_modified(|health| {
        let before = *health;
        change(health);
        *health != before
    })
}

fn answer(senders: impl IntoIterator<Item = oneshot::Sender<Result<(), Refusal>>>, result: Result<(), Refusal>) {
    for sender in senders {
        // The sender may have disconnected.
        let _ = sender.send(result);
    }
}

#[cfg(test)]
mod tests {
    use eqp_test_support::TestDatabase;

    use super::*;
    use crate::SpoolSettings;
    use eqp_store::internal::Supervisor;

    async fn connection(database: &TestDatabase) -> PgConnection {
        PgConnection::connect_with(&database.options).await.unwrap()
    }

    /// A batch may be spooled just after the last spooled callback was written to the database.
    #[tokio::test]
    async fn callbacks_in_the_spool_are_stored_before_newer_ones() {
        let database = TestDatabase::create().await;
        crate::Store::new(database.pool.clone()).migrate().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (spool, _) = Spool::open(&SpoolSettings::in_folder(folder.path()), &Supervisor::default()).await.unwrap();
        let config =
            WriterConfig { database: database.options.clone(), instance: Uuid::now_v7(), spool: Some(spool.clone()) };
        let (mut writer, _handle) = BatchWriter::new(config, 16, Arc::new(Notify::new()), Metrics::default());
        spool.append(vec![crate::spool::arrived("")]).await.unwrap();

        writer.recovered(Recovered { connection: connection(&database).await, spool_failed: false });
        assert!(writer.connection.is_none() && writer.recovering.is_some(), "the spool is drained first");
        // Callbacks that cannot be read do not block newer ones.
        writer.recovered(Recovered { connection: connection(&database).await, spool_failed: true });
        assert!(writer.connection.is_some() && writer.recovering.is_none());
        // But reading them is retried.
        writer.probe().await;
        assert!(writer.connection.is_none() && writer.recovering.is_some());

        spool.acknowledge(1, Vec::new()).await.unwrap();
        writer.recovered(Recovered { connection: connection(&database).await, spool_failed: false });
        assert!(writer.connection.is_some() && writer.recovering.is_none(), "the spool is empty");
        writer.probe().await;
        assert!(writer.connection.is_some() && writer.recovering.is_none(), "the probe succeeds");
        drop(writer);
        spool.close().await;
    }
}
