//! The tables in the file of a spool, and the queries on them.

use redb::{Builder, ConcurrencyMode, ReadTransaction, ReadableTable, ReadableTableMetadata, TableDefinition};
use uuid::Uuid;

use super::RefusedRow;
use super::record::{self, Quarantined, Queued};
use super::shared::{Level, size};
use eqp_store::internal::callback::CallbackRow;

pub(super) const QUEUE: TableDefinition<'_, u64, Queued> = TableDefinition::new("queue");
pub(super) const QUARANTINE: TableDefinition<'_, u128, Quarantined> = TableDefinition::new("quarantine");
pub(super) const FACTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("facts");
/// The key of the database ID in the table of facts.
pub(super) const INSTANCE: &str = "instance";
/// The key of the stored endpoints in the table of facts.
pub(super) const SNAPSHOT: &str = "snapshot";
/// The page cache. Callbacks are written once and read once, so a small one is enough.
const CACHE_BYTES: usize = 4 * 1024 * 1024;

/// The reason why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum LogError {
    #[error(transparent)]
    Store(#[from] redb::Error),
    #[error("it contains a record that this program did not write")]
    Unreadable,
}

impl From<record::Unreadable> for LogError {
    fn from(record::Unreadable: record::Unreadable) -> Self {
        Self::Unreadable
    }
}

/// Converts any error of redb.
pub(super) fn store(error: impl Into<redb::Error>) -> LogError {
    LogError::Store(error.into())
}

/// Returns the settings with which the file is opened.
pub(super) fn settings() -> Builder {
    let mut settings = Builder::new();
    // `SingleWriter` lets tools read the file while a receiver writes it. It also commits in two phases. With one phase, damage
    // to the last commit would look like a commit that a crash interrupted, and would silently be rolled back.
    settings.set_cache_size(CACHE_BYTES).set_concurrency_mode(ConcurrencyMode::SingleWriter);
    settings
}

/// The first callbacks of the queue.
#[derive(Debug, Default)]
pub(crate) struct Head {
    pub(crate) rows: Vec<CallbackRow>,
    /// The position after the last of them.
    pub(crate) end: u64,
}

/// Reads callbacks of the queue from a position on: at most `rows`, and at most `bytes` in size, but at least one.
pub(super) fn queued(begun: &ReadTransaction, from: u64, rows: usize, bytes: u64) -> Result<Head, LogError> {
    let queue = begun.open_table(QUEUE).map_err(store)?;
    let mut head = Head { rows: Vec::new(), end: from };
    let mut total = 0;
    for entry in queue.range(from..).map_err(store)?.take(rows) {
        let (position, row) = entry.map_err(store)?;
        let row = record::read_queued(row.value())?;
        total += size(&row);
        if total > bytes && !head.rows.is_empty() {
            break;
        }
        head.end = position.value() + 1;
        head.rows.push(row);
    }
    Ok(head)
}

/// Reads up to `rows` callbacks in quarantine whose ID is greater than `after`, in the order of their IDs.
pub(super) fn quarantined(begun: &ReadTransaction, after: Uuid, rows: usize) -> Result<Vec<RefusedRow>, LogError> {
    let quarantine = begun.open_table(QUARANTINE).map_err(store)?;
    let entries = quarantine.range(after.as_u128().saturating_add(1)..).map_err(store)?;
    let read = entries.take(rows).map(|entry| {
        let (id, fields) = entry.map_err(store)?;
        Ok(record::read_quarantined(id.value(), fields.value())?)
    });
    read.collect()
}

/// Reads the ID of the database that the callbacks belong to.
pub(super) fn instance(begun: &ReadTransaction) -> Result<Option<Uuid>, LogError> {
    let Some(bytes) = fact(begun, INSTANCE)? else { return Ok(None) };
    Uuid::from_slice(&bytes).map(Some).map_err(|_| LogError::Unreadable)
}

/// Reads the stored endpoints.
pub(super) fn snapshot(begun: &ReadTransaction) -> Result<Option<Vec<u8>>, LogError> {
    fact(begun, SNAPSHOT)
}

fn fact(begun: &ReadTransaction, name: &str) -> Result<Option<Vec<u8>>, LogError> {
    let facts = begun.open_table(FACTS).map_err(store)?;
    Ok(facts.get(name).map_err(store)?.map(|fact| fact.value().to_vec()))
}

/// Computes the level from the tables.
pub(super) fn level(
    queue: &impl ReadableTable<u64, Queued>,
    quarantine: &impl ReadableTable<u128, Quarantined>,
) -> Result<Level, LogError> {
    let mut level = counted(queue, quarantine, 0)?;
    for entry in queue.iter().map_err(store)? {
        level.bytes += size(&record::read_queued(entry.map_err(store)?.1.value())?);
    }
    for entry in quarantine.iter().map_err(store)? {
        let (id, fields) = entry.map_err(store)?;
        level.bytes += size(&record::read_quarantined(id.value(), fields.value())?.row);
    }
    Ok(level)
}

/// Computes the level from the tables, except for the size, which is known.
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
