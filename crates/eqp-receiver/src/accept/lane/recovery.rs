//! The way back to the database: connect anew, see that it is the right one and takes writes, empty the spool into it.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::super::commit_failure::CommitFailure;
use super::super::readiness::Health;
use super::{CONNECT_DEADLINE, became};
use crate::spool::{self, DrainError, Spool};
use crate::store;
use crate::supervise::{Part, Restarts, Supervisor};

/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(250);
/// While no more than this waits in the spool, the lane adds nothing to it: the last piece must not grow while it is
/// written, or it would never be the last.
const LAST_LAP: u64 = 4096;
/// Why callbacks do not go straight into a database that takes them.
const UNDER_WAY: &str = "callbacks are on their way from the spool into the database";

/// What it takes to get back; cheap to clone.
#[derive(Clone)]
pub(super) struct Recovery {
    pub(super) database: PgConnectOptions,
    /// The database that callbacks belong to.
    pub(super) instance: Uuid,
    pub(super) spool: Option<Spool>,
    pub(super) health: Arc<watch::Sender<Health>>,
    /// Asks the lane to hand nothing to the spool for a moment.
    pub(super) last_lap: Arc<watch::Sender<bool>>,
    /// Wakes the projector of this process.
    pub(super) wake: Arc<Notify>,
}

/// The database takes callbacks again.
pub(super) struct Recovered {
    pub(super) connection: PgConnection,
    /// The spool cannot be read: what is in it has to wait.
    pub(super) spool_failed: bool,
}

/// Why it does not.
struct Refused {
    reason: &'static str,
    /// In the database's words.
    error: String,
    /// A connection that is still of use.
    kept: Option<PgConnection>,
}

impl Refused {
    fn new(reason: &'static str, error: &dyn std::fmt::Display) -> Self {
        Self { reason, error: error.to_string(), kept: None }
    }

    fn in_time() -> Self {
        Self::new("the database does not answer in time", &"")
    }
}

impl Recovery {
    /// Tries until the database takes callbacks and nothing waits in the spool. Dropping it is safe at any time: what
    /// was not taken out of the spool is written again, and stored once.
    pub(super) async fn run(self, mut connection: Option<PgConnection>, supervisor: Supervisor) -> Recovered {
        let mut restarts = Restarts::of(Part::SpoolDrain);
        loop {
            let attempt = async {
                supervisor.fault_point(Part::SpoolDrain);
                self.attempt(connection.take()).await
            };
            match supervisor.guard(Part::SpoolDrain, &mut restarts, attempt).await {
                // The connection went with it, and is made anew.
                None => _ = self.last_lap.send_replace(false),
                Some(Ok(recovered)) => return recovered,
                Some(Err(Refused { reason, error, kept })) => {
                    self.last_lap.send_replace(false);
                    if became(&self.health, |health| health.database = Err(reason)) {
                        tracing::warn!(error, reason);
                    }
                    connection = kept;
                    sleep(PAUSE).await;
                }
            }
        }
    }

    async fn attempt(&self, connection: Option<PgConnection>) -> Result<Recovered, Refused> {
        let mut connection = match connection {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        self.check(&mut connection).await?;
        let Some(spool) = &self.spool else { return Ok(Recovered { connection, spool_failed: false }) };
        while spool.level().callbacks > 0 {
            self.last_lap.send_replace(spool.level().callbacks <= LAST_LAP);
            match spool::step(&mut connection, spool).await {
                Ok(_) => {
                    self.wake.notify_one();
                    became(&self.health, |health| health.database = Err(UNDER_WAY));
                }
                Err(DrainError::Database(failure)) => {
                    return Err(match failure.kind {
                        CommitFailure::Unknown => Refused::new("the connection to the database was lost", &failure),
                        CommitFailure::Data | CommitFailure::Refused => Refused {
                            kept: Some(connection),
                            ..Refused::new("the database refuses to store callbacks", &failure)
                        },
                    });
                }
                Err(DrainError::Spool(_)) => return Ok(Recovered { connection, spool_failed: true }),
            }
        }
        Ok(Recovered { connection, spool_failed: false })
    }

    async fn connect(&self) -> Result<PgConnection, Refused> {
        match timeout(CONNECT_DEADLINE, PgConnection::connect_with(&self.database)).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(Refused::new("the database cannot be reached", &error)),
            Err(_) => Err(Refused::in_time()),
        }
    }

    /// A connection that fails is not kept: after a failover another may lead to the new primary.
    async fn check(&self, connection: &mut PgConnection) -> Result<(), Refused> {
        let checks = async {
            if !store::callback::can_write(connection).await? {
                return Ok(Some("the database refuses writes, or its tables are gone"));
            }
            let found = store::instance::id(connection).await?;
            Ok::<_, sqlx::Error>(
                (found != Some(self.instance)).then_some("this is another database than the one callbacks belong to"),
            )
        };
        match timeout(CONNECT_DEADLINE, checks).await {
            Ok(Ok(None)) => Ok(()),
            Ok(Ok(Some(reason))) => Err(Refused::new(reason, &"")),
            Ok(Err(error)) => Err(Refused::new("the connection to the database was lost", &error)),
            Err(_) => Err(Refused::in_time()),
        }
    }
}

#[cfg(test)]
mod tests {
    use eqp_test_support::TestDatabase;

    use super::*;
    use crate::SpoolSettings;
    use crate::store::callback::CallbackRow;

    /// A database, a spool that belongs to it, and the way from one to the other.
    struct House {
        database: TestDatabase,
        spool: Spool,
        recovery: Recovery,
        is_last_lap: watch::Receiver<bool>,
        _folder: tempfile::TempDir,
    }

    impl House {
        async fn new() -> Self {
            let database = TestDatabase::create().await;
            crate::migrate(&database.pool).await.unwrap();
            let folder = tempfile::tempdir().unwrap();
            let (spool, _) =
                Spool::open(&SpoolSettings::in_folder(folder.path()), &Supervisor::default()).await.unwrap();
            let (last_lap, is_last_lap) = watch::channel(false);
            let recovery = Recovery {
                database: database.options.clone(),
                instance: store::instance::bind(&database.pool, &[0; 32]).await.unwrap(),
                spool: Some(spool.clone()),
                health: Arc::new(watch::channel(Health::STARTING).0),
                last_lap: Arc::new(last_lap),
                wake: Arc::new(Notify::new()),
            };
            Self { database, spool, recovery, is_last_lap, _folder: folder }
        }

        /// Waits until the database takes callbacks and nothing waits.
        async fn recovers(self) -> TestDatabase {
            let recovered = timeout(Duration::from_secs(20), self.recovery.run(None, Supervisor::default()))
                .await
                .expect("it ends");
            assert!(!recovered.spool_failed);
            self.database
        }
    }

    fn row(bytes: usize) -> CallbackRow {
        CallbackRow::arrived(vec![b' '; bytes])
    }

    #[tokio::test]
    async fn empties_the_spool_in_few_statements_of_bounded_size() {
        for (callbacks, bytes, statements) in [(9_000, 200, 3), (100, 200_000, 3)] {
            let house = House::new().await;
            let rows: Vec<_> = (0..callbacks).map(|_| row(bytes)).collect();
            let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
            house.spool.append(rows).await.unwrap();
            let database = house.recovers().await;
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
    async fn comes_to_its_end_though_callbacks_never_stop_coming() {
        let house = House::new().await;
        house.spool.append(vec![row(2)]).await.unwrap();
        // Two, so that one is always on its way: what a lane does that nobody asks to pause.
        let senders: Vec<_> = (0..2)
            .map(|_| {
                let (spool, mut is_last_lap) = (house.spool.clone(), house.is_last_lap.clone());
                tokio::spawn(async move {
                    let mut sent = 0;
                    while is_last_lap.wait_for(|is_last_lap| !is_last_lap).await.is_ok() {
                        spool.append(vec![row(2)]).await.unwrap();
                        sent += 1;
                    }
                    sent
                })
            })
            .collect();
        drop(house.recovers().await);
        for sender in senders {
            assert!(sender.await.unwrap() > 0);
        }
    }
}
