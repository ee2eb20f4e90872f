//! The thread that owns the file: whatever waits at the same time shares one commit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

use super::level::{Level, weight};
use super::lock::Lock;
use super::log::{Change, Log};
use super::tables::{self, Head, LogError};
use super::{NotSpooled, RefusedRow};
use crate::supervise::{Part, Restarts, Supervisor};

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

    /// Works until it is told to close, or nobody is left who could ask. After a panic it opens the file anew; whoever
    /// waited for what was at hand is told that it failed.
    pub(super) fn run(mut self, mut commands: mpsc::Receiver<Command>, supervisor: &Supervisor) {
        let mut restarts = Restarts::of(Part::SpoolWriter);
        let close = loop {
            let work = || self.work(&mut commands, supervisor);
            match supervisor.guard_blocking(Part::SpoolWriter, &mut restarts, work) {
                Some(close) => break close,
                None => self.forget_log(),
            }
        };
        drop((self.log, self.lock));
        if let Some(reply) = close {
            let _ = reply.send(Ok(()));
        }
    }

    /// Answers with who asked to close it, if anybody did.
    fn work(&mut self, commands: &mut mpsc::Receiver<Command>, supervisor: &Supervisor) -> Option<Reply<()>> {
        let mut waiting = Vec::new();
        while let Some(first) = commands.blocking_recv() {
            let mut changes = Vec::new();
            waiting.push(first);
            while let Ok(next) = commands.try_recv() {
                waiting.push(next);
            }
            supervisor.fault_point(Part::SpoolWriter);
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
                        return Some(reply);
                    }
                }
            }
            self.commit(changes);
        }
        None
    }

    /// The file is opened anew with the next command. Closing a store that panicked may panic, too.
    fn forget_log(&mut self) {
        let log = self.log.take();
        let _ = catch_unwind(AssertUnwindSafe(move || drop(log)));
        self.reopen_at = Instant::now();
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
                self.level.send_replace(log.level());
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use time::OffsetDateTime;

    use super::*;
    use crate::spool::{FILE, make_folder, open};
    use crate::store::callback::CallbackRow;

    fn worker(folder: &Path, bound: u64) -> Worker {
        make_folder(folder).unwrap();
        let (lock, log, _) = open(folder).unwrap();
        let level = watch::channel(log.level()).0;
        Worker::new(folder.join(FILE), lock, log, bound, level)
    }

    /// Weighs 300.
    fn row() -> CallbackRow {
        CallbackRow { headers: vec![b'h'; 14], ..CallbackRow::arrived(vec![b'b'; 30]) }
    }

    fn rows(count: usize) -> Change {
        Change::Append((0..count).map(|_| row()).collect())
    }

    fn refused() -> RefusedRow {
        RefusedRow { row: row(), sqlstate: "22021".into(), reason: "bad".into(), refused_at: OffsetDateTime::now_utc() }
    }

    /// What each of some changes that share a commit is told.
    fn together<const N: usize>(worker: &mut Worker, changes: [Change; N]) -> [Result<(), NotSpooled>; N] {
        let (asked, answers): (Vec<_>, Vec<_>) = changes
            .into_iter()
            .map(|change| {
                let (reply, answer) = oneshot::channel();
                ((change, reply), answer)
            })
            .unzip();
        worker.commit(asked);
        let told: Vec<_> = answers.into_iter().map(|mut answer| answer.try_recv().unwrap()).collect();
        told.try_into().unwrap()
    }

    #[test]
    fn takes_what_fits_to_the_byte_and_refuses_only_what_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut worker = worker(folder.path(), 1_200);
        let (taken, full) = (Ok(()), Err(NotSpooled::Full));
        assert_eq!(together(&mut worker, [rows(2), rows(3), rows(1)]), [taken, full, taken]);
        assert_eq!(
            together(&mut worker, [rows(2), Change::Quarantine(refused())]),
            [full, taken],
            "the bound is reached"
        );
        assert_eq!((worker.level.borrow().callbacks, worker.level.borrow().bytes), (3, 1_200));
        assert_eq!(together(&mut worker, [rows(1), Change::Quarantine(refused())]), [full, full]);
        // What takes out, or weighs nothing, is never refused.
        let moved = Change::Settle { end: 2, refused: vec![refused()] };
        assert_eq!(together(&mut worker, [moved, Change::Snapshot(vec![0; 9_999])]), [taken, taken]);
        assert_eq!(worker.level.borrow().bytes, 900);
        assert_eq!(together(&mut worker, [rows(1), rows(1)]), [taken, full]);
    }

    #[test]
    fn after_a_failure_the_file_is_opened_anew_and_not_for_every_callback_that_comes() {
        let folder = tempfile::tempdir().unwrap();
        let mut worker = worker(folder.path(), 1_200);
        assert_eq!(together(&mut worker, [rows(1)]), [Ok(())]);
        let (failed, begun) = (Err(NotSpooled::Failed), Instant::now());
        assert_eq!(worker.with_log(|_| Err::<(), _>(LogError::Unreadable)), failed);
        assert!(worker.reopen_at > begun, "it waits for a while");
        worker.reopen_at = begun + 60 * REOPEN_PAUSE;
        assert_eq!(together(&mut worker, [rows(1)]), [failed]);

        // Away: it is tried once, and then it waits again.
        let file = std::mem::replace(&mut worker.file, folder.path().join("away"));
        worker.reopen_at = begun;
        assert_eq!(together(&mut worker, [rows(1)]), [failed]);
        assert!(worker.reopen_at > begun);

        (worker.file, worker.reopen_at) = (file, begun);
        assert_eq!(together(&mut worker, [rows(1)]), [Ok(())]);
        assert_eq!(worker.level.borrow().callbacks, 2, "with all that it held");
        worker.reopen_at = begun;
        assert_eq!(together(&mut worker, [rows(1)]), [Ok(())]);
        assert_eq!(worker.reopen_at, begun, "it is open already");
    }

    #[test]
    fn a_spool_that_holds_more_than_its_bound_is_still_emptied() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(together(&mut worker(folder.path(), 1_200), [rows(4)]), [Ok(())]);
        let mut smaller = worker(folder.path(), 600);
        assert_eq!(together(&mut smaller, [rows(1)]), [Err(NotSpooled::Full)]);
        assert_eq!(together(&mut smaller, [Change::Settle { end: 4, refused: Vec::new() }]), [Ok(())]);
        assert_eq!(together(&mut smaller, [rows(2)]), [Ok(())]);
    }
}
