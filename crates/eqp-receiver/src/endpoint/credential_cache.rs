//! The in-memory cache of credentials, with which requests are authenticated without a query.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::timeout;

use super::credential_index::{CredentialIndex, Principal};
use super::rejections::Rejections;
use eqp_store::Error;
use eqp_store::internal as store;
use eqp_store::{CredentialGeneration, MasterKey};

/// The time that a request with an unknown credential waits for a refresh.
const REFRESH_DEADLINE: Duration = Duration::from_secs(4);
/// The maximum number of requests that wait for a refresh. Further ones are rejected at once.
const MAX_WAITING: usize = 256;

/// The credentials as last loaded. Cheap to clone; all clones share one cache.
#[derive(Clone)]
pub(crate) struct CredentialCache(Arc<Shared>);

struct Shared {
    key: MasterKey,
    current: watch::Sender<Arc<CredentialIndex>>,
    refresh_wanted: Notify,
    /// The number of the refresh that began last.
    begun: AtomicU64,
    /// The number of the refresh that ended last, successful or not.
    ended: watch::Sender<u64>,
    waiting: Semaphore,
    rejections: Rejections,
}

/// A refresh in progress. It ends when this is dropped.
pub(super) struct Refresh<'a> {
    shared: &'a Shared,
    number: u64,
}

impl CredentialCache {
    /// Loads the credentials from the database.
    pub(crate) async fn load(pool: &PgPool, key: MasterKey) -> Result<Self, Error> {
        Ok(Self::with(read(pool, &CredentialIndex::default()).await?, key))
    }

    /// Starts with the credentials of a snapshot.
    pub(crate) fn with(index: CredentialIndex, key: MasterKey) -> Self {
        Self(Arc::new(Shared {
            key,
            current: watch::Sender::new(Arc::new(index)),
            refresh_wanted: Notify::new(),
            begun: AtomicU64::new(0),
            ended: watch::Sender::new(0),
            waiting: Semaphore::new(MAX_WAITING),
            rejections: Rejections::default(),
        }))
    }

    /// Returns whether an endpoint is registered at this path, in any spelling.
    pub(crate) fn covers(&self, path: &str) -> bool {
        self.index().covers(path)
    }

    /// Returns the [principal](CredentialIndex::find) with this credential.
    pub(crate) fn find(&self, target: &str, username: &str, password: &[u8]) -> Option<Arc<Principal>> {
        self.index().find(&self.0.key, target, username, password)
    }

    /// Requests a refresh and waits for it. A refresh that is already running does not count, because it may have read the
    /// database too early.
    pub(crate) async fn refreshed(&self) {
        let Ok(_waiting) = self.0.waiting.try_acquire() else { return };
        let begun = self.0.begun.load(Ordering::Acquire);
        let mut ended = self.0.ended.subscribe();
        self.0.refresh_wanted.notify_one();
        let _ = timeout(REFRESH_DEADLINE, ended.wait_for(|ended| *ended > begun)).await;
    }

    /// Returns the rejected requests with known user names.
    pub(crate) fn rejections(&self) -> &Rejections {
        &self.0.rejections
    }

    /// Returns the current index.
    pub(crate) fn index(&self) -> Arc<CredentialIndex> {
        self.0.current.borrow().clone()
    }

    /// Returns a receiver that is notified when the index changes.
    pub(super) fn subscribe(&self) -> watch::Receiver<Arc<CredentialIndex>> {
        self.0.current.subscribe()
    }

    pub(super) fn key(&self) -> &MasterKey {
        &self.0.key
    }

    /// Returns the generation that is loaded.
    pub(super) fn generation(&self) -> CredentialGeneration {
        self.index().generation()
    }

    /// Waits until a refresh is requested.
    pub(super) async fn refresh_requested(&self) {
        self.0.refresh_wanted.notified().await;
    }

    /// Begins a refresh.
    pub(super) fn begin_refresh(&self) -> Refresh<'_> {
        Refresh { shared: &self.0, number: self.0.begun.fetch_add(1, Ordering::AcqRel) + 1 }
    }

    /// Loads all credentials again.
    pub(super) async fn reload(&self, pool: &PgPool) -> Result<(), Error> {
        let loaded = read(pool, &self.index()).await?;
        self.0.current.send_replace(Arc::new(loaded));
        Ok(())
    }
}

impl Drop for Refresh<'_> {
    fn drop(&mut self) {
        self.shared.ended.send_replace(self.number);
    }
}

async fn read(pool: &PgPool, before: &CredentialIndex) -> Result<CredentialIndex, Error> {
    let (generation, rows) = store::endpoint::usable(pool).await?;
    let retired = store::retired_username::list(pool).await?;
    // Callbacks do not depend on canaries, for example if the role has no privileges on the new table yet.
    let canaries = store::canary::usable(pool).await.unwrap_or_else(|error| {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(
            error,
            "cannot load the credentials of canaries, rejecting them; run roles.sql after every migration"
        );
        Vec::new()
    });
    let index = CredentialIndex::new(CredentialGeneration(generation), rows, before);
    Ok(index.with_retired(retired).with_canaries(canaries, before))
}
