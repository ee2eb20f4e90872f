//! The file of a spool as its one writer has it.
//!
//! Every change is one transaction that is on the disk when it returns.

use std::path::Path;

use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable, WriteTransaction};
use uuid::Uuid;

use super::RefusedRow;
use super::level::{Level, weight};
use super::record;
use super::tables::{self, FACTS, INSTANCE, LogError, QUARANTINE, QUEUE, SNAPSHOT, counted, settings, store};
use crate::store::callback::CallbackRow;

/// One change.
#[derive(Debug)]
pub(super) enum Change {
    /// Callbacks join the queue, in this order.
    Append(Vec<CallbackRow>),
    /// The queue before this place has reached the database, but for what it refused.
    Settle { end: u64, refused: Vec<RefusedRow> },
    /// A callback that was never in the queue goes into quarantine.
    Quarantine(RefusedRow),
    /// These have reached the database after all, and leave quarantine.
    Release(Vec<Uuid>),
    /// All of it belongs to this database.
    Bind(Uuid),
    /// The endpoints are these.
    Snapshot(Vec<u8>),
}

/// An open file.
#[derive(Debug)]
pub(super) struct Log {
    database: Database,
    level: Level,
    /// The place of the next callback in the queue.
    next: u64,
}

impl Log {
    /// Opens a file that is there and reads it whole: one that was damaged is refused now, not when it is needed.
    pub(super) fn open(file: &Path) -> Result<Self, LogError> {
        Self::of(settings().set_check_integrity_on_open(true).open(file).map_err(store)?)
    }

    /// Makes an empty one.
    pub(super) fn create(file: &Path) -> Result<(), LogError> {
        Self::of(settings().create(file).map_err(store)?)?.database.close().map_err(store)
    }

    /// Takes over an open store, with its tables made where they are missing.
    pub(super) fn of(database: Database) -> Result<Self, LogError> {
        let begun = database.begin_write().map_err(store)?;
        let (level, next) = {
            let queue = begun.open_table(QUEUE).map_err(store)?;
            let quarantine = begun.open_table(QUARANTINE).map_err(store)?;
            begun.open_table(FACTS).map_err(store)?;
            let next = queue.last().map_err(store)?.map_or(0, |(place, _)| place.value() + 1);
            (tables::level(&queue, &quarantine)?, next)
        };
        begun.commit().map_err(store)?;
        Ok(Self { database, level, next })
    }

    pub(super) fn level(&self) -> Level {
        self.level
    }

    /// Makes changes durable, all or none.
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

    /// What it holds now, to be read.
    pub(super) fn read(&self) -> Result<ReadTransaction, LogError> {
        self.database.begin_read().map_err(store)
    }
}

/// Answers with what all of it weighs afterwards.
fn apply(begun: &WriteTransaction, change: &Change, mut bytes: u64, next: &mut u64) -> Result<u64, LogError> {
    match change {
        Change::Append(rows) => {
            let mut queue = begun.open_table(QUEUE).map_err(store)?;
            for row in rows {
                queue.insert(*next, record::queued(row, &record::source(row))).map_err(store)?;
                *next += 1;
                bytes += weight(row);
            }
        }
        Change::Settle { end, refused } => {
            let mut queue = begun.open_table(QUEUE).map_err(store)?;
            for settled in queue.extract_from_if(..*end, |_, _| true).map_err(store)? {
                let row = record::read_queued(settled.map_err(store)?.1.value())?;
                bytes = bytes.saturating_sub(weight(&row));
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
                bytes = bytes.saturating_sub(weight(&row));
            }
        }
        Change::Bind(instance) => set_fact(begun, INSTANCE, instance.as_bytes())?,
        Change::Snapshot(snapshot) => set_fact(begun, SNAPSHOT, snapshot)?,
    }
    Ok(bytes)
}

/// Answers with what that adds.
fn quarantine(begun: &WriteTransaction, refused: &RefusedRow) -> Result<u64, LogError> {
    let mut quarantine = begun.open_table(QUARANTINE).map_err(store)?;
    let source = record::source(&refused.row);
    let before = quarantine.insert(refused.row.id.as_u128(), record::quarantined(refused, &source)).map_err(store)?;
    Ok(if before.is_some() { 0 } else { weight(&refused.row) })
}

fn set_fact(begun: &WriteTransaction, name: &str, value: &[u8]) -> Result<(), LogError> {
    begun.open_table(FACTS).map_err(store)?.insert(name, value).map_err(store)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use time::{Duration, OffsetDateTime};

    use super::*;

    /// Weighs 256 bytes and its number, which is also its second of arrival.
    fn row(number: u8) -> CallbackRow {
        CallbackRow {
            id: Uuid::from_u128(number.into()),
            received_at: OffsetDateTime::UNIX_EPOCH + Duration::seconds(number.into()),
            headers: vec![b'h'; 1],
            ..CallbackRow::arrived(vec![b'b'; usize::from(number) - 1])
        }
    }

    fn refused(number: u8) -> RefusedRow {
        let refused_at = OffsetDateTime::UNIX_EPOCH;
        RefusedRow { row: row(number), sqlstate: "22021".into(), reason: "bad".into(), refused_at }
    }

    fn counted_anew(log: &Log) -> Level {
        let begun = log.read().unwrap();
        tables::level(&begun.open_table(QUEUE).unwrap(), &begun.open_table(QUARANTINE).unwrap()).unwrap()
    }

    #[test]
    fn the_level_follows_every_change_and_is_what_would_be_counted_anew() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("spool.redb");
        Log::create(&file).unwrap();
        let mut log = Log::open(&file).unwrap();
        let weight_of = |numbers: &[u8]| numbers.iter().map(|number| 256 + u64::from(*number)).sum::<u64>();
        for (says, change, queue, quarantine) in [
            ("three come", Change::Append(vec![row(10), row(20), row(30)]), &[10_u8, 20, 30][..], &[][..]),
            ("one is refused", Change::Quarantine(refused(40)), &[10, 20, 30][..], &[40][..]),
            ("and again, after a doubt", Change::Quarantine(refused(40)), &[10, 20, 30][..], &[40][..]),
            (
                "of two that left, one is refused",
                Change::Settle { end: 2, refused: vec![refused(20)] },
                &[30][..],
                &[20, 40][..],
            ),
            ("nothing leaves twice", Change::Settle { end: 2, refused: Vec::new() }, &[30][..], &[20, 40][..]),
            ("more come", Change::Append(vec![row(50)]), &[30, 50][..], &[20, 40][..]),
            (
                "one leaves quarantine, and one that is not in it",
                Change::Release(vec![Uuid::from_u128(40), Uuid::from_u128(7)]),
                &[30, 50][..],
                &[20][..],
            ),
            ("facts weigh nothing", Change::Snapshot(vec![0; 1000]), &[30, 50][..], &[20][..]),
            ("nor does this one", Change::Bind(Uuid::nil()), &[30, 50][..], &[20][..]),
            ("all leave", Change::Settle { end: 4, refused: Vec::new() }, &[][..], &[20][..]),
        ] {
            log.apply([&change]).unwrap();
            let level = Level {
                callbacks: queue.len() as u64,
                oldest: queue.first().map(|number| row(*number).received_at),
                quarantined: quarantine.len() as u64,
                bytes: weight_of(queue) + weight_of(quarantine),
            };
            assert_eq!(log.level(), level, "{says}");
            assert_eq!(counted_anew(&log), level, "{says}, counted anew");
        }
    }

    #[test]
    fn what_comes_after_a_restart_is_behind_what_was_there() {
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
        assert_eq!(head(2, 2, 9_999), (vec![2, 102], 4), "no more rows than were asked for");
        assert_eq!(head(0, 9, 257 + 357), (vec![1, 101], 2), "nor more bytes");
        assert_eq!(head(0, 9, 257 + 356), (vec![1], 1));
        assert_eq!(head(1, 9, 1), (vec![101], 2), "but one, however much it weighs");
        assert_eq!(head(6, 9, 9_999), (vec![], 6));
    }
}
