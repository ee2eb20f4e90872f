//! Locks of a data folder, all by `flock`: the kernel frees them however their process ends.
//!
//! | file | held | means |
//! |---|---|---|
//! | `gate.lock` | exclusively, while starting or stopping | only one process changes anything |
//! | `members.lock` | shared, by every process that uses the server | whoever gets it exclusively is the last one |
//! | `server.lock` | exclusively, by the server itself (it is its standard input) | some process of the server still lives |
//!
//! The third makes a stale `postmaster.pid` and processes left over from a killed postmaster certain knowledge, where
//! a process id alone (reused after a restart of a container, say) would be a guess.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, OFlags, flock};

use crate::Error;

/// How often a lock that somebody else holds is tried again.
const INTERVAL: Duration = Duration::from_millis(10);

/// A lock file, open and perhaps held; closing it frees it.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Lock {
    /// Opens (or makes) the lock file without taking the lock.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(path)
            .map(Self)
            .map_err(Error::io("cannot open", path))
    }

    /// Takes it for this process alone, if nobody else has it. What was held shared is given up if that fails.
    pub(crate) fn try_exclusive(&self) -> bool {
        flock(&self.0, FlockOperation::NonBlockingLockExclusive).is_ok()
    }

    /// Takes it together with others, if nobody has it alone.
    pub(crate) fn try_shared(&self) -> bool {
        flock(&self.0, FlockOperation::NonBlockingLockShared).is_ok()
    }

    /// Whether nobody has it alone. Nothing is held afterwards.
    pub(crate) fn is_free(&self) -> bool {
        self.try_shared() && flock(&self.0, FlockOperation::Unlock).is_ok()
    }

    /// Waits until it can be taken for this process alone; false after `patience`.
    pub(crate) async fn exclusive_within(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while !self.try_exclusive() {
            if Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(INTERVAL).await;
        }
        true
    }

    /// The same for a `Drop`, which cannot await.
    pub(crate) fn exclusive_within_blocking(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while !self.try_exclusive() {
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(INTERVAL);
        }
        true
    }

    /// Whether the open file is still the one at this path.
    pub(crate) fn is_at(&self, path: &Path) -> bool {
        let identity = |found: std::fs::Metadata| (found.dev(), found.ino());
        let (Ok(open), Ok(there)) = (self.0.metadata(), std::fs::metadata(path)) else {
            return false;
        };
        identity(open) == identity(there)
    }

    /// The open file, for handing the held lock to a child.
    pub(crate) fn into_file(self) -> File {
        self.0
    }
}
