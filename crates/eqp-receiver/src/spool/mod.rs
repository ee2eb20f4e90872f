//! Stores callbacks in a bounded file on the local disk while Postgres cannot accept them.
//!
//! A callback is fsynced before it is acknowledged, and stays in the file until the database has committed it. A spool is
//! open in one process at a time, and belongs to one database. It never contains a password.

mod drain;
mod inspect;
mod lock;
mod log;
#[cfg(test)]
mod power_cut;
mod record;
mod shared;
pub(crate) mod snapshot;
mod tables;
mod worker;

use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use time::OffsetDateTime;
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

pub use drain::{Drained, drain_spool};
pub(crate) use drain::{refused_row, step};
pub use inspect::{QuarantinedCallback, SnapshotState, SpoolFile, SpoolState, SpooledCallback, set_aside};
pub use lock::Holder;
pub use shared::Level;
pub(crate) use shared::{DrainError, Metadata, NotSpooled};

use self::lock::Lock;
use self::log::{Change, Log};
use self::tables::{Head, LogError};
use self::worker::{Command, Worker};
use crate::Error;
use eqp_store::internal::Supervisor;
use eqp_store::internal::callback::CallbackRow;

const FILE: &str = "spool.redb";
/// Each caller waits for the result of its command, so only a few are queued.
const COMMANDS: usize = 16;

/// The folder and the maximum size of a receiver's spool.
///
/// ```
/// let settings = eqp_receiver::SpoolSettings::in_folder("/var/lib/eqp/spool").bytes(64 * 1024 * 1024);
/// ```
#[derive(Clone, Debug)]
pub struct SpoolSettings {
    folder: PathBuf,
    bytes: u64,
}

impl SpoolSettings {
    /// The default maximum size: 256 MiB.
    pub const DEFAULT_BYTES: u64 = 256 * 1024 * 1024;

    /// Creates settings for a spool in this folder, which is created on first use. Use a folder on a local disk that no other
    /// receiver uses. The maximum size is 256 MiB, enough for about 500,000 callbacks.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), bytes: Self::DEFAULT_BYTES }
    }

    /// Sets the maximum size in bytes. A callback counts with the size of its headers and its body plus 256 bytes. The file
    /// can become up to twice as large.
    #[must_use]
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

/// A callback that Postgres rejects because of its data, with the error.
#[derive(Debug)]
pub(crate) struct RefusedRow {
    pub(crate) row: CallbackRow,
    pub(crate) sqlstate: String,
    pub(crate) reason: String,
    pub(crate) refused_at: OffsetDateTime,
}

/// An open spool. Cheap to clone. It stays open until it is closed or all clones are dropped.
#[derive(Clone, Debug)]
pub(crate) struct Spool {
    commands: mpsc::Sender<Command>,
    level: watch::Receiver<Level>,
}

impl Spool {
    /// Opens the spool in a folder, and creates it on first use.
    pub(crate) async fn open(settings: &SpoolSettings, supervisor: &Supervisor) -> Result<(Self, Metadata), Error> {
        create_folder(&settings.folder)?;
        let (commands, queue) = mpsc::channel(COMMANDS);
        let (level, watched) = watch::channel(Level::default());
        let (opened, metadata) = oneshot::channel();
        let folder = settings.folder.clone();
        let max_bytes = settings.bytes;
        let supervisor = supervisor.clone();
        std::thread::Builder::new()
            .name("eqp-spool".to_owned())
            .spawn(move || match open(&folder) {
                Ok((lock, log, found)) => {
                    level.send_replace(log.level());
                    let _ = opened.send(Ok(found));
                    Worker::new(folder.join(FILE), lock, log, max_bytes, level).run(queue, &supervisor);
                }
                Err(error) => _ = opened.send(Err(error)),
            })
            .map_err(|source| Error::SpoolFolder { folder: settings.folder.clone(), source })?;
        // If the thread has panicked over a damaged file, nothing was sent.
        let metadata =
            metadata.await.unwrap_or_else(|_| Err(damaged(&settings.folder, "reading it failed unexpectedly")))?;
        Ok((Self { commands, level: watched }, metadata))
    }

    /// Returns its current level.
    pub(crate) fn level(&self) -> Level {
        *self.level.borrow()
    }

    /// Follows its level.
    pub(crate) fn watch(&self) -> watch::Receiver<Level> {
        self.level.clone()
    }

    /// Appends callbacks, in this order. They are on the disk when it returns.
    pub(crate) async fn append(&self, rows: Vec<CallbackRow>) -> Result<(), NotSpooled> {
        self.change(Change::Append(rows)).await
    }

    /// Puts a callback that was never in the queue into quarantine.
    pub(crate) async fn quarantine(&self, refused: RefusedRow) -> Result<(), NotSpooled> {
        self.change(Change::Quarantine(refused)).await
    }

    /// Reads the first callbacks of the queue: at most `rows`, and at most `bytes` in size, but at least one.
    pub(crate) async fn head(&self, rows: usize, bytes: u64) -> Result<Head, NotSpooled> {
        self.ask(|reply| Command::Head { rows, bytes, reply }).await
    }

    /// Removes the queue before a position, because it was written to the database. Rejected callbacks move to quarantine.
    pub(crate) async fn acknowledge(&self, end: u64, refused: Vec<RefusedRow>) -> Result<(), NotSpooled> {
        self.change(Change::Acknowledge { end, refused }).await
    }

    /// Reads up to `rows` callbacks in quarantine whose ID is greater than `after`, in the order of their IDs.
    pub(crate) async fn quarantined(&self, after: Uuid, rows: usize) -> Result<Vec<RefusedRow>, NotSpooled> {
        self.ask(|reply| Command::Quarantined { after, rows, reply }).await
    }

    /// Removes callbacks from quarantine that the database has accepted after all.
    pub(crate) async fn release(&self, ids: Vec<Uuid>) -> Result<(), NotSpooled> {
        self.change(Change::Release(ids)).await
    }

    /// Binds the spool to a database.
    pub(crate) async fn bind(&self, instance: Uuid) -> Result<(), NotSpooled> {
        self.change(Change::Bind(instance)).await
    }

    /// Stores the endpoints for a start without the database.
    pub(crate) async fn store_snapshot(&self, snapshot: Vec<u8>) -> Result<(), NotSpooled> {
        self.change(Change::Snapshot(snapshot)).await
    }

    /// Finishes the current commands and releases the folder.
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

fn create_folder(folder: &Path) -> Result<(), Error> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    let failed = |source| Error::SpoolFolder { folder: folder.to_owned(), source };
    builder.create(folder).map_err(failed)?;
    check_owner(&fs::metadata(folder).map_err(failed)?, folder)
}

/// Fails if another user owns a path, because that user could read or replace callbacks. Root may use any spool, and a folder
/// that root owns is allowed because mounted disks often belong to root.
fn check_owner(found: &fs::Metadata, path: &Path) -> Result<(), Error> {
    let this_user = rustix::process::geteuid().as_raw();
    if found.uid() == this_user || this_user == 0 || (found.uid() == 0 && found.is_dir()) {
        return Ok(());
    }
    Err(Error::SpoolUnsafe { path: path.to_owned(), why: "it belongs to another user" })
}

/// Returns whether the spool's file exists. Fails if it belongs to another user, is a link or is empty.
fn file_exists(folder: &Path) -> Result<bool, Error> {
    let file = folder.join(FILE);
    let found = match fs::symlink_metadata(&file) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(source) => return Err(Error::SpoolFolder { folder: folder.to_owned(), source }),
    };
    if !found.is_file() {
        return Err(Error::SpoolUnsafe { path: file, why: "it is a link or a folder, not a file" });
    }
    check_owner(&found, &file)?;
    if found.mode() & 0o077 != 0 {
        // Not an error, because orchestrators make files on a mounted disk group-readable at each start.
        tracing::warn!(file = %file.display(), mode = found.mode() & 0o777, "other users can read the spool, restricting its mode");
        fs::set_permissions(&file, Permissions::from_mode(0o600))
            .map_err(|source| Error::SpoolFolder { folder: folder.to_owned(), source })?;
    }
    if found.len() == 0 {
        return Err(damaged(folder, "it is empty"));
    }
    Ok(true)
}

fn open(folder: &Path) -> Result<(Lock, Log, Metadata), Error> {
    let lock = Lock::wait_for(folder)?;
    let file = folder.join(FILE);
    if !file_exists(folder)? {
        create(folder, &file)?;
    }
    let unusable = |error: LogError| unusable(folder, error);
    let log = Log::open(&file).map_err(unusable)?;
    let begun = log.read().map_err(unusable)?;
    let metadata = Metadata {
        instance: tables::instance(&begun).map_err(unusable)?,
        snapshot: tables::snapshot(&begun).map_err(unusable)?,
    };
    Ok((lock, log, metadata))
}

/// Creates the file under another name and renames it, so that a crash does not leave an incomplete file, which would count as
/// damaged.
fn create(folder: &Path, file: &Path) -> Result<(), Error> {
    use std::os::unix::fs::OpenOptionsExt;
    let failed = |source| Error::SpoolFolder { folder: folder.to_owned(), source };
    let draft = folder.join("spool.unfinished");
    // A draft was left by a crash, since no other process has the lock.
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

/// Returns a callback that was received now.
#[cfg(test)]
pub(crate) fn arrived(body: impl Into<bytes::Bytes>) -> CallbackRow {
    CallbackRow {
        id: uuid::Uuid::now_v7(),
        endpoint_id: 1,
        credential_id: 1,
        received_at: time::OffsetDateTime::now_utc(),
        source: [127, 0, 0, 1].into(),
        headers: Vec::new(),
        body: body.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[tokio::test]
    async fn the_folder_is_created_on_first_use_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let settings = SpoolSettings::in_folder(folder.path().join("of/its/own"));
        Spool::open(&settings, &Supervisor::default()).await.unwrap().0.close().await;
        let mode = fs::metadata(settings.folder()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert!(SpoolFile::open(settings.folder()).is_ok());
    }

    #[test]
    fn only_a_missing_file_is_created() {
        let folder = tempfile::tempdir().unwrap();
        let missing = SpoolFile::open(folder.path()).map(|_| ()).unwrap_err();
        assert!(matches!(missing, Error::NoSpool { .. }), "{missing:?}");
        assert!(matches!(set_aside(folder.path()), Err(Error::NoSpool { .. })));
        // A link to itself: the path exists, but its metadata cannot be read.
        let file = folder.path().join(FILE);
        symlink(&file, &file).unwrap();
        for error in [open(folder.path()).map(|_| ()), SpoolFile::open(folder.path()).map(|_| ())] {
            assert!(matches!(error, Err(Error::SpoolFolder { .. } | Error::SpoolUnsafe { .. })), "{error:?}");
        }
        assert!(file.is_symlink(), "it is not changed");
    }

    #[tokio::test]
    async fn links_are_not_followed_and_the_mode_of_a_readable_file_is_restricted() {
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
    fn an_empty_file_is_reported_as_damaged() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "").unwrap();
        for error in [open(folder.path()).map(|_| ()), SpoolFile::open(folder.path()).map(|_| ())] {
            let Err(Error::SpoolDamaged { reason, .. }) = error else { panic!("{error:?}") };
            assert_eq!(reason.to_string(), "it is empty");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_and_a_damaged_one_are_different_errors() {
        let folder = Path::new("/spool");
        let of = |error: redb::Error| unusable(folder, LogError::Store(error));
        assert!(matches!(of(redb::Error::Io(ErrorKind::PermissionDenied.into())), Error::SpoolFolder { .. }));
        assert!(matches!(of(redb::Error::Io(ErrorKind::InvalidData.into())), Error::SpoolDamaged { .. }));
        assert!(matches!(of(redb::Error::DatabaseAlreadyOpen), Error::SpoolHeld { .. }));
        assert!(matches!(unusable(folder, LogError::Unreadable), Error::SpoolDamaged { .. }));
    }
}
