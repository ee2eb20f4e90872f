//! Where callbacks are kept while Postgres cannot take them: a bounded file of this machine's disk.
//!
//! What is taken is on the disk before anybody is told so, and stays there until the database has committed it. One
//! process at a time has a spool open, and all of it belongs to one database. What it never holds is a password.

mod drain;
mod inspect;
mod level;
mod lock;
mod log;
#[cfg(test)]
mod power_cut;
mod record;
mod tables;
mod worker;

use std::fs::{self, Metadata, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use time::OffsetDateTime;
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

pub(crate) use drain::{DrainError, refused_row, step};
pub use drain::{Drained, drain_spool};
pub use inspect::{QuarantinedCallback, SnapshotState, SpoolFile, SpoolState, SpooledCallback, set_aside};
pub(crate) use level::Level;
pub use lock::Holder;

use self::lock::Lock;
use self::log::{Change, Log};
use self::tables::{Head, LogError};
use self::worker::{Command, Worker};
use crate::Error;
use crate::store::callback::CallbackRow;
use crate::supervise::Supervisor;

const FILE: &str = "spool.redb";
/// Nobody has more than one of each kind of command on its way.
const COMMANDS: usize = 16;

/// Where a receiver keeps callbacks while Postgres cannot take them, and how much.
#[derive(Clone, Debug)]
pub struct SpoolSettings {
    folder: PathBuf,
    bytes: u64,
}

impl SpoolSettings {
    /// The bound of a spool for which none is set: 256 MiB.
    pub const DEFAULT_BYTES: u64 = 256 * 1024 * 1024;

    /// A spool in a folder of its own on a local disk, made on first use; bounded to 256 MiB, which is some 500,000
    /// callbacks.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), bytes: Self::DEFAULT_BYTES }
    }

    /// Another bound, in bytes. A callback counts with its headers, its body and 256 bytes; the file can become up to
    /// twice as large.
    #[must_use]
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

/// A callback that Postgres refuses as data, with what it said.
#[derive(Debug)]
pub(crate) struct RefusedRow {
    pub(crate) row: CallbackRow,
    pub(crate) sqlstate: String,
    pub(crate) reason: String,
    pub(crate) refused_at: OffsetDateTime,
}

/// Why the spool did not take something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotSpooled {
    #[error("the spool is full")]
    Full,
    #[error("the spool cannot be written")]
    Failed,
}

/// An open spool; cheap to clone, and all clones are the same. It is open until it is closed or all are dropped.
#[derive(Clone, Debug)]
pub(crate) struct Spool {
    commands: mpsc::Sender<Command>,
    level: watch::Receiver<Level>,
}

/// What an opened spool held besides callbacks.
#[derive(Debug)]
pub(crate) struct Kept {
    /// The database that all of it belongs to.
    pub(crate) instance: Option<Uuid>,
    /// The endpoints as last loaded.
    pub(crate) snapshot: Option<Vec<u8>>,
}

impl Spool {
    /// Opens the spool of a folder, made on first use.
    pub(crate) async fn open(settings: &SpoolSettings, supervisor: &Supervisor) -> Result<(Self, Kept), Error> {
        make_folder(&settings.folder)?;
        let (commands, queue) = mpsc::channel(COMMANDS);
        let (level, watched) = watch::channel(Level::default());
        let (opened, kept) = oneshot::channel();
        let folder = settings.folder.clone();
        let bound = settings.bytes;
        let supervisor = supervisor.clone();
        std::thread::Builder::new()
            .name("eqp-spool".to_owned())
            .spawn(move || match open(&folder) {
                Ok((lock, log, found)) => {
                    level.send_replace(log.level());
                    let _ = opened.send(Ok(found));
                    Worker::new(folder.join(FILE), lock, log, bound, level).run(queue, &supervisor);
                }
                Err(error) => _ = opened.send(Err(error)),
            })
            .map_err(|source| Error::SpoolFolder { folder: settings.folder.clone(), source })?;
        // A store that panics over a damaged file has sent nothing.
        let kept = kept.await.unwrap_or_else(|_| Err(damaged(&settings.folder, "reading it failed unexpectedly")))?;
        Ok((Self { commands, level: watched }, kept))
    }

    /// What it holds now.
    pub(crate) fn level(&self) -> Level {
        *self.level.borrow()
    }

    /// Follows what it holds.
    pub(crate) fn watch(&self) -> watch::Receiver<Level> {
        self.level.clone()
    }

    /// Appends callbacks, in this order: when it returns they are on the disk.
    pub(crate) async fn append(&self, rows: Vec<CallbackRow>) -> Result<(), NotSpooled> {
        self.change(Change::Append(rows)).await
    }

    /// Puts a callback that was never in the queue into quarantine.
    pub(crate) async fn quarantine(&self, refused: RefusedRow) -> Result<(), NotSpooled> {
        self.change(Change::Quarantine(refused)).await
    }

    /// The first callbacks of the queue: up to `rows`, or fewer that weigh `bytes`, and at least one.
    pub(crate) async fn head(&self, rows: usize, bytes: u64) -> Result<Head, NotSpooled> {
        self.ask(|reply| Command::Head { rows, bytes, reply }).await
    }

    /// Takes the queue before a place out: it has reached the database, but for what that refused.
    pub(crate) async fn settle(&self, end: u64, refused: Vec<RefusedRow>) -> Result<(), NotSpooled> {
        self.change(Change::Settle { end, refused }).await
    }

    /// Callbacks in quarantine after one of them, in the order of their ids, up to `rows`.
    pub(crate) async fn quarantined(&self, after: Uuid, rows: usize) -> Result<Vec<RefusedRow>, NotSpooled> {
        self.ask(|reply| Command::Quarantined { after, rows, reply }).await
    }

    /// Takes callbacks out of quarantine that have reached the database after all.
    pub(crate) async fn release(&self, ids: Vec<Uuid>) -> Result<(), NotSpooled> {
        self.change(Change::Release(ids)).await
    }

    /// Says which database all of it belongs to.
    pub(crate) async fn bind(&self, instance: Uuid) -> Result<(), NotSpooled> {
        self.change(Change::Bind(instance)).await
    }

    /// Keeps the endpoints for a start without the database.
    pub(crate) async fn keep_snapshot(&self, snapshot: Vec<u8>) -> Result<(), NotSpooled> {
        self.change(Change::Snapshot(snapshot)).await
    }

    /// Ends what has begun and frees the folder.
    pub(crate) async fn close(&self) {
        let _ = self.ask(Command::Close).await;
    }

    async fn change(&self, change: Change) -> Result<(), NotSpooled> {
        self.ask(|reply| Command::Change { change, reply }).await
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, NotSpooled>>) -> Command,
    ) -> Result<T, NotSpooled> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| NotSpooled::Failed)?;
        answer.await.unwrap_or(Err(NotSpooled::Failed))
    }
}

fn make_folder(folder: &Path) -> Result<(), Error> {
    let mut made = fs::DirBuilder::new();
    made.recursive(true).mode(0o700);
    let failed = |source| Error::SpoolFolder { folder: folder.to_owned(), source };
    made.create(folder).map_err(failed)?;
    check_owner(&fs::metadata(folder).map_err(failed)?, folder)
}

/// Callbacks are not kept where another user could read them or put something in their place. Root may look after the
/// spool of anybody, and a folder of root's is a mounted disk.
fn check_owner(found: &Metadata, path: &Path) -> Result<(), Error> {
    let this_user = rustix::process::geteuid().as_raw();
    if found.uid() == this_user || this_user == 0 || (found.uid() == 0 && found.is_dir()) {
        return Ok(());
    }
    Err(Error::SpoolUnsafe { path: path.to_owned(), why: "it belongs to another user" })
}

/// What is at the place of the spool's file: a file that is ours, and not a link to another one.
fn find_file(folder: &Path) -> Result<Option<Metadata>, Error> {
    let file = folder.join(FILE);
    let found = match fs::symlink_metadata(&file) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Error::SpoolFolder { folder: folder.to_owned(), source }),
    };
    if !found.is_file() {
        return Err(Error::SpoolUnsafe { path: file, why: "it is not a file but a link or a folder" });
    }
    check_owner(&found, &file)?;
    if found.mode() & 0o077 != 0 {
        // Orchestrators open the files of a mounted disk to a group at each start.
        tracing::warn!(file = %file.display(), mode = found.mode() & 0o777, "others could read the spool; closing it to them");
        fs::set_permissions(&file, Permissions::from_mode(0o600))
            .map_err(|source| Error::SpoolFolder { folder: folder.to_owned(), source })?;
    }
    Ok(Some(found))
}

fn open(folder: &Path) -> Result<(Lock, Log, Kept), Error> {
    let lock = Lock::wait_for(folder)?;
    let file = folder.join(FILE);
    match find_file(folder)? {
        Some(there) if there.len() == 0 => return Err(damaged(folder, "it is empty")),
        Some(_) => {}
        None => make(folder, &file)?,
    }
    let unusable = |error: LogError| unusable(folder, error);
    let log = Log::open(&file).map_err(unusable)?;
    let begun = log.read().map_err(unusable)?;
    let kept = Kept {
        instance: tables::instance(&begun).map_err(unusable)?,
        snapshot: tables::snapshot(&begun).map_err(unusable)?,
    };
    Ok((lock, log, kept))
}

/// Makes the file whole or not at all: one that a crash left half-made would be taken for a damaged one.
fn make(folder: &Path, file: &Path) -> Result<(), Error> {
    use std::os::unix::fs::OpenOptionsExt;
    let failed = |source| Error::SpoolFolder { folder: folder.to_owned(), source };
    let draft = folder.join("spool.unfinished");
    // One that is there was left by a crash; whoever has the lock may remove it.
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let empty = fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(&draft);
    drop(empty.map_err(failed)?);
    Log::create(&draft).map_err(|error| unusable(folder, error))?;
    fs::rename(&draft, file).and_then(|()| fs::File::open(folder)?.sync_all()).map_err(failed)
}

fn damaged(folder: &Path, reason: &str) -> Error {
    Error::SpoolDamaged { file: folder.join(FILE), reason: reason.into() }
}

fn unusable(folder: &Path, error: LogError) -> Error {
    use redb::Error as Store;
    match error {
        LogError::Store(Store::Io(source)) if source.kind() != ErrorKind::InvalidData => {
            Error::SpoolFolder { folder: folder.to_owned(), source }
        }
        LogError::Store(Store::DatabaseAlreadyOpen) => Error::SpoolHeld { folder: folder.to_owned(), holder: None },
        other => Error::SpoolDamaged { file: folder.join(FILE), reason: other.into() },
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[tokio::test]
    async fn its_folder_is_made_on_first_use_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let settings = SpoolSettings::in_folder(folder.path().join("of/its/own"));
        Spool::open(&settings, &Supervisor::default()).await.unwrap().0.close().await;
        let mode = fs::metadata(settings.folder()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert!(SpoolFile::open(settings.folder()).is_ok());
    }

    #[test]
    fn only_a_file_that_is_not_there_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let missing = SpoolFile::open(folder.path()).map(|_| ()).unwrap_err();
        assert!(matches!(missing, Error::NoSpool { .. }), "{missing:?}");
        assert!(matches!(set_aside(folder.path()), Err(Error::NoSpool { .. })));
        // Something is there, and nobody can say what: a link that leads nowhere but to itself.
        let file = folder.path().join(FILE);
        symlink(&file, &file).unwrap();
        for error in [open(folder.path()).map(|_| ()), SpoolFile::open(folder.path()).map(|_| ())] {
            assert!(matches!(error, Err(Error::SpoolFolder { .. } | Error::SpoolUnsafe { .. })), "{error:?}");
        }
        assert!(file.is_symlink(), "it is left as it is");
    }

    #[tokio::test]
    async fn links_are_not_followed_and_what_others_could_read_is_closed_to_them() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let settings = SpoolSettings::in_folder(folder.path());
        Spool::open(&settings, &Supervisor::default()).await.unwrap().0.close().await;
        let (file, moved) = (folder.path().join(FILE), elsewhere.path().join(FILE));
        fs::set_permissions(&file, Permissions::from_mode(0o664)).unwrap();
        Spool::open(&settings, &Supervisor::default()).await.unwrap().0.close().await;
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);

        fs::rename(&file, &moved).unwrap();
        symlink(&moved, &file).unwrap();
        let refused = Spool::open(&settings, &Supervisor::default()).await.unwrap_err();
        assert!(matches!(refused, Error::SpoolUnsafe { .. }), "{refused:?}");
        fs::remove_file(&file).unwrap();
        let victim = elsewhere.path().join("victim");
        fs::write(&victim, "whole").unwrap();
        symlink(&victim, folder.path().join("spool.unfinished")).unwrap();
        Spool::open(&settings, &Supervisor::default()).await.unwrap().0.close().await;
        fs::remove_file(folder.path().join("spool.lock")).unwrap();
        symlink(&victim, folder.path().join("spool.lock")).unwrap();
        Spool::open(&settings, &Supervisor::default()).await.unwrap_err();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "whole");
    }

    #[test]
    fn an_empty_file_is_said_to_be_empty() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "").unwrap();
        for error in [open(folder.path()).map(|_| ()), SpoolFile::open(folder.path()).map(|_| ())] {
            let Err(Error::SpoolDamaged { reason, .. }) = error else { panic!("{error:?}") };
            assert_eq!(reason.to_string(), "it is empty");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_told_from_one_that_is_damaged() {
        let folder = Path::new("/spool");
        let of = |error: redb::Error| unusable(folder, LogError::Store(error));
        assert!(matches!(of(redb::Error::Io(ErrorKind::PermissionDenied.into())), Error::SpoolFolder { .. }));
        assert!(matches!(of(redb::Error::Io(ErrorKind::InvalidData.into())), Error::SpoolDamaged { .. }));
        assert!(matches!(of(redb::Error::DatabaseAlreadyOpen), Error::SpoolHeld { .. }));
        assert!(matches!(unusable(folder, LogError::Unreadable), Error::SpoolDamaged { .. }));
    }
}
