//! Restores the connection to the database: reconnects, checks that it is the right database and accepts writes, and
//! drains the spool into it.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::super::readiness::Health;
use super::{CONNECT_DEADLINE, set_health};
use crate::spool::{self, DrainError, Spool};
use eqp_store::internal as store;
use eqp_store::internal::commit_failure::CommitFailure;
use eqp_store::internal::{Part, Restarts, Supervisor};

/// The wait between two attempts.
const PAUSE: Duration = Duration::from_millis(250);
/// When only this many callbacks are left in the spool, the writer pauses until they are drained. Under load, the spool would
/// otherwise never become empty.
const DRAINING_CALLBACKS: u64 = 4096;
/// The reason that `/readyz` reports while the spool is drained.
const DRAINING_REASON: &str = "draining the spool into the database";

/// Everything that is needed to recover. Cheap to clone.
#[derive(Clone)]
pub(super) struct Recovery {
    pub(super) database: PgConnectOptions,
    /// The database that callbacks belong to.
    pub(super) instance: Uuid,
    pub(super) spool: Option<Spool>,
    pub(super) health: Arc<watch::Sender<Health>>,
    /// Set to true to make the writer pause.
    pub(super) draining: Arc<watch::Sender<bool>>,
    /// Wakes the projector of this process.
    pub(super) wake: Arc<Notify>,
}

/// A connection that accepts callbacks.
pub(super) struct Recovered {
    pub(super) connection: PgConnection,
    /// The spool cannot be read, so its callbacks stay in it.
    pub(super) spool_failed: bool,
}

/// The reason why the database does not accept callbacks.
struct Unavailable {
    reason: &'static str,
    /// The database's message.
    error: String,
    /// The connection, if it is still usable.
    reusable: Option<PgConnection>,
}

impl Unavailable {
    fn new(reason: &'static str, error: &dyn std::fmt::Display) -> Self {
        Self { reason, error: error.to_string(), reusable: None }
    }

    fn timed_out() -> Self {
        Self::new("the database does not answer in time", &"")
    }
}

impl Recovery {
    /// Retries until the database accepts callbacks and the spool is empty. Dropping the future is safe at any time: a
    /// callback that is still in the spool is written again, and its ID makes sure that it is stored once.
    pub(super) async fn run(self, mut connection: Option<PgConnection>, supervisor: Supervisor) -> Recovered {
        let mut restarts = Restarts::of(Part::SpoolDrain);
        loop {
            let attempt = async {
                supervisor.fault_point(Part::SpoolDrain);
                self.attempt(connection.take()).await
            };
            match supervisor.guard(Part::SpoolDrain, &mut restarts, attempt).await {
                // The attempt panicked, and its connection is lost.
                None => _ = self.draining.send_replace(false),
                Some(Ok(recovered)) => return recovered,
                Some(Err(Unavailable { reason, error, reusable })) => {
                    self.draining.send_replace(false);
                    if set_health(&self.health, |health| health.database = Err(reason)) {
                        tracing::warn!(error, reason, "database unavailable");
                    }
                    connection = reusable;
                    sleep(PAUSE).await;
                }
            }
        }
    }

    async fn attempt(&self, connection: Option<PgConnection>) -> Result<Recovered, Unavailable> {
        let mut connection = match connection {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        self.check(&mut connection).await?;
        let Some(spool) = &self.spool else { return Ok(Recovered { connection, spool_failed: false }) };
        while spool.level().callbacks > 0 {
            self.draining.send_replace(spool.level().callbacks <= DRAINING_CALLBACKS);
            match spool::step(&mut connection, spool).await {
                Ok(_) => {
                    self.wake.notify_one();
                    set_health(&self.health, |health| health.database = Err(DRAINING_REASON));
                }
                Err(DrainError::Database(failure)) => {
                    return Err(match failure.kind {
                        CommitFailure::Unknown => Unavailable::new("the connection to the database was lost", &failure),
                        CommitFailure::Data | CommitFailure::Refused => Unavailable {
                            reusable: Some(connection),
                            ..Unavailable::new("the database does not accept callbacks", &failure)
                        },
                    });
                }
                Err(DrainError::Spool(_)) => return Ok(Recovered { connection, spool_failed: true }),
            }
        }
        Ok(Recovered { connection, spool_failed: false })
    }

    async fn connect(&self) -> Result<PgConnection, Unavailable> {
        match timeout(CONNECT_DEADLINE, PgConnection::connect_with(&self.database)).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(Unavailable::new("the database cannot be reached", &error)),
            Err(_) => Err(Unavailable::timed_out()),
        }
    }

    /// Checks that this is the right database and that it accepts writes. After a failure the connection is dropped, because
    /// a new one may lead to the new primary of a failover.
    async fn check(&self, connection: &mut PgConnection) -> Result<(), Unavailable> {
        let checks = async {
            if !store::callback::can_write(connection).await? {
                return Ok(Some("the database is read-only, or its tables are missing"));
            }
            let found = store::instance::id(connection).await?;
            Ok::<_, sqlx::Error>(
                (found != Some(self.instance)).then_some("this is not the database that the callbacks belong to"),
            )
        };
        match timeout(CONNECT_DEADLINE, checks).await {
            Ok(Ok(None)) => Ok(()),
            Ok(Ok(Some(reason))) => Err(Unavailable::new(reason, &"")),
            Ok(Err(error)) => Err(Unavailable::new("the connection to the database was lost", &error)),
            Err(_) => Err(Unavailable::timed_out()),
        }
    }
}

#[cfg(test)]
mod tests {
    use eqp_test_support::TestDatabase;

    use super::*;
    use crate::SpoolSettings;
    use eqp_store::internal::callback::CallbackRow;

    /// A database, a spool, and the recovery that drains one into the other.
    struct Fixture {
        database: TestDatabase,
        spool: Spool,
        recovery: Recovery,
        is_draining: watch::Receiver<bool>,
        _folder: tempfile::TempDir,
    }

    impl Fixture {
        async fn new() -> Self {
            let database = TestDatabase::create().await;
            crate::Store::new(database.pool.clone()).migrate().await.unwrap();
            let folder = tempfile::tempdir().unwrap();
            let (spool, _) =
                Spool::open(&SpoolSettings::in_folder(folder.path()), &Supervisor::default()).await.unwrap();
            let (draining, is_draining) = watch::channel(false);
            let recovery = Recovery {
                database: database.options.clone(),
                instance: store::instance::bind(&database.pool, &[0; 32]).await.unwrap(),
                spool: Some(spool.clone()),
                health: Arc::new(watch::channel(Health::STARTING).0),
                draining: Arc::new(draining),
                wake: Arc::new(Notify::new()),
            };
            Self { database, spool, recovery, is_draining, _folder: folder }
        }

        /// Waits until the recovery has ended.
        async fn recovers(self) -> TestDatabase {
            let recovered = timeout(Duration::from_secs(20), self.recovery.run(None, Supervisor::default()))
                .await
                .expect("it ends");
            assert!(!recovered.spool_failed);
            self.database
        }
    }

    fn row(bytes: usize) -> CallbackRow {
        crate::spool::arrived(vec![b' '; bytes])
    }

    #[tokio::test]
    async fn the_spool_is_drained_in_few_statements_of_limited_size() {
        for (callbacks, bytes, statements) in [(9_000, 200, 3), (100, 200_000, 3)] {
            let fixture = Fixture::new().await;
            let rows: Vec<_> = (0..callbacks).map(|_| row(bytes)).collect();
            let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
            fixture.spool.append(rows).await.unwrap();
            let database = fixture.recovers().await;
            let stored: Vec<Uuid> =
                sqlx::query_scalar("select id from eqp.callback order by id").fetch_all(&database.pool).await.unwrap();
            assert!(stored == ids, "{} of {callbacks}", stored.len());
            let batches: i64 = sqlx::query_scalar("select count(*) from eqp.callback_pending")
                .fetch_one(&database.pool)
                .await
                .unwrap();
            assert_eq!(batches, statements, "{callbacks} callbacks of {bytes} bytes");
        }
    }

    #[tokio::test]
    async fn the_recovery_ends_although_callbacks_keep_arriving() {
        let fixture = Fixture::new().await;
        fixture.spool.append(vec![row(2)]).await.unwrap();
        // Two senders, so that the spool would never be empty unless they pause.
        let senders: Vec<_> = (0..2)
            .map(|_| {
                let (spool, mut is_draining) = (fixture.spool.clone(), fixture.is_draining.clone());
                tokio::spawn(async move {
                    let mut sent = 0;
                    while is_draining.wait_for(|is_draining| !is_draining).await.is_ok() {
                        spool.append(vec![row(2)]).await.unwrap();
                        sent += 1;
                    }
                    sent
                })
            })
            .collect();
        drop(fixture.recovers().await);
        for sender in senders {
            assert!(sender.await.unwrap() > 0);
        }
    }
}
