//! A receiver's presence in the database: it follows changes of credentials, says which it has loaded, and records
//! when they were used.
//!
//! A change is heard of by a notification, and found by looking for its number where notifications do not come
//! through (`PgBouncer` in transaction mode). While the database is away the old credentials stay in force.

use std::time::Duration;

use sqlx::PgPool;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::CredentialGeneration;
use super::directory::Directory;
use crate::deadline::within;
use crate::store::listen::{Bell, Channel};
use crate::supervise::{Part, Supervisor};
use crate::{Error, store};

/// How often changes are looked for: a retired credential is refused within a second.
const PERIOD: Duration = Duration::from_millis(500);
/// Unknown credentials make it look at once, but never more often than this.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
/// How often a receiver says that it lives.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// How long the database may take for each of these.
const DEADLINE: Duration = Duration::from_secs(3);
/// The longest that taking leave may hold up a shutdown.
const FAREWELL: Duration = Duration::from_secs(1);

/// The presence of one receiver.
pub(crate) struct Presence {
    pool: PgPool,
    directory: Directory,
    id: Uuid,
    supervisor: Supervisor,
    /// What the database was told last, and when.
    said: Option<(CredentialGeneration, Instant)>,
    /// The last look failed; said once, not each time.
    in_trouble: bool,
}

impl Presence {
    /// Of the receiver with this id, which stays the same when this is restarted: another one would be waited for.
    pub(crate) fn new(pool: PgPool, directory: Directory, id: Uuid, supervisor: Supervisor) -> Self {
        Self { pool, directory, id, supervisor, said: None, in_trouble: false }
    }

    /// Keeps the directory up to date until shutdown, then takes leave.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let mut bell = Bell::new(&self.pool, Channel::Credentials, self.supervisor.clone());
        loop {
            let begun = Instant::now();
            self.look().await;
            let pause = async {
                tokio::select! {
                    () = bell.rings_before(begun + PERIOD) => {}
                    () = self.directory.is_wanted() => {}
                }
                sleep_until(begun + SHORTEST_PAUSE).await;
            };
            if shutdown.run_until_cancelled(pause).await.is_none() {
                break;
            }
        }
        let _ = timeout(FAREWELL, self.record_use()).await;
        let _ = timeout(FAREWELL, store::receiver::leave(&self.pool, self.id)).await;
    }

    async fn look(&mut self) {
        let outcome = self.follow().await;
        match outcome {
            Ok(()) if self.in_trouble => tracing::info!("endpoints and credentials are followed again"),
            Err(ref error) if !self.in_trouble => {
                let error = error as &dyn std::error::Error;
                tracing::warn!(error, "changes of endpoints and credentials cannot be seen; those known stay in force");
            }
            _ => {}
        }
        self.in_trouble = outcome.is_err();
    }

    async fn follow(&mut self) -> Result<(), Error> {
        let directory = self.directory.clone();
        {
            let _look = directory.look();
            self.supervisor.fault_point(Part::Heartbeat);
            let newest = within(DEADLINE, store::receiver::generation(&self.pool)).await?;
            if CredentialGeneration(newest) != directory.generation() {
                within(DEADLINE, directory.reload(&self.pool)).await?;
            }
        }
        let loaded = directory.generation();
        if self.said.is_none_or(|(said, at)| said != loaded || at.elapsed() >= HEARTBEAT) {
            within(DEADLINE, store::receiver::say(&self.pool, self.id, loaded.0)).await?;
            self.said = Some((loaded, Instant::now()));
            self.record_use().await?;
        }
        Ok(())
    }

    async fn record_use(&self) -> Result<(), Error> {
        let roster = self.directory.roster();
        let used: Vec<_> = roster.callers().filter_map(|caller| Some((caller, caller.usage.unwritten()?))).collect();
        if used.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = used.iter().map(|(caller, unwritten)| (caller.credential, *unwritten)).collect();
        within(DEADLINE, store::endpoint::record_use(&self.pool, &rows)).await?;
        for (caller, unwritten) in used {
            caller.usage.is_written(unwritten);
        }
        Ok(())
    }
}
