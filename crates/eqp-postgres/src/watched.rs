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

/// The server of a folder.
#[derive(Debug)]
pub(crate) struct Watched {
    folder: Folder,
    /// Open and not held: the server holds it, up to the last of its processes.
    lock: Lock,
    server: Server,
}

/// Whose it is.
#[derive(Debug)]
enum Server {
    /// This process started it.
    Ours(Child),
    /// Another process started it.
    OfAnother,
    /// Somebody started it by hand, so that it has no lock.
    ByHand,
    /// It could not be started; what is left of the try may still be ending.
    NoneYet,
}

impl Watched {
    /// One that this process has started.
    pub(crate) fn ours(folder: &Folder, child: Child) -> Result<Self, Error> {
        Self::of(folder, |_| Server::Ours(child))
    }

    /// One that somebody else has started.
    pub(crate) fn joined(folder: &Folder) -> Result<Self, Error> {
        Self::of(folder, |lock| if lock.is_free() { Server::ByHand } else { Server::OfAnother })
    }

    /// One that is still to be started.
    pub(crate) fn none_yet(folder: &Folder) -> Result<Self, Error> {
        Self::of(folder, |_| Server::NoneYet)
    }

    fn of(folder: &Folder, server: impl FnOnce(&Lock) -> Server) -> Result<Self, Error> {
        let lock = Lock::open(&folder.server_lock())?;
        Ok(Self { folder: folder.clone(), server: server(&lock), lock })
    }

    pub(crate) fn is_of_another(&self) -> bool {
        matches!(self.server, Server::OfAnother | Server::ByHand)
    }

    /// Waits until the server has ended, and says how, as far as this process can know; nothing of one that never ran. Our own
    /// is noticed at once, that of another process within a moment. Dropping the future is safe.
    pub(crate) async fn ended(&mut self) -> Option<String> {
        if let Server::Ours(child) = &mut self.server {
            return Some(child.wait().await.map_or_else(|error| error.to_string(), |status| status.to_string()));
        }
        while self.lives() {
            sleep(INTERVAL).await;
        }
        self.is_of_another().then(|| "unknown, for another process had started it".to_owned())
    }

    /// By the lock, where nobody else can be mistaken for the server; else by its process id.
    fn lives(&self) -> bool {
        match self.server {
            Server::ByHand => PidFile::read(&self.folder.data()).is_some_and(|found| found.lives()),
            _ => !self.lock.is_free(),
        }
    }

    /// Takes note of the end of our own server after it was told to end.
    pub(crate) async fn note_end(&mut self) {
        if let Server::Ours(child) = &mut self.server {
            let _ = timeout(END_DEADLINE, child.wait()).await;
        }
    }

    /// Tells our own server to end at once: its files are gone, and a proper stop could only fail.
    pub(crate) fn abandon(&self) {
        if let Server::Ours(child) = &self.server {
            signal_child(child, Signal::QUIT);
        }
    }
}
