//! The live map of endpoints: what the accepting side checks credentials against, without the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::timeout;

use super::roster::{Caller, Roster};
use super::snapshot::Snapshot;
use super::{CredentialGeneration, MasterKey};
use crate::{Error, store};

/// How long a request waits for a look at the database that may know its credential.
const LONGEST_WAIT: Duration = Duration::from_secs(4);
/// How many requests may wait for one; the others are refused at once.
const MOST_WAITING: usize = 256;

/// Who may call, as last loaded. Cheap to clone; all clones see the same.
#[derive(Clone)]
pub(crate) struct Directory(Arc<Shared>);

struct Shared {
    key: MasterKey,
    roster: watch::Sender<Arc<Roster>>,
    wanted: Notify,
    /// The number of the look that was begun last.
    begun: AtomicU64,
    /// The number of the look that ended last, well or not.
    ended: watch::Sender<u64>,
    waiting: Semaphore,
}

/// A look at the database that was begun; over when it is dropped.
pub(super) struct Look<'a> {
    shared: &'a Shared,
    number: u64,
}

impl Directory {
    /// Loads the directory.
    pub(crate) async fn load(pool: &PgPool, key: MasterKey) -> Result<Self, Error> {
        Ok(Self::of(read(pool, &Roster::default()).await?, key))
    }

    /// Takes the endpoints of a snapshot, until they are loaded.
    pub(crate) fn from_snapshot(snapshot: &Snapshot, key: MasterKey) -> Self {
        Self::of(snapshot.roster(), key)
    }

    fn of(roster: Roster, key: MasterKey) -> Self {
        Self(Arc::new(Shared {
            key,
            roster: watch::Sender::new(Arc::new(roster)),
            wanted: Notify::new(),
            begun: AtomicU64::new(0),
            ended: watch::Sender::new(0),
            waiting: Semaphore::new(MOST_WAITING),
        }))
    }

    /// Whether a path is where some endpoint is registered, however it is spelled.
    pub(crate) fn covers(&self, path: &str) -> bool {
        self.roster().covers(path)
    }

    /// The [caller](Roster::find) with this credential.
    pub(crate) fn find(&self, target: &str, username: &str, password: &[u8]) -> Option<Arc<Caller>> {
        self.roster().find(&self.0.key, target, username, password)
    }

    /// Waits until the database was looked at once more, because something was unknown that may be new. A look that is
    /// under way does not count: it may have been too early.
    pub(crate) async fn refreshed(&self) {
        let Ok(_waiting) = self.0.waiting.try_acquire() else { return };
        let begun = self.0.begun.load(Ordering::Acquire);
        let mut ended = self.0.ended.subscribe();
        self.0.wanted.notify_one();
        let _ = timeout(LONGEST_WAIT, ended.wait_for(|ended| *ended > begun)).await;
    }

    /// As it is now.
    pub(crate) fn roster(&self) -> Arc<Roster> {
        self.0.roster.borrow().clone()
    }

    /// As it is, and as it becomes.
    pub(super) fn rosters(&self) -> watch::Receiver<Arc<Roster>> {
        self.0.roster.subscribe()
    }

    pub(super) fn key(&self) -> &MasterKey {
        &self.0.key
    }

    /// The number of the last change of credentials that is loaded.
    pub(super) fn generation(&self) -> CredentialGeneration {
        self.roster().generation()
    }

    /// Waits until somebody wants a look at the database.
    pub(super) async fn is_wanted(&self) {
        self.0.wanted.notified().await;
    }

    /// Begins a look at the database.
    pub(super) fn look(&self) -> Look<'_> {
        Look { shared: &self.0, number: self.0.begun.fetch_add(1, Ordering::AcqRel) + 1 }
    }

    /// Loads all of it again.
    pub(super) async fn reload(&self, pool: &PgPool) -> Result<(), Error> {
        let loaded = read(pool, &self.roster()).await?;
        self.0.roster.send_replace(Arc::new(loaded));
        Ok(())
    }
}

impl Drop for Look<'_> {
    fn drop(&mut self) {
        self.shared.ended.send_replace(self.number);
    }
}

async fn read(pool: &PgPool, before: &Roster) -> Result<Roster, Error> {
    let (generation, rows) = store::endpoint::usable(pool).await?;
    Ok(Roster::new(CredentialGeneration(generation), rows, before))
}
