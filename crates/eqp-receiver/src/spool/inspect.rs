//! Reads the file of a spool for tools, even while a receiver has it open, and without changing it.

use std::fmt;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use redb::{DatabaseError, ReadOnlyDatabase, ReadTransaction, ReadableDatabase};
use time::OffsetDateTime;
use uuid::Uuid;

use super::lock::{Holder, Lock, retry_while_held};
use super::log::Log;
use super::snapshot::Snapshot;
use super::tables::{self, Head, LogError, QUARANTINE, QUEUE, settings, store};
use super::{FILE, RefusedRow, file_exists, unusable};
use crate::{CredentialId, EndpointId, Error};
use eqp_store::internal::callback::CallbackRow;

/// The maximum number of callbacks that are read at a time.
const CHUNK: usize = 256;
/// The maximum total size of these callbacks in bytes.
const CHUNK_BYTES: u64 = 4 * 1024 * 1024;
/// The time to wait for another process that has exclusive access. A receiver has it while it opens or closes the file.
const OPEN_DEADLINE: Duration = Duration::from_secs(2);

/// The file of a spool, open for reading.
///
/// ```no_run
/// # fn example() -> Result<(), eqp_receiver::Error> {
/// let spool = eqp_receiver::SpoolFile::open("/var/lib/eqp/spool".as_ref())?;
/// println!("{} callbacks", spool.state()?.callbacks);
/// for callback in spool.callbacks() {
///     println!("{}", callback?.id);
/// }
/// # Ok(())
/// # }
/// ```
pub struct SpoolFile {
    folder: PathBuf,
    file: Opened,
    holder: Option<Holder>,
}

impl fmt::Debug for SpoolFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpoolFile").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// The access to the file. A file that no other process has open may need a repair after a crash, which requires write
/// access.
enum Opened {
    /// A receiver has the file open, too.
    Shared(ReadOnlyDatabase),
    /// No receiver can open the file while this exists.
    Exclusive { log: Log, _lock: Lock },
}

impl Opened {
    fn open(folder: &Path, file: &Path) -> Result<Self, Error> {
        match Lock::acquire(folder) {
            Ok(lock) => {
                let log = Log::open(file).map_err(|error| unusable(folder, error))?;
                Ok(Self::Exclusive { log, _lock: lock })
            }
            Err(Error::SpoolHeld { holder, .. }) => {
                settings().open_read_only(file).map(Self::Shared).map_err(|error| match error {
                    DatabaseError::DatabaseAlreadyOpen | DatabaseError::RepairAborted => {
                        Error::SpoolHeld { folder: folder.to_owned(), holder }
                    }
                    error => unusable(folder, store(error)),
                })
            }
            Err(error) => Err(error),
        }
    }
}

/// The content of a spool, summarized.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpoolState {
    /// The ID of the database that the callbacks belong to. None before the receiver has first connected to a database.
    pub instance: Option<Uuid>,
    /// The number of callbacks that wait to be written to the database.
    pub callbacks: u64,
    /// When the first of them was received.
    pub oldest: Option<OffsetDateTime>,
    /// The number of callbacks that Postgres rejects because of their data.
    pub quarantined: u64,
    /// The size of both, as counted against the maximum size of the spool.
    pub bytes: u64,
    /// The stored endpoints, with which a receiver can start while the database is down.
    pub snapshot: Option<SnapshotState>,
}

/// The endpoints that are stored in a spool, summarized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SnapshotState {
    /// When they were loaded from the database.
    pub taken_at: OffsetDateTime,
    /// The number of endpoints.
    pub endpoints: usize,
}

/// A callback in a spool.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpooledCallback {
    /// The ID that was returned to its sender.
    pub id: Uuid,
    /// The endpoint that it belongs to.
    pub endpoint: EndpointId,
    /// The credential that it was sent with.
    pub credential: CredentialId,
    /// When it was received.
    pub received_at: OffsetDateTime,
    /// The address of its sender.
    pub source: IpAddr,
    /// The stored request headers, as `name: value` lines.
    pub headers: Vec<u8>,
    /// Its body, byte for byte.
    pub body: Bytes,
}

/// A callback in quarantine: Postgres rejects it because of its data.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QuarantinedCallback {
    /// The callback.
    pub callback: SpooledCallback,
    /// The error code of Postgres (SQLSTATE), such as `22021`. Empty if the error has none.
    pub sqlstate: String,
    /// The error message.
    pub reason: String,
    /// When Postgres rejected it.
    pub refused_at: OffsetDateTime,
}

impl SpoolFile {
    /// Opens the spool in a folder, whether or not a receiver has it open.
    ///
    /// # Errors
    /// - [`Error::NoSpool`] if there is no spool in the folder.
    /// - [`Error::SpoolFolder`] if the file cannot be read.
    /// - [`Error::SpoolUnsafe`] if another user owns it, or it is a link.
    /// - [`Error::SpoolDamaged`] if it is damaged.
    /// - [`Error::SpoolHeld`] if another process has exclusive access for more than two seconds.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let file = folder.join(FILE);
        if !file_exists(folder)? {
            return Err(Error::NoSpool { folder: folder.to_owned() });
        }
        let file = retry_while_held(OPEN_DEADLINE, || Opened::open(folder, &file))?;
        let holder = if let Opened::Shared(_) = file { Lock::holder(folder) } else { None };
        Ok(Self { folder: folder.to_owned(), file, holder })
    }

    /// Returns the process that has the spool open, if there is one.
    pub fn holder(&self) -> Option<Holder> {
        self.holder
    }

    /// Counts what is in the spool.
    ///
    /// # Errors
    /// [`Error::SpoolDamaged`] if the file is damaged, and [`Error::SpoolFolder`] if it cannot be read.
    pub fn state(&self) -> Result<SpoolState, Error> {
        self.read(|begun| {
            let queue = begun.open_table(QUEUE).map_err(store)?;
            let level = tables::level(&queue, &begun.open_table(QUARANTINE).map_err(store)?)?;
            let snapshot = tables::snapshot(begun)?.and_then(|bytes| Snapshot::read(&bytes));
            Ok(SpoolState {
                instance: tables::instance(begun)?,
                callbacks: level.callbacks,
                oldest: level.oldest,
                quarantined: level.quarantined,
                bytes: level.bytes,
                snapshot: snapshot
                    .map(|snapshot| SnapshotState { taken_at: snapshot.taken_at(), endpoints: snapshot.endpoints() }),
            })
        })
    }

    /// Returns the callbacks that wait to be written to the database, in order. After an error, the iterator ends.
    pub fn callbacks(&self) -> impl Iterator<Item = Result<SpooledCallback, Error>> {
        let mut from = 0;
        chunked(move || {
            let Head { rows, end } = self.read(|begun| tables::queued(begun, from, CHUNK, CHUNK_BYTES))?;
            from = end;
            Ok(rows.into_iter().map(SpooledCallback::from).collect())
        })
    }

    /// Returns the callbacks in quarantine, in the order in which they were received. After an error, the iterator ends.
    pub fn quarantined(&self) -> impl Iterator<Item = Result<QuarantinedCallback, Error>> {
        let mut after = Uuid::nil();
        chunked(move || {
            let rows = self.read(|begun| tables::quarantined(begun, after, CHUNK))?;
            after = rows.last().map_or(after, |last| last.row.id);
            Ok(rows.into_iter().map(QuarantinedCallback::from).collect())
        })
    }

    fn read<T>(&self, read: impl FnOnce(&ReadTransaction) -> Result<T, LogError>) -> Result<T, Error> {
        let begun = match &self.file {
            Opened::Shared(database) => database.begin_read().map_err(store),
            Opened::Exclusive { log, .. } => log.read(),
        };
        begun.and_then(|begun| read(&begun)).map_err(|error| unusable(&self.folder, error))
    }
}

/// Returns an iterator over chunks that are read when they are needed. It ends after an error or an empty chunk.
fn chunked<T>(mut read: impl FnMut() -> Result<Vec<T>, Error>) -> impl Iterator<Item = Result<T, Error>> {
    let mut chunk = Vec::new().into_iter();
    let mut ended = false;
    std::iter::from_fn(move || {
        if let Some(next) = chunk.next() {
            return Some(Ok(next));
        }
        if ended {
            return None;
        }
        match read() {
            Ok(read) => {
                chunk = read.into_iter();
                let next = chunk.next();
                ended = next.is_none();
                next.map(Ok)
            }
            Err(error) => {
                ended = true;
                Some(Err(error))
            }
        }
    })
}

/// Renames the file of a spool, even if it is damaged, so that a receiver starts with an empty spool. Returns the new path, in
/// the same folder. The callbacks in the file are not written to the database.
///
/// ```no_run
/// let renamed = eqp_receiver::set_aside("/var/lib/eqp/spool".as_ref())?;
/// println!("the old spool is {}", renamed.display());
/// # Ok::<(), eqp_receiver::Error>(())
/// ```
///
/// # Errors
/// - [`Error::NoSpool`] if there is no spool in the folder.
/// - [`Error::SpoolHeld`] if a receiver has it open.
/// - [`Error::SpoolFolder`] if the file cannot be renamed.
pub fn set_aside(folder: &Path) -> Result<PathBuf, Error> {
    let file = folder.join(FILE);
    if !file.exists() {
        return Err(Error::NoSpool { folder: folder.to_owned() });
    }
    let _lock = Lock::acquire(folder)?;
    // The ID is new, so no other file is overwritten.
    let aside = folder.join(format!("spool-{}.redb", Uuid::now_v7()));
    let renamed = fs::rename(&file, &aside).and_then(|()| fs::File::open(folder)?.sync_all());
    renamed.map_err(|source| Error::SpoolFolder { folder: folder.to_owned(), source })?;
    Ok(aside)
}

impl From<CallbackRow> for SpooledCallback {
    fn from(row: CallbackRow) -> Self {
        Self {
            id: row.id,
            endpoint: EndpointId(row.endpoint_id),
            credential: CredentialId(row.credential_id),
            received_at: row.received_at,
            source: row.source,
            headers: row.headers,
            body: row.body,
        }
    }
}

impl From<RefusedRow> for QuarantinedCallback {
    fn from(refused: RefusedRow) -> Self {
        Self {
            callback: refused.row.into(),
            sqlstate: refused.sqlstate,
            reason: refused.reason,
            refused_at: refused.refused_at,
        }
    }
}
