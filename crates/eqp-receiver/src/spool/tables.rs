//! The tables of a spool's file, and how they are read.

use redb::{Builder, ConcurrencyMode, ReadTransaction, ReadableTable, ReadableTableMetadata, TableDefinition};
use uuid::Uuid;

use super::RefusedRow;
use super::level::{Level, weight};
use super::record::{self, Quarantined, Queued};
use crate::store::callback::CallbackRow;

pub(super) const QUEUE: TableDefinition<'_, u64, Queued> = TableDefinition::new("queue");
pub(super) const QUARANTINE: TableDefinition<'_, u128, Quarantined> = TableDefinition::new("quarantine");
pub(super) const FACTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("facts");
/// The fact that holds the id of the database that the callbacks belong to.
pub(super) const INSTANCE: &str = "instance";
/// The fact that holds the endpoints as last loaded.
pub(super) const SNAPSHOT: &str = "snapshot";
/// Pages kept in memory. Callbacks are written once and read once, so that it need not be many.
const CACHE_BYTES: usize = 4 * 1024 * 1024;

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum LogError {
    #[error(transparent)]
    Store(#[from] redb::Error),
    #[error("a record in it is not one that this program writes")]
    Unreadable,
}

impl From<record::Unreadable> for LogError {
    fn from(record::Unreadable: record::Unreadable) -> Self {
        Self::Unreadable
    }
}

/// Any of the store's errors is one to us.
pub(super) fn store(error: impl Into<redb::Error>) -> LogError {
    LogError::Store(error.into())
}

/// The mode lets others look into the file while it is written: whoever wants to know what waits need not stop the
/// receiver. It also commits in two phases, always. Only so the last commit is known to be whole without looking at it,
/// and a file that was damaged later is refused; with one phase it would be taken for a commit that a crash broke off,
/// and be silently put back to the one before.
pub(super) fn settings() -> Builder {
    let mut settings = Builder::new();
    settings.set_cache_size(CACHE_BYTES).set_concurrency_mode(ConcurrencyMode::SingleWriter);
    settings
}

/// A piece of the queue.
#[derive(Debug, Default)]
pub(crate) struct Head {
    pub(crate) rows: Vec<CallbackRow>,
    /// The place after the last of them.
    pub(crate) end: u64,
}

/// The first callbacks of the queue from a place on: up to `rows`, or fewer that weigh `bytes`, and at least one.
pub(super) fn queued(begun: &ReadTransaction, from: u64, rows: usize, bytes: u64) -> Result<Head, LogError> {
    let queue = begun.open_table(QUEUE).map_err(store)?;
    let mut head = Head { rows: Vec::new(), end: from };
    let mut weighs = 0;
    for entry in queue.range(from..).map_err(store)?.take(rows) {
        let (place, row) = entry.map_err(store)?;
        let row = record::read_queued(row.value())?;
        weighs += weight(&row);
        if weighs > bytes && !head.rows.is_empty() {
            break;
        }
        head.end = place.value() + 1;
        head.rows.push(row);
    }
    Ok(head)
}

/// Callbacks in quarantine after one of them, in the order of their ids, up to `rows`.
pub(super) fn quarantined(begun: &ReadTransaction, after: Uuid, rows: usize) -> Result<Vec<RefusedRow>, LogError> {
    let quarantine = begun.open_table(QUARANTINE).map_err(store)?;
    let entries = quarantine.range(after.as_u128().saturating_add(1)..).map_err(store)?;
    let read = entries.take(rows).map(|entry| {
        let (id, fields) = entry.map_err(store)?;
        Ok(record::read_quarantined(id.value(), fields.value())?)
    });
    read.collect()
}

/// The database that all of it belongs to; none before the first.
pub(super) fn instance(begun: &ReadTransaction) -> Result<Option<Uuid>, LogError> {
    let Some(bytes) = fact(begun, INSTANCE)? else { return Ok(None) };
    Uuid::from_slice(&bytes).map(Some).map_err(|_| LogError::Unreadable)
}

/// The endpoints as last loaded.
pub(super) fn snapshot(begun: &ReadTransaction) -> Result<Option<Vec<u8>>, LogError> {
    fact(begun, SNAPSHOT)
}

fn fact(begun: &ReadTransaction, name: &str) -> Result<Option<Vec<u8>>, LogError> {
    let facts = begun.open_table(FACTS).map_err(store)?;
    Ok(facts.get(name).map_err(store)?.map(|fact| fact.value().to_vec()))
}

/// Counts and weighs everything.
pub(super) fn level(
    queue: &impl ReadableTable<u64, Queued>,
    quarantine: &impl ReadableTable<u128, Quarantined>,
) -> Result<Level, LogError> {
    let mut level = counted(queue, quarantine, 0)?;
    for entry in queue.iter().map_err(store)? {
        level.bytes += weight(&record::read_queued(entry.map_err(store)?.1.value())?);
    }
    for entry in quarantine.iter().map_err(store)? {
        let (id, fields) = entry.map_err(store)?;
        level.bytes += weight(&record::read_quarantined(id.value(), fields.value())?.row);
    }
    Ok(level)
}

/// Counts everything, whose weight is known.
pub(super) fn counted(
    queue: &impl ReadableTable<u64, Queued>,
    quarantine: &impl ReadableTableMetadata,
    bytes: u64,
) -> Result<Level, LogError> {
    let oldest = match queue.first().map_err(store)? {
        Some((_, row)) => Some(record::read_queued(row.value())?.received_at),
        None => None,
    };
    let (callbacks, quarantined) = (queue.len().map_err(store)?, quarantine.len().map_err(store)?);
    Ok(Level { callbacks, oldest, quarantined, bytes })
}
