//! The live map of endpoints: what the accepting side checks credentials against, without the database.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use sqlx::PgPool;
use time::OffsetDateTime;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, MissedTickBehavior, timeout};
use tokio_util::sync::CancellationToken;

use super::keyed_hash::KeyedHash;
use super::snapshot::Snapshot;
use super::{CredentialId, EndpointId, MasterKey};
use crate::{Error, store};

/// How often changes made by other processes are looked for.
const PERIOD: Duration = Duration::from_secs(10);
/// Unknown credentials make it look at once, but never more often than this.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// How long the database may take for it.
const DEADLINE: Duration = Duration::from_secs(3);
/// How many requests may wait for a reload; the others are refused at once.
const MOST_WAITING: usize = 256;

/// Who may call, as last loaded. Cheap to clone; all clones see the same.
#[derive(Clone)]
pub(crate) struct Directory(Arc<Shared>);

struct Shared {
    key: MasterKey,
    loaded: RwLock<Arc<Loaded>>,
    wanted: Notify,
    /// The number of the load that was begun last.
    begun: AtomicU64,
    /// The number of the load that ended last, well or not.
    ended: watch::Sender<u64>,
    waiting: Semaphore,
}

struct Loaded {
    /// By path.
    entries: HashMap<String, Entry>,
    at: OffsetDateTime,
}

pub(super) struct Entry {
    pub(super) endpoint: EndpointId,
    pub(super) credentials: Vec<Known>,
}

pub(super) struct Known {
    pub(super) id: CredentialId,
    pub(super) username: String,
    pub(super) hash: KeyedHash,
}

/// Who a credential belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    pub(crate) endpoint: EndpointId,
    pub(crate) credential: CredentialId,
}

impl Directory {
    /// Loads the directory.
    pub(crate) async fn load(pool: &PgPool, key: MasterKey) -> Result<Self, Error> {
        let loaded = read(pool).await?;
        Ok(Self::of(Loaded { entries: loaded, at: OffsetDateTime::now_utc() }, key))
    }

    /// Takes the endpoints of a snapshot, until they are loaded.
    pub(crate) fn from_snapshot(snapshot: Snapshot, key: MasterKey) -> Self {
        let at = snapshot.taken_at();
        Self::of(Loaded { entries: snapshot.entries(), at }, key)
    }

    fn of(loaded: Loaded, key: MasterKey) -> Self {
        Self(Arc::new(Shared {
            key,
            loaded: RwLock::new(Arc::new(loaded)),
            wanted: Notify::new(),
            begun: AtomicU64::new(0),
            ended: watch::Sender::new(0),
            waiting: Semaphore::new(MOST_WAITING),
        }))
    }

    /// The endpoints as they are now, to be kept.
    pub(super) fn snapshot(&self) -> Snapshot {
        let loaded = self.current();
        Snapshot::of(&loaded.entries, &self.0.key, loaded.at)
    }

    /// Changes after each load.
    pub(super) fn loads(&self) -> watch::Receiver<u64> {
        self.0.ended.subscribe()
    }

    /// The paths of all endpoints, in order.
    pub(crate) fn paths(&self) -> Vec<String> {
        let mut paths: Vec<_> = self.current().entries.keys().cloned().collect();
        paths.sort_unstable();
        paths
    }

    /// Whether an endpoint answers at `path`.
    pub(crate) fn knows(&self, path: &str) -> bool {
        self.current().entries.contains_key(path)
    }

    /// The caller with this credential at this path. It takes the same time whichever part is wrong.
    pub(crate) fn find(&self, path: &str, username: &str, password: &[u8]) -> Option<Caller> {
        let loaded = self.current();
        let entry = loaded.entries.get(path);
        let endpoint = entry.map_or(EndpointId(0), |entry| entry.endpoint);
        let known = entry.and_then(|entry| entry.credentials.iter().find(|known| known.username == username));
        let given = KeyedHash::of(&self.0.key, endpoint, username, password);
        let right = known.map_or(&KeyedHash::NONE, |known| &known.hash).matches(&given);
        known.filter(|_| right).map(|known| Caller { endpoint, credential: known.id })
    }

    /// Waits until the directory was loaded once more, because something was unknown that may be new. A load that is
    /// under way does not count: it may have looked too early.
    pub(crate) async fn refreshed(&self) {
        let Ok(_waiting) = self.0.waiting.try_acquire() else { return };
        let begun = self.0.begun.load(Ordering::Acquire);
        let mut ended = self.0.ended.subscribe();
        self.0.wanted.notify_one();
        let _ = timeout(SHORTEST_PAUSE + 2 * DEADLINE, ended.wait_for(|ended| *ended > begun)).await;
    }

    /// Loads it again, when asked to and from time to time, until shutdown.
    pub(crate) async fn keep_loaded(self, pool: PgPool, shutdown: CancellationToken) {
        let mut period = tokio::time::interval(PERIOD);
        period.set_missed_tick_behavior(MissedTickBehavior::Delay);
        period.reset();
        let mut earliest = Instant::now();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = period.tick() => {}
                () = self.0.wanted.notified() => {}
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep_until(earliest) => {}
            }
            earliest = Instant::now() + SHORTEST_PAUSE;
            let number = self.0.begun.fetch_add(1, Ordering::AcqRel) + 1;
            match timeout(DEADLINE, read(&pool)).await {
                Ok(Ok(loaded)) => self.replace(loaded),
                Ok(Err(error)) => tracing::warn!(%error, "endpoints could not be loaded again; the old ones stay"),
                Err(_) => tracing::warn!("endpoints could not be loaded again in time; the old ones stay"),
            }
            self.0.ended.send_replace(number);
        }
    }

    fn current(&self) -> Arc<Loaded> {
        // A poisoned lock still holds a whole map: it is only ever replaced.
        self.0.loaded.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, entries: HashMap<String, Entry>) {
        let loaded = Loaded { entries, at: OffsetDateTime::now_utc() };
        *self.0.loaded.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
    }
}

async fn read(pool: &PgPool) -> Result<HashMap<String, Entry>, Error> {
    let mut map: HashMap<String, Entry> = HashMap::new();
    for row in store::endpoint::usable(pool).await? {
        let endpoint = EndpointId(row.endpoint_id);
        let entry = map.entry(row.path).or_insert_with(|| Entry { endpoint, credentials: Vec::new() });
        let (Some(id), Some(username), Some(hash)) = (row.credential_id, row.username, row.password_hmac) else {
            continue;
        };
        let Some(hash) = KeyedHash::from_slice(&hash) else { continue };
        entry.credentials.push(Known { id: CredentialId(id), username, hash });
    }
    Ok(map)
}
