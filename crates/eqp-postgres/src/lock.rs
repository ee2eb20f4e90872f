//! The locks of a data folder. They use `flock`, so the kernel releases them however their process ends.
//!
//! | file | held | means |
//! |---|---|---|
//! | `gate.lock` | exclusively, while starting or stopping | only one process at a time starts or stops the server |
//! | `members.lock` | shared, by every process that uses the server | a process that can acquire it exclusively is the last user |
//! | `server.lock` | exclusively, by the server itself (it is its standard input) | some process of the server is still running |
//!
//! The server lock reliably detects a stale `postmaster.pid` and processes that outlive a killed postmaster. A process ID alone would
//! not be reliable, because it can be reused, for example after a restart of a container.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, OFlags, flock};

use crate::Error;

/// The interval at which to retry a lock that another process holds.
const INTERVAL: Duration = Duration::from_millis(10);

/// An open lock file. Closing it releases the lock.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Lock {
    /// Opens the lock file, or creates it, without acquiring the lock.
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

    /// Tries to acquire the lock exclusively. If that fails, a shared lock that was held is released.
    pub(crate) fn try_exclusive(&self) -> bool {
        flock(&self.0, FlockOperation::NonBlockingLockExclusive).is_ok()
    }

    /// Tries to acquire the lock shared with other processes.
    pub(crate) fn try_shared(&self) -> bool {
        flock(&self.0, FlockOperation::NonBlockingLockShared).is_ok()
    }

    /// Returns whether no process holds the lock exclusively. Releases the lock.
    pub(crate) fn is_free(&self) -> bool {
        self.try_shared() && flock(&self.0, FlockOperation::Unlock).is_ok()
    }

    /// Waits until the lock can be acquired exclusively. Returns false if that takes longer than `patience`.
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

    /// Waits as [`exclusive_within`](Self::exclusive_within) does, but blocks the thread, for a `Drop`.
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

    /// Returns whether the open file is still the file at this path.
    pub(crate) fn is_at(&self, path: &Path) -> bool {
        let identity = |found: std::fs::Metadata| (found.dev(), found.ino());
        let (Ok(open), Ok(there)) = (self.0.metadata(), std::fs::metadata(path)) else {
            return false;
        };
        identity(open) == identity(there)
    }

    /// Returns the open file, for passing the held lock to a child process.
    pub(crate) fn into_file(self) -> File {
        self.0
    }
}
