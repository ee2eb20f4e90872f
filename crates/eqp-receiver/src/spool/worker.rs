//! The thread that owns the file: whatever waits at the same time shares one commit.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

use super::level::{Level, weight};
use super::lock::Lock;
use super::log::{Change, Log};
use super::tables::{self, Head, LogError};
use super::{NotSpooled, RefusedRow};

/// After a failure the file is opened anew, which reads it whole: not for every callback that comes.
const REOPEN_PAUSE: Duration = Duration::from_secs(1);

type Reply<T> = oneshot::Sender<Result<T, NotSpooled>>;

/// What the thread is asked for. Whoever no longer waits for the reply does not take it back.
#[derive(Debug)]
pub(super) enum Command {
    Change { change: Change, reply: Reply<()> },
    Head { rows: usize, bytes: u64, reply: Reply<Head> },
    Quarantined { after: Uuid, rows: usize, reply: Reply<Vec<RefusedRow>> },
    Close(Reply<()>),
}

pub(super) struct Worker {
    file: PathBuf,
    lock: Lock,
    /// None after a failure, when the store would answer everything with the first error.
    log: Option<Log>,
    reopen_at: Instant,
    bound: u64,
    level: watch::Sender<Level>,
}

impl Worker {
    pub(super) fn new(file: PathBuf, lock: Lock, log: Log, bound: u64, level: watch::Sender<Level>) -> Self {
        Self { file, lock, log: Some(log), reopen_at: Instant::now(), bound, level }
    }

    /// Works until it is told to close, or nobody is left who could ask.
    pub(super) fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut waiting = Vec::new();
        while let Some(first) = commands.blocking_recv() {
            let mut changes = Vec::new();
            waiting.push(first);
            while let Ok(next) = commands.try_recv() {
                waiting.push(next);
            }
            for command in waiting.drain(..) {
                match command {
                    Command::Change { change, reply } => changes.push((change, reply)),
                    // In their order: a question sees what was asked for before it.
                    Command::Head { rows, bytes, reply } => {
                        self.commit(std::mem::take(&mut changes));
                        let _ = reply.send(self.with_log(|log| tables::queued(&log.read()?, 0, rows, bytes)));
                    }
                    Command::Quarantined { after, rows, reply } => {
                        self.commit(std::mem::take(&mut changes));
                        let _ = reply.send(self.with_log(|log| tables::quarantined(&log.read()?, after, rows)));
                    }
                    Command::Close(reply) => {
                        self.commit(changes);
                        drop((self.log, self.lock));
                        let _ = reply.send(Ok(()));
                        return;
                    }
                }
            }
            self.commit(changes);
        }
    }

    /// One transaction for all of them; each is told what became of it.
    fn commit(&mut self, asked: Vec<(Change, Reply<()>)>) {
        let mut bytes = self.level.borrow().bytes;
        let mut taken = Vec::with_capacity(asked.len());
        let mut replies = Vec::with_capacity(asked.len());
        for (change, reply) in asked {
            bytes += added(&change);
            if added(&change) > 0 && bytes > self.bound {
                bytes -= added(&change);
                let _ = reply.send(Err(NotSpooled::Full));
                continue;
            }
            taken.push(change);
            replies.push(reply);
        }
        if taken.is_empty() {
            return;
        }
        let outcome = self.with_log(|log| log.apply(&taken));
        for reply in replies {
            let _ = reply.send(outcome);
        }
    }

    fn with_log<T>(&mut self, work: impl FnOnce(&mut Log) -> Result<T, LogError>) -> Result<T, NotSpooled> {
        if self.log.is_none() && Instant::now() >= self.reopen_at {
            self.reopen_at = Instant::now() + REOPEN_PAUSE;
            match Log::open(&self.file) {
                Ok(log) => self.log = Some(log),
                Err(error) => tracing::error!(%error, "the spool cannot be opened again"),
            }
        }
        let log = self.log.as_mut().ok_or(NotSpooled::Failed)?;
        match work(log) {
            Ok(done) => {
                self.level.send_if_modified(|level| std::mem::replace(level, log.level()) != log.level());
                Ok(done)
            }
            Err(error) => {
                tracing::error!(%error, "the spool failed");
                self.log = None;
                self.reopen_at = Instant::now() + REOPEN_PAUSE;
                Err(NotSpooled::Failed)
            }
        }
    }
}

/// What a change adds to the spool's weight. Moving a callback into quarantine adds nothing.
fn added(change: &Change) -> u64 {
    match change {
        Change::Append(rows) => rows.iter().map(weight).sum(),
        Change::Quarantine(refused) => weight(&refused.row),
        Change::Settle { .. } | Change::Release(_) | Change::Bind(_) | Change::Snapshot(_) => 0,
    }
}
