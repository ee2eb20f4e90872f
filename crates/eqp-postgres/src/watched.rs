//! A server in use, as one of its processes sees it: when does it end?

use std::time::Duration;

use rustix::process::Signal;
use tokio::process::Child;
use tokio::time::{sleep, timeout};

use crate::Error;
use crate::folder::Folder;
use crate::lock::Lock;
use crate::server::{PidFile, signal_child};

/// How often it is looked whether a server lives that another process started.
const INTERVAL: Duration = Duration::from_millis(100);
/// For a server that was told to end at once.
const END_DEADLINE: Duration = Duration::from_secs(10);

/// The running server.
#[derive(Debug)]
pub(crate) struct Watched {
    folder: Folder,
    /// Open and not held: the server holds it, up to the last of its processes.
    lock: Lock,
    /// Whether the server has that lock. One that somebody started by hand has none.
    has_lock: bool,
    /// The server, if this process started it.
    child: Option<Child>,
}

impl Watched {
    /// One that this process has started.
    pub(crate) fn ours(folder: &Folder, child: Child) -> Result<Self, Error> {
        Ok(Self { child: Some(child), ..Self::joined(folder)? })
    }

    /// One that another process has started.
    pub(crate) fn joined(folder: &Folder) -> Result<Self, Error> {
        let lock = Lock::open(&folder.server_lock())?;
        Ok(Self { folder: folder.clone(), has_lock: !lock.is_free(), lock, child: None })
    }

    pub(crate) fn is_ours(&self) -> bool {
        self.child.is_some()
    }

    /// Waits until the server has ended, and says how, as far as this process can know. Our own is noticed at once, that of
    /// another process within a moment. Dropping the future is safe.
    pub(crate) async fn ended(&mut self) -> String {
        if let Some(child) = &mut self.child {
            return child.wait().await.map_or_else(|error| error.to_string(), |status| status.to_string());
        }
        while self.lives() {
            sleep(INTERVAL).await;
        }
        "unknown, for another process had started it".to_owned()
    }

    /// By the lock, where nobody else can be mistaken for the server; else by its process id.
    fn lives(&self) -> bool {
        if self.has_lock {
            return !self.lock.is_free();
        }
        PidFile::read(&self.folder.data()).is_some_and(|found| found.lives())
    }

    /// Takes note of the end of our own server after it was told to end.
    pub(crate) async fn note_end(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = timeout(END_DEADLINE, child.wait()).await;
        }
    }

    /// Tells our own server to end at once: its files are gone, and a proper stop could only fail.
    pub(crate) fn abandon(&self) {
        if let Some(child) = &self.child {
            signal_child(child, Signal::QUIT);
        }
    }
}
