//! The file of a spool, open for writing.
//!
//! Changes are applied in transactions, which are on the disk when they return.

use std::path::Path;

use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable, WriteTransaction};
use uuid::Uuid;

use super::RefusedRow;
use super::record;
use super::shared::{Level, size};
use super::tables::{self, FACTS, INSTANCE, LogError, QUARANTINE, QUEUE, SNAPSHOT, counted, settings, store};
use eqp_store::internal::callback::CallbackRow;

/// A change of the file.
#[derive(Debug)]
pub(super) enum Change {
    /// Appends callbacks to the queue, in this order.
    Append(Vec<CallbackRow>),
    /// Removes the queue before a position, because it was written to the database. Rejected callbacks move to quarantine.
    Acknowledge { end: u64, refused: Vec<RefusedRow> },
    /// Adds a callback to quarantine that was never in the queue.
    Quarantine(RefusedRow),
    /// Removes callbacks from quarantine that the database has accepted after all.
    Release(Vec<Uuid>),
    /// Sets the database that the callbacks belong to.
    Bind(Uuid),
    /// Stores the endpoints.
    Snapshot(Vec<u8>),
}

/// The open file.
#[derive(Debug)]
pub(super) struct Log {
    database: Database,
    level: Level,
    /// The position of the next callback in the queue.
    next: u64,
}

impl Log {
    /// Opens an existing file and verifies all of it, so that damage is reported at the start and not during an outage.
    pub(super) fn open(file: &Path) -> Result<Self, LogError> {
        Self::of(settings().set_check_integrity_on_open(true).open(file).map_err(store)?)
    }

    /// Creates an empty file.
    pub(super) fn create(file: &Path) -> Result<(), LogError> {
        Self::of(settings().create(file).map_err(store)?)?.database.close().map_err(store)
    }

    /// Wraps an open database. Creates its tables if they are missing.
    pub(super) fn of(database: Database) -> Result<Self, LogError> {
        let begun = database.begin_write().map_err(store)?;
        let (level, next) = {
            let queue = begun.open_table(QUEUE).map_err(store)?;
            let quarantine = begun.open_table(QUARANTINE).map_err(store)?;
            begun.open_table(FACTS).map_err(store)?;
            let next = queue.last().map_err(store)?.map_or(0, |(last, _)| last.value() + 1);
            (tables::level(&queue, &quarantine)?, next)
        };
        begun.commit().map_err(store)?;
        Ok(Self { database, level, next })
    }

    pub(super) fn level(&self) -> Level {
        self.level
    }

    /// Applies changes in one transaction.
    pub(super) fn apply<'a>(&mut self, changes: impl IntoIterator<Item = &'a Change>) -> Result<(), LogError> {
        let begun = self.database.begin_write().map_err(store)?;
        let (mut bytes, mut next) = (self.level.bytes, self.next);
        for change in changes {
            bytes = apply(&begun, change, bytes, &mut next)?;
        }
        let level = {
            let queue = begun.open_table(QUEUE).map_err(store)?;
            counted(&queue, &begun.open_table(QUARANTINE).map_err(store)?, bytes)?
        };
        begun.commit().map_err(store)?;
        (self.level, self.next) = (level, next);
        Ok(())
    }

    /// Begins a read transaction.
    pub(super) fn read(&self) -> Result<ReadTransaction, LogError> {
        self.database.begin_read().map_err(store)
    }
}

/// Applies one change. `bytes` is the size of all callbacks before it; returns the size after it.
fn apply(begun: &WriteTransaction, change: &Change, mut bytes: u64, next: &mut u64) -> Result<u64, LogError> {
    match change {
        Change::Append(rows) => {
            let mut queue = begun.open_table(QUEUE).map_err(store)?;
            for row in rows {
                queue.insert(*next, record::queued(row, &record::source(row))).map_err(store)?;
                *next += 1;
                bytes += size(row);
            }
        }
        Change::Acknowledge { end, refused } => {
            let mut queue = begun.open_table(QUEUE).map_err(store)?;
            for settled in queue.extract_from_if(..*end, |_, _| true).map_err(store)? {
                let row = record::read_queued(settled.map_err(store)?.1.value())?;
                bytes = bytes.saturating_sub(size(&row));
            }
            for row in refused {
                bytes += quarantine(begun, row)?;
            }
        }
        Change::Quarantine(refused) => bytes += quarantine(begun, refused)?,
        Change::Release(ids) => {
            let mut quarantine = begun.open_table(QUARANTINE).map_err(store)?;
            for id in ids {
                let Some(released) = quarantine.remove(id.as_u128()).map_err(store)? else { continue };
                let row = record::read_quarantined(id.as_u128(), released.value())?.row;
                bytes = bytes.saturating_sub(size(&row));
            }
        }
        Change::Bind(instance) => set_fact(begun, INSTANCE, instance.as_bytes())?,
        Change::Snapshot(snapshot) => set_fact(begun, SNAPSHOT, snapshot)?,
    }
    Ok(bytes)
}

/// Adds a callback to quarantine. Returns by how much the total size grows.
fn quarantine(begun: &WriteTransaction, refused: &RefusedRow) -> Result<u64, LogError> {
    let mut quarantine = begun.open_table(QUARANTINE).map_err(store)?;
    let source = record::source(&refused.row);
    let before = quarantine.insert(refused.row.id.as_u128(), record::quarantined(refused, &source)).map_err(store)?;
    Ok(if before.is_some() { 0 } else { size(&refused.row) })
}

fn set_fact(begun: &WriteTransaction, name: &str, value: &[u8]) -> Result<(), LogError> {
    begun.open_table(FACTS).map_err(store)?.insert(name, value).map_err(store)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use time::{Duration, OffsetDateTime};

    use super::*;

    /// Has the size 256 plus its number, and was received in the second of that number.
    fn row(number: u8) -> CallbackRow {
        CallbackRow {
            id: Uuid::from_u128(number.into()),
            received_at: OffsetDateTime::UNIX_EPOCH + Duration::seconds(number.into()),
            headers: vec![b'h'; 1],
            ..crate::spool::arrived(vec![b'b'; usize::from(number) - 1])
        }
    }

    fn refused(number: u8) -> RefusedRow {
        let refused_at = OffsetDateTime::UNIX_EPOCH;
        RefusedRow { row: row(number), sqlstate: "22021".into(), reason: "bad".into(), refused_at }
    }

    fn recounted(log: &Log) -> Level {
        let begun = log.read().unwrap();
        tables::level(&begun.open_table(QUEUE).unwrap(), &begun.open_table(QUARANTINE).unwrap()).unwrap()
    }

    #[test]
    fn the_level_after_each_change_is_what_counting_everything_gives() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("spool.redb");
        Log::create(&file).unwrap();
        let mut log = Log::open(&file).unwrap();
        let size_of = |numbers: &[u8]| numbers.iter().map(|number| 256 + u64::from(*number)).sum::<u64>();
        for (case, change, queue, quarantine) in [
            ("three arrive", Change::Append(vec![row(10), row(20), row(30)]), &[10_u8, 20, 30][..], &[][..]),
            ("one is rejected", Change::Quarantine(refused(40)), &[10, 20, 30][..], &[40][..]),
            (
                "the same one again, after an unknown result",
                Change::Quarantine(refused(40)),
                &[10, 20, 30][..],
                &[40][..],
            ),
            (
                "two are written, one of them is rejected",
                Change::Acknowledge { end: 2, refused: vec![refused(20)] },
                &[30][..],
                &[20, 40][..],
            ),
            (
                "acknowledging twice changes nothing",
                Change::Acknowledge { end: 2, refused: Vec::new() },
                &[30][..],
                &[20, 40][..],
            ),
            ("more arrive", Change::Append(vec![row(50)]), &[30, 50][..], &[20, 40][..]),
            (
                "one is released, and one that is not in quarantine",
                Change::Release(vec![Uuid::from_u128(40), Uuid::from_u128(7)]),
                &[30, 50][..],
                &[20][..],
            ),
            ("a snapshot has no size", Change::Snapshot(vec![0; 1000]), &[30, 50][..], &[20][..]),
            ("nor has the database ID", Change::Bind(Uuid::nil()), &[30, 50][..], &[20][..]),
            ("all are written", Change::Acknowledge { end: 4, refused: Vec::new() }, &[][..], &[20][..]),
        ] {
            log.apply([&change]).unwrap();
            let level = Level {
                callbacks: queue.len() as u64,
                oldest: queue.first().map(|number| row(*number).received_at),
                quarantined: quarantine.len() as u64,
                bytes: size_of(queue) + size_of(quarantine),
            };
            assert_eq!(log.level(), level, "{case}");
            assert_eq!(recounted(&log), level, "{case}, counted from the tables");
        }
    }

    #[test]
    fn callbacks_that_arrive_after_a_restart_are_queued_behind_older_ones() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("spool.redb");
        Log::create(&file).unwrap();
        for number in 1..=3 {
            Log::open(&file).unwrap().apply([&Change::Append(vec![row(number), row(number + 100)])]).unwrap();
        }
        let log = Log::open(&file).unwrap();
        let head = |from, rows, bytes| {
            let head = tables::queued(&log.read().unwrap(), from, rows, bytes).unwrap();
            (head.rows.iter().map(|row| row.id.as_u128()).collect::<Vec<_>>(), head.end)
        };
        assert_eq!(head(0, 9, 9_999), (vec![1, 101, 2, 102, 3, 103], 6));
        assert_eq!(head(2, 2, 9_999), (vec![2, 102], 4), "at most as many rows as requested");
        assert_eq!(head(0, 9, 257 + 357), (vec![1, 101], 2), "and at most as many bytes");
        assert_eq!(head(0, 9, 257 + 356), (vec![1], 1));
        assert_eq!(head(1, 9, 1), (vec![101], 2), "but at least one, whatever its size");
        assert_eq!(head(6, 9, 9_999), (vec![], 6));
    }
}
