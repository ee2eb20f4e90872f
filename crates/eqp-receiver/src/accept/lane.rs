//! The one way out of the accepting side: callbacks that wait at the same time share one commit.
//!
//! While a write runs the next batch gathers; nobody waits for a batch to fill. One connection of its own, because more
//! of them only share the same disk. A callback that was handed over is the lane's: a sender who hangs up does not
//! take it back, so more may be stored than was answered, and never less.
//!
//! While the database does not take callbacks, or older ones still wait in the spool, batches go into the spool, and
//! [`recovery`] finds the way back. Where there is no spool their senders are told to come again.

mod entrance;
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

pub(super) use self::entrance::Accepted;
pub(crate) use self::entrance::Entrance;
use self::entrance::Waiting;
use self::recovery::{Recovered, Recovery};
use super::answer::Refusal;
use super::budget::Reservation;
use super::commit_failure::CommitFailure;
use super::readiness::{Health, Spooling};
use super::write::{Failure, write};
use crate::Metrics;
use crate::spool::{self, NotSpooled, Spool};
use crate::store::callback::{self, Via};
use crate::supervise::{Part, Restarts};

/// Larger batches do not make it faster, and a data error in one costs more.
const MOST_ROWS: usize = 512;
/// How long one write may take before its outcome counts as unknown.
const STATEMENT_DEADLINE: Duration = Duration::from_secs(5);
/// How long connecting and each question to the database may take; and how long, where there is no spool, senders wait
/// for a lost connection to come back.
const CONNECT_DEADLINE: Duration = Duration::from_secs(2);
/// How often a lane that writes nothing looks whether it could.
const PROBE_PERIOD: Duration = Duration::from_secs(2);
/// How long closing the spool may take.
const CLOSE_DEADLINE: Duration = Duration::from_secs(5);

/// Where a lane writes.
pub(crate) struct Ways {
    pub(crate) database: PgConnectOptions,
    /// The database that callbacks belong to, by its id.
    pub(crate) instance: Uuid,
    pub(crate) spool: Option<Spool>,
}

/// Writes what is handed over.
pub(crate) struct Lane {
    queue: mpsc::Receiver<Waiting>,
    /// There while callbacks go straight into the database. Then nothing older waits in the spool.
    connection: Option<PgConnection>,
    /// Something was written since the last probe.
    wrote: bool,
    /// At work while there is no connection.
    recovering: Option<AbortOnDropHandle<Recovered>>,
    recovery: Recovery,
    is_last_lap: watch::Receiver<bool>,
    metrics: Metrics,
}

impl Lane {
    /// A lane with its entrance; up to `queued` callbacks may wait in it. `wake` is notified of what is stored.
    pub(crate) fn new(ways: Ways, queued: usize, wake: Arc<Notify>, metrics: Metrics) -> (Self, Entrance) {
        let (sender, queue) = mpsc::channel(queued);
        let (health, known_health) = watch::channel(Health::STARTING);
        let (last_lap, is_last_lap) = watch::channel(false);
        let spool = ways.spool.as_ref().map(Spool::watch);
        let recovery = Recovery {
            database: ways.database,
            instance: ways.instance,
            spool: ways.spool,
            health: Arc::new(health),
            last_lap: Arc::new(last_lap),
            wake,
        };
        let entrance = Entrance::new(sender, known_health, spool);
        (Self { queue, connection: None, wrote: false, recovering: None, recovery, is_last_lap, metrics }, entrance)
    }

    /// Writes until shutdown, then what is still in the queue.
    ///
    /// After a panic it goes on with the same queue. The senders of the batch at hand are told that it is not stored:
    /// some of it may be, which is more than was answered and never less.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        self.recover(None);
        // Callbacks of the first moments need not go through the spool.
        let _ = shutdown.run_until_cancelled(timeout(CONNECT_DEADLINE, self.first_look())).await;
        if self.recovery.spool.is_some() {
            self.recovery.health.send_modify(|health| health.spool = Spooling::Takes);
        }
        let supervisor = self.metrics.supervisor().clone();
        let mut restarts = Restarts::of(Part::BatchWriter);
        while supervisor.guard(Part::BatchWriter, &mut restarts, self.work(&shutdown)).await.is_none() {
            // Nobody knows what was under way on it.
            self.connection = None;
            self.recover(None);
        }
        self.recovering = None;
        if let Some(spool) = &self.recovery.spool {
            // A disk that hangs must not hold up a shutdown for good; what it confirmed is on it.
            let _ = timeout(CLOSE_DEADLINE, spool.close()).await;
        }
        if let Some(connection) = self.connection.take() {
            let _ = timeout(CONNECT_DEADLINE, connection.close()).await;
        }
    }

    async fn work(&mut self, shutdown: &CancellationToken) {
        let mut batch = Vec::with_capacity(MOST_ROWS);
        let mut probe = interval(PROBE_PERIOD);
        probe.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_open = self.connection.is_some() || !*self.is_last_lap.borrow_and_update();
            tokio::select! {
                biased;
                // First of all: under load there is always something to take, and shutdown would never be seen.
                () = shutdown.cancelled(), if !self.queue.is_closed() => self.queue.close(),
                recovered = recovered(&mut self.recovering) => self.recovered(recovered),
                _ = self.is_last_lap.changed(), if !is_open => {}
                _ = probe.tick() => self.probe().await,
                taken = self.queue.recv_many(&mut batch, MOST_ROWS), if is_open => {
                    if taken == 0 {
                        break;
                    }
                    self.write(std::mem::take(&mut batch)).await;
                }
            }
        }
    }

    /// Waits until callbacks can go straight into the database, or it is known that they cannot.
    async fn first_look(&mut self) {
        let mut health = self.recovery.health.subscribe();
        tokio::select! {
            recovered = recovered(&mut self.recovering) => self.recovered(recovered),
            _ = health.wait_for(|health| *health != Health::STARTING) => {}
        }
    }

    /// Brings a batch to its end: every callback of it is answered.
    async fn write(&mut self, mut batch: Vec<Waiting>) {
        let mut sent_again = false;
        loop {
            let Some(connection) = &mut self.connection else { return self.spool(batch).await };
            let written = write(connection, batch, Via::Lane, STATEMENT_DEADLINE).await;
            // Here it is worst: the callbacks are stored, and nobody has been told.
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
            // With a spool they are answered sooner than the database could be back.
            let is_worth_waiting = self.recovery.spool.is_none() && failure.kind == CommitFailure::Unknown;
            if !is_worth_waiting || sent_again || !self.is_back().await {
                return self.spool(rest).await;
            }
            sent_again = true;
            batch = rest;
        }
    }

    /// Callbacks that cannot go straight into the database.
    async fn spool(&mut self, batch: Vec<Waiting>) {
        let Some(spool) = &self.recovery.spool else {
            return answer(batch.into_iter().map(|waiting| waiting.answer), Err(Refusal::NotStored));
        };
        let mut rows = Vec::with_capacity(batch.len());
        let mut answers: Vec<(Option<Reservation>, _)> = Vec::with_capacity(batch.len());
        for Waiting { received, answer } in batch {
            rows.push(received.row);
            answers.push((received.share, answer));
        }
        let outcome = self.said(spool.append(rows).await);
        answer(answers.into_iter().map(|(_, answer)| answer), outcome);
    }

    async fn quarantine(&mut self, waiting: Waiting, error: &sqlx::Error) {
        let Waiting { received, answer: sender } = waiting;
        let outcome = if let Some(spool) = &self.recovery.spool {
            self.said(spool.quarantine(spool::refused_row(received.row, error)).await)
        } else {
            tracing::error!(id = %received.row.id, %error, "the database refuses this callback");
            Err(Refusal::NotStored)
        };
        answer([sender], outcome);
    }

    /// Remembers whether the spool takes callbacks.
    fn said(&self, outcome: Result<(), NotSpooled>) -> Result<(), Refusal> {
        let spooling = match outcome {
            Ok(()) => Spooling::Takes,
            Err(NotSpooled::Full) => Spooling::Refuses("the spool is full, and the database does not take callbacks"),
            Err(NotSpooled::Failed) => {
                Spooling::Refuses("the spool cannot be written, and the database does not take callbacks")
            }
        };
        if became(&self.recovery.health, |health| health.spool = spooling)
            && let Err(error) = outcome
        {
            tracing::error!(%error, "callbacks are refused");
        }
        outcome.map_err(|_| Refusal::NotStored)
    }

    /// The database did not take callbacks.
    fn failed(&mut self, failure: &Failure) {
        let reason = match failure.kind {
            CommitFailure::Unknown => "the connection to the database was lost",
            CommitFailure::Data | CommitFailure::Refused => "the database refuses to store callbacks",
        };
        if became(&self.recovery.health, |health| health.database = Err(reason)) {
            tracing::error!(error = %failure, reason);
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
        // The last batch may have gone into the spool just behind what was taken out of it.
        if self.spooled() > 0 && !spool_failed {
            return self.recover(Some(connection));
        }
        self.connection = Some(connection);
        self.recovery.last_lap.send_replace(false);
        if became(&self.recovery.health, |health| health.database = Ok(())) {
            tracing::info!("callbacks go straight into the database");
        }
    }

    /// Waits for a while until the database is back.
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

    /// Finds out whether a write would be taken, so that `/readyz` is right also while no callbacks come.
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

/// Never, where nothing is recovering.
async fn recovered(recovering: &mut Option<AbortOnDropHandle<Recovered>>) -> Recovered {
    let Some(task) = recovering else { return std::future::pending().await };
    match task.await {
        Ok(recovered) => recovered,
        // It is only ever cancelled by dropping the handle; a panic ends the lane as one of its own would.
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}

/// Whether that is news.
fn became(health: &watch::Sender<Health>, change: impl FnOnce(&mut Health)) -> bool {
    health.send_if_modified(|health| {
        let before = *health;
        change(health);
        *health != before
    })
}

fn answer(senders: impl IntoIterator<Item = oneshot::Sender<Result<(), Refusal>>>, outcome: Result<(), Refusal>) {
    for sender in senders {
        // A sender who hung up is not there to be told.
        let _ = sender.send(outcome);
    }
}

#[cfg(test)]
mod tests {
    use eqp_test_support::TestDatabase;

    use super::*;
    use crate::SpoolSettings;
    use crate::store::callback::CallbackRow;
    use crate::supervise::Supervisor;

    async fn connection(database: &TestDatabase) -> PgConnection {
        PgConnection::connect_with(&database.options).await.unwrap()
    }

    /// A batch may go into the spool just when what was in it has reached the database.
    #[tokio::test]
    async fn while_anything_waits_in_the_spool_nothing_goes_past_it() {
        let database = TestDatabase::create().await;
        crate::migrate(&database.pool).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (spool, _) = Spool::open(&SpoolSettings::in_folder(folder.path()), &Supervisor::default()).await.unwrap();
        let ways = Ways { database: database.options.clone(), instance: Uuid::now_v7(), spool: Some(spool.clone()) };
        let (mut lane, _entrance) = Lane::new(ways, 16, Arc::new(Notify::new()), Metrics::default());
        spool.append(vec![CallbackRow::arrived("")]).await.unwrap();

        lane.recovered(Recovered { connection: connection(&database).await, spool_failed: false });
        assert!(lane.connection.is_none() && lane.recovering.is_some(), "it is emptied first");
        // What cannot be read need not be waited for.
        lane.recovered(Recovered { connection: connection(&database).await, spool_failed: true });
        assert!(lane.connection.is_some() && lane.recovering.is_none());
        // But it is tried again from time to time.
        lane.probe().await;
        assert!(lane.connection.is_none() && lane.recovering.is_some());

        spool.settle(1, Vec::new()).await.unwrap();
        lane.recovered(Recovered { connection: connection(&database).await, spool_failed: false });
        assert!(lane.connection.is_some() && lane.recovering.is_none(), "it is empty");
        lane.probe().await;
        assert!(lane.connection.is_some() && lane.recovering.is_none(), "and all is well");
        drop(lane);
        spool.close().await;
    }
}
