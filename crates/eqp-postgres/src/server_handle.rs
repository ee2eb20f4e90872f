//! The server of a folder as this process knows it: who started it, and when it ends.

use std::time::Duration;

use rustix::process::Signal;
use tokio::process::Child;
use tokio::time::{sleep, timeout};

use crate::Error;
use crate::folder::Folder;
use crate::lock::Lock;
use crate::server::{PidFile, signal_child};

/// The interval at which to check whether a server that another process started is still running.
const INTERVAL: Duration = Duration::from_millis(100);
/// The time limit for a server to end after a signal.
const END_DEADLINE: Duration = Duration::from_secs(10);

/// The server of a folder.
#[derive(Debug)]
pub(crate) struct ServerHandle {
    folder: Folder,
    /// The lock file, opened but not locked; the server's processes hold the lock.
    lock: Lock,
    origin: Origin,
}

/// The process that started it.
#[derive(Debug)]
enum Origin {
    /// This process started it.
    Started(Child),
    /// Another process started it.
    StartedElsewhere,
    /// It was started manually, so it holds no lock.
    Manual,
    /// It is not known to run. A server whose start was cancelled may still become ready, and processes of a failed attempt may still
    /// be ending: the next start joins the one and waits for the others.
    NotStarted,
}

impl ServerHandle {
    /// Creates the handle of a server that this process has started.
    pub(crate) fn started(folder: &Folder, child: Child) -> Result<Self, Error> {
        Self::of(folder, |_| Origin::Started(child))
    }

    /// Creates the handle of a server that is already running.
    pub(crate) fn joined(folder: &Folder) -> Result<Self, Error> {
        Self::of(folder, |lock| if lock.is_free() { Origin::Manual } else { Origin::StartedElsewhere })
    }

    /// Creates the handle of a server that has to be started later.
    pub(crate) fn not_started(folder: &Folder) -> Result<Self, Error> {
        Self::of(folder, |_| Origin::NotStarted)
    }

    fn of(folder: &Folder, origin: impl FnOnce(&Lock) -> Origin) -> Result<Self, Error> {
        let lock = Lock::open(&folder.server_lock())?;
        Ok(Self { folder: folder.clone(), origin: origin(&lock), lock })
    }

    pub(crate) fn is_started_elsewhere(&self) -> bool {
        matches!(self.origin, Origin::StartedElsewhere | Origin::Manual)
    }

    /// Waits until the server has ended. Returns how, as far as this process can know, or `None` if it never ran. Cancel-safe.
    pub(crate) async fn ended(&mut self) -> Option<String> {
        if let Origin::Started(child) = &mut self.origin {
            return Some(child.wait().await.map_or_else(|error| error.to_string(), |status| status.to_string()));
        }
        if let Origin::NotStarted = self.origin {
            return None;
        }
        while self.is_running() {
            sleep(INTERVAL).await;
        }
        self.is_started_elsewhere().then(|| "unknown, because another process had started it".to_owned())
    }

    /// Checks the lock, which identifies the server reliably, or the process ID if there is no lock.
    fn is_running(&self) -> bool {
        match self.origin {
            Origin::Manual => PidFile::read(&self.folder.data()).is_some_and(|found| found.lives()),
            _ => !self.lock.is_free(),
        }
    }

    /// Waits for a server that this process has started, after it was signalled to end.
    pub(crate) async fn reap(&mut self) {
        if let Origin::Started(child) = &mut self.origin {
            let _ = timeout(END_DEADLINE, child.wait()).await;
        }
    }

    /// Ends a server that this process has started at once. Its files are gone, so a proper shutdown could only fail.
    pub(crate) fn quit(&self) {
        if let Origin::Started(child) = &self.origin {
            signal_child(child, Signal::QUIT);
        }
    }
}
