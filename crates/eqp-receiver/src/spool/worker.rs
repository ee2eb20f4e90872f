//! The thread that owns the file. Changes that wait at the same time share one commit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

use super::lock::Lock;
use super::log::{Change, Log};
use super::shared::{Level, size};
use super::tables::{self, Head, LogError};
use super::{NotSpooled, RefusedRow};
use eqp_store::internal::{Part, Restarts, Supervisor};

/// The wait before the file is opened again after a failure. Opening verifies all of it, which is too slow for each callback.
const REOPEN_PAUSE: Duration = Duration::from_secs(1);

type Reply<T> = oneshot::Sender<Result<T, NotSpooled>>;

/// A command for the thread. It is carried out even if the caller no longer waits for the reply.
#[derive(Debug)]
pub(super) enum Command {
    Change { change: Change, reply: Reply<()> },
    Head { rows: usize, bytes: u64, reply: Reply<Head> },
    Quarantined { after: Uuid, rows: usize, reply: Reply<Vec<RefusedRow>> },
    Close(Reply<()>),
}

/// The owner of the file and its lock.
pub(super) struct Worker {
    file: PathBuf,
    lock: Lock,
    /// None after a failure, because redb then answers every call with the first error.
    log: Option<Log>,
    reopen_at: Instant,
    max_bytes: u64,
    level: watch::Sender<Level>,
}

impl Worker {
    pub(super) fn new(file: PathBuf, lock: Lock, log: Log, max_bytes: u64, level: watch::Sender<Level>) -> Self {
        Self { file, lock, log: Some(log), reopen_at: Instant::now(), max_bytes, level }
    }

    /// Carries out commands until `Close`, or until all callers are gone. After a panic the file is opened again, and the
    /// current commands have failed.
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

    /// Returns the reply of `Close`, or `None` if all callers are gone.
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
                    // The changes before it are committed first, so that commands take effect in their order.
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

    /// Closes the file; the next command opens it again. Closing it after a panic may panic, too.
    fn forget_log(&mut self) {
        let log = self.log.take();
        let _ = catch_unwind(AssertUnwindSafe(move || drop(log)));
        self.reopen_at = Instant::now();
    }

    /// Commits changes in one transaction and sends their replies. Changes that do not fit are rejected first.
    fn commit(&mut self, requested: Vec<(Change, Reply<()>)>) {
        let mut bytes = self.level.borrow().bytes;
        let mut accepted = Vec::with_capacity(requested.len());
        let mut replies = Vec::with_capacity(requested.len());
        for (change, reply) in requested {
            bytes += added(&change);
            if added(&change) > 0 && bytes > self.max_bytes {
                bytes -= added(&change);
                let _ = reply.send(Err(NotSpooled::Full));
                continue;
            }
            accepted.push(change);
            replies.push(reply);
        }
        if accepted.is_empty() {
            return;
        }
        let result = self.with_log(|log| log.apply(&accepted));
        for reply in replies {
            let _ = reply.send(result);
        }
    }

    fn with_log<T>(&mut self, work: impl FnOnce(&mut Log) -> Result<T, LogError>) -> Result<T, NotSpooled> {
        if self.log.is_none() && Instant::now() >= self.reopen_at {
            self.reopen_at = Instant::now() + REOPEN_PAUSE;
            match Log::open(&self.file) {
                Ok(log) => self.log = Some(log),
                Err(error) => tracing::error!(%error, "cannot reopen the spool"),
            }
        }
        let log = self.log.as_mut().ok_or(NotSpooled::Failed)?;
        match work(log) {
            Ok(done) => {
                self.level.send_replace(log.level());
                Ok(done)
            }
            Err(error) => {
                tracing::error!(%error, "spool failed, reopening it");
                self.log = None;
                self.reopen_at = Instant::now() + REOPEN_PAUSE;
                Err(NotSpooled::Failed)
            }
        }
    }
}

/// Returns by how much a change grows the spool. Moving a callback into quarantine does not.
fn added(change: &Change) -> u64 {
    match change {
        Change::Append(rows) => rows.iter().map(size).sum(),
        Change::Quarantine(refused) => size(&refused.row),
        Change::Acknowledge { .. } | Change::Release(_) | Change::Bind(_) | Change::Snapshot(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use time::OffsetDateTime;

    use super::*;
    use crate::spool::{FILE, create_folder, open};
    use eqp_store::internal::callback::CallbackRow;

    fn worker(folder: &Path, max_bytes: u64) -> Worker {
        create_folder(folder).unwrap();
        let (lock, log, _) = open(folder).unwrap();
        let level = watch::channel(log.level()).0;
        Worker::new(folder.join(FILE), lock, log, max_bytes, level)
    }

    /// Has the size 300.
    fn row() -> CallbackRow {
        CallbackRow { headers: vec![b'h'; 14], ..crate::spool::arrived(vec![b'b'; 30]) }
    }

    fn rows(count: usize) -> Change {
        Change::Append((0..count).map(|_| row()).collect())
    }

    fn refused() -> RefusedRow {
        RefusedRow { row: row(), sqlstate: "22021".into(), reason: "bad".into(), refused_at: OffsetDateTime::now_utc() }
    }

    /// Commits changes together. Returns their replies.
    fn together<const N: usize>(worker: &mut Worker, changes: [Change; N]) -> [Result<(), NotSpooled>; N] {
        let (requested, answers): (Vec<_>, Vec<_>) = changes
            .into_iter()
            .map(|change| {
                let (reply, answer) = oneshot::channel();
                ((change, reply), answer)
            })
            .unzip();
        worker.commit(requested);
        let results: Vec<_> = answers.into_iter().map(|mut answer| answer.try_recv().unwrap()).collect();
        results.try_into().unwrap()
    }

    #[test]
    fn changes_that_fit_to_the_byte_are_accepted_and_others_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut worker = worker(folder.path(), 1_200);
        let (stored, full) = (Ok(()), Err(NotSpooled::Full));
        assert_eq!(together(&mut worker, [rows(2), rows(3), rows(1)]), [stored, full, stored]);
        assert_eq!(
            together(&mut worker, [rows(2), Change::Quarantine(refused())]),
            [full, stored],
            "the maximum is reached"
        );
        assert_eq!((worker.level.borrow().callbacks, worker.level.borrow().bytes), (3, 1_200));
        assert_eq!(together(&mut worker, [rows(1), Change::Quarantine(refused())]), [full, full]);
        // Changes that do not grow the spool are never rejected.
        let moved = Change::Acknowledge { end: 2, refused: vec![refused()] };
        assert_eq!(together(&mut worker, [moved, Change::Snapshot(vec![0; 9_999])]), [stored, stored]);
        assert_eq!(worker.level.borrow().bytes, 900);
        assert_eq!(together(&mut worker, [rows(1), rows(1)]), [stored, full]);
    }

    #[test]
    fn after_a_failure_the_file_is_reopened_but_not_for_each_callback() {
        let folder = tempfile::tempdir().unwrap();
        let mut worker = worker(folder.path(), 1_200);
        assert_eq!(together(&mut worker, [rows(1)]), [Ok(())]);
        let (failed, begun) = (Err(NotSpooled::Failed), Instant::now());
        assert_eq!(worker.with_log(|_| Err::<(), _>(LogError::Unreadable)), failed);
        assert!(worker.reopen_at > begun, "it waits");
        worker.reopen_at = begun + 60 * REOPEN_PAUSE;
        assert_eq!(together(&mut worker, [rows(1)]), [failed]);

        // The file is missing: it is tried once, and then waits again.
        let file = std::mem::replace(&mut worker.file, folder.path().join("away"));
        worker.reopen_at = begun;
        assert_eq!(together(&mut worker, [rows(1)]), [failed]);
        assert!(worker.reopen_at > begun);

        (worker.file, worker.reopen_at) = (file, begun);
        assert_eq!(together(&mut worker, [rows(1)]), [Ok(())]);
        assert_eq!(worker.level.borrow().callbacks, 2, "with its content");
        worker.reopen_at = begun;
        assert_eq!(together(&mut worker, [rows(1)]), [Ok(())]);
        assert_eq!(worker.reopen_at, begun, "it is not reopened");
    }

    #[test]
    fn a_spool_above_its_maximum_size_can_still_be_drained() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(together(&mut worker(folder.path(), 1_200), [rows(4)]), [Ok(())]);
        let mut smaller = worker(folder.path(), 600);
        assert_eq!(together(&mut smaller, [rows(1)]), [Err(NotSpooled::Full)]);
        assert_eq!(together(&mut smaller, [Change::Acknowledge { end: 4, refused: Vec::new() }]), [Ok(())]);
        assert_eq!(together(&mut smaller, [rows(2)]), [Ok(())]);
    }
}
