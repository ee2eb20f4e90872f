//! A spool's file as tools see it: also while a receiver writes it, and without changing anything.

use std::fmt;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use redb::{DatabaseError, ReadOnlyDatabase, ReadTransaction, ReadableDatabase};
use time::OffsetDateTime;
use uuid::Uuid;

use super::lock::{Holder, Lock};
use super::log::Log;
use super::tables::{self, Head, LogError, QUARANTINE, QUEUE, settings, store};
use super::{FILE, RefusedRow, find_file, unusable};
use crate::endpoint::snapshot::Snapshot;
use crate::store::callback::CallbackRow;
use crate::{CredentialId, EndpointId, Error};

/// How many callbacks are read at a time.
const PIECE: usize = 256;
/// And how much they may weigh.
const PIECE_BYTES: u64 = 4 * 1024 * 1024;
/// How long a file may be had by somebody alone, and how often that is looked at.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(20);

/// A spool's file, open for reading.
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

/// A file that nobody has open may have been left by a crash: only its one writer may put it in order.
enum Opened {
    Beside(ReadOnlyDatabase),
    Alone { log: Log, _lock: Lock },
}

impl Opened {
    fn open(folder: &Path, file: &Path) -> Result<Self, Error> {
        match Lock::take(folder) {
            Ok(lock) => {
                let log = Log::open(file).map_err(|error| unusable(folder, error))?;
                Ok(Self::Alone { log, _lock: lock })
            }
            Err(Error::SpoolHeld { holder, .. }) => {
                settings().open_read_only(file).map(Self::Beside).map_err(|error| match error {
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

/// What a spool holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpoolState {
    /// The database that all of it belongs to; none before the first start with one.
    pub instance: Option<Uuid>,
    /// Callbacks that are on their way to the database.
    pub callbacks: u64,
    /// When the first of them arrived.
    pub oldest: Option<OffsetDateTime>,
    /// Callbacks that the database refuses as data.
    pub quarantined: u64,
    /// What both weigh against the spool's bound.
    pub bytes: u64,
    /// The endpoints with which a receiver starts while the database cannot be reached.
    pub snapshot: Option<SnapshotState>,
}

/// The endpoints that a spool holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SnapshotState {
    /// When they were loaded from the database.
    pub taken_at: OffsetDateTime,
    /// How many there are.
    pub endpoints: usize,
}

/// A callback in a spool.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpooledCallback {
    /// The id that its sender was given.
    pub id: Uuid,
    /// The endpoint that it came to.
    pub endpoint: EndpointId,
    /// The credential that it came with.
    pub credential: CredentialId,
    /// When it arrived.
    pub received_at: OffsetDateTime,
    /// Where it came from.
    pub source: IpAddr,
    /// The headers that are kept.
    pub headers: Vec<u8>,
    /// Its body, byte for byte.
    pub body: Bytes,
}

/// A callback that the database refuses as data.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QuarantinedCallback {
    /// The callback.
    pub callback: SpooledCallback,
    /// Postgres' code for why, such as `22021`.
    pub sqlstate: String,
    /// What it said.
    pub reason: String,
    /// When it was refused.
    pub refused_at: OffsetDateTime,
}

impl SpoolFile {
    /// Opens the spool of a folder, whether a receiver has it open or nobody.
    ///
    /// # Errors
    /// [`Error::NoSpool`], [`Error::SpoolDamaged`], [`Error::SpoolFolder`], [`Error::SpoolUnsafe`].
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let file = folder.join(FILE);
        match find_file(folder)? {
            Some(there) if there.len() == 0 => return Err(super::damaged(folder, "it is empty")),
            Some(_) => {}
            None => return Err(Error::NoSpool { folder: folder.to_owned() }),
        }
        let give_up = Instant::now() + PATIENCE;
        loop {
            let opened = Opened::open(folder, &file);
            // Whoever is just opening or closing it has it alone for a moment.
            if matches!(opened, Err(Error::SpoolHeld { .. })) && Instant::now() < give_up {
                std::thread::sleep(PAUSE);
                continue;
            }
            let file = opened?;
            let holder = if let Opened::Beside(_) = file { Lock::holder(folder) } else { None };
            return Ok(Self { folder: folder.to_owned(), file, holder });
        }
    }

    /// The process that has the spool open; none where nobody has.
    pub fn holder(&self) -> Option<Holder> {
        self.holder
    }

    /// What it holds now.
    ///
    /// # Errors
    /// [`Error::SpoolDamaged`], [`Error::SpoolFolder`].
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

    /// Every callback that is on its way to the database, in order.
    pub fn callbacks(&self) -> impl Iterator<Item = Result<SpooledCallback, Error>> {
        let mut from = 0;
        pieces(move || {
            let Head { rows, end } = self.read(|begun| tables::queued(begun, from, PIECE, PIECE_BYTES))?;
            from = end;
            Ok(rows.into_iter().map(SpooledCallback::from).collect())
        })
    }

    /// Every callback in quarantine, in the order of arrival.
    pub fn quarantined(&self) -> impl Iterator<Item = Result<QuarantinedCallback, Error>> {
        let mut after = Uuid::nil();
        pieces(move || {
            let rows = self.read(|begun| tables::quarantined(begun, after, PIECE))?;
            after = rows.last().map_or(after, |last| last.row.id);
            Ok(rows.into_iter().map(QuarantinedCallback::from).collect())
        })
    }

    fn read<T>(&self, read: impl FnOnce(&ReadTransaction) -> Result<T, LogError>) -> Result<T, Error> {
        let begun = match &self.file {
            Opened::Beside(database) => database.begin_read().map_err(store),
            Opened::Alone { log, .. } => log.read(),
        };
        begun.and_then(|begun| read(&begun)).map_err(|error| unusable(&self.folder, error))
    }
}

/// One after the other, out of pieces that are read when they are needed; an error or an empty piece is the end.
fn pieces<T>(mut read: impl FnMut() -> Result<Vec<T>, Error>) -> impl Iterator<Item = Result<T, Error>> {
    let mut piece = Vec::new().into_iter();
    let mut ended = false;
    std::iter::from_fn(move || {
        if let Some(next) = piece.next() {
            return Some(Ok(next));
        }
        if ended {
            return None;
        }
        match read() {
            Ok(read) => {
                piece = read.into_iter();
                let next = piece.next();
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

/// Puts a spool's file aside under another name in its folder, which is answered, whatever is in it. A receiver then
/// starts with an empty one.
///
/// # Errors
/// [`Error::NoSpool`], [`Error::SpoolHeld`], [`Error::SpoolFolder`].
pub fn set_aside(folder: &Path) -> Result<PathBuf, Error> {
    let file = folder.join(FILE);
    if !file.exists() {
        return Err(Error::NoSpool { folder: folder.to_owned() });
    }
    let _lock = Lock::take(folder)?;
    // Never over another one: the id is new.
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
