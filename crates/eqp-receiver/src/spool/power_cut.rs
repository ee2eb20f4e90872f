//! Tests the spool on a simulated disk that loses power: data that was not synced may be lost, or written in part.

use std::io::{Error, ErrorKind, Result as IoResult};
use std::net::IpAddr;
use std::ops::Bound;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use redb::{BackendError, StorageBackend};
use time::OffsetDateTime;
use uuid::Uuid;

use super::log::{Change, Log};
use super::tables::{self, LogError, settings, store};
use eqp_store::internal::callback::CallbackRow;

#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<Platters>>);

#[derive(Debug, Default)]
struct Platters {
    synced: Vec<u8>,
    /// The content as the program sees it.
    now: Vec<u8>,
    unsynced: Vec<Operation>,
    /// The number of operations before the power is cut.
    power: usize,
}

#[derive(Clone, Debug)]
enum Operation {
    Resize(usize),
    Write(usize, Vec<u8>),
}

impl Operation {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Resize(length) => bytes.resize(*length, 0),
            Self::Write(offset, data) => {
                let end = offset + data.len();
                bytes.resize(bytes.len().max(end), 0);
                bytes[*offset..end].copy_from_slice(data);
            }
        }
    }
}

impl Platters {
    fn operate(&mut self, operation: Operation) -> IoResult<()> {
        self.use_power()?;
        operation.apply(&mut self.now);
        self.unsynced.push(operation);
        Ok(())
    }

    fn use_power(&mut self) -> IoResult<()> {
        self.power = self.power.checked_sub(1).ok_or_else(|| Error::other("no power"))?;
        Ok(())
    }
}

impl Disk {
    fn with_power(synced: Vec<u8>, power: usize) -> Self {
        let now = synced.clone();
        Self(Arc::new(Mutex::new(Platters { synced, now, unsynced: Vec::new(), power })))
    }

    fn length(&self) -> usize {
        self.0.lock().unwrap().synced.len()
    }

    /// Returns the content after the power is back: everything that was synced, and a random part of the rest. Changes of
    /// the size are not reordered, as with a journaling file system.
    fn after_the_cut(&self, seed: u64) -> Vec<u8> {
        let platters = self.0.lock().unwrap();
        let mut bytes = platters.synced.clone();
        let mut dice = seed;
        for operation in &platters.unsynced {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            match operation {
                Operation::Resize(_) => operation.apply(&mut bytes),
                Operation::Write(offset, data) => match dice >> 62 {
                    0 => {}
                    1 => Operation::Write(*offset, data[..data.len() / 2].to_vec()).apply(&mut bytes),
                    _ => operation.apply(&mut bytes),
                },
            }
        }
        bytes
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> IoResult<u64> {
        Ok(self.0.lock().unwrap().now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> IoResult<()> {
        let platters = self.0.lock().unwrap();
        let begin = usize::try_from(offset).unwrap();
        let data = platters.now.get(begin..begin + out.len());
        out.copy_from_slice(data.ok_or(Error::from(ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    fn set_len(&self, length: u64) -> IoResult<()> {
        self.0.lock().unwrap().operate(Operation::Resize(usize::try_from(length).unwrap()))
    }

    fn sync_data(&self) -> IoResult<()> {
        let mut platters = self.0.lock().unwrap();
        platters.use_power()?;
        platters.synced = platters.now.clone();
        platters.unsynced.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> IoResult<()> {
        self.0.lock().unwrap().operate(Operation::Write(usize::try_from(offset).unwrap(), data.to_vec()))
    }

    fn try_lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(true)
    }

    fn try_lock_shared_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(true)
    }

    fn lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }

    fn lock_shared_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }

    fn unlock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }

    fn query_lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(false)
    }
}

fn open(disk: Disk) -> Result<Log, LogError> {
    Log::of(settings().set_check_integrity_on_open(true).create_with_backend(disk).map_err(store)?)
}

fn row(number: u128) -> CallbackRow {
    CallbackRow {
        id: Uuid::from_u128(number),
        endpoint_id: 1,
        credential_id: 2,
        received_at: OffsetDateTime::UNIX_EPOCH,
        source: IpAddr::from([127, 0, 0, 1]),
        headers: b"content-type: application/json\r\n".to_vec(),
        body: Bytes::from(vec![b'x'; 500]),
    }
}

fn numbers(log: &Log) -> Vec<u128> {
    let head = tables::queued(&log.read().unwrap(), 0, usize::MAX, u64::MAX).unwrap();
    head.rows.iter().map(|row| row.id.as_u128()).collect()
}

/// Appends ten times and acknowledges twice, until the power is cut. Returns the first number that must still exist, and the
/// first that was never confirmed.
fn work(log: &mut Log) -> (u128, u128) {
    let mut confirmed = (0, 0);
    for round in 0..10 {
        let next = confirmed.1 + 3;
        if log.apply([&Change::Append((confirmed.1..next).map(row).collect())]).is_err() {
            break;
        }
        confirmed.1 = next;
        if round % 4 == 3 {
            let end = u64::try_from(confirmed.0).unwrap() + 5;
            if log.apply([&Change::Acknowledge { end, refused: Vec::new() }]).is_err() {
                break;
            }
            confirmed.0 = u128::from(end);
        }
    }
    confirmed
}

#[test]
fn confirmed_callbacks_survive_a_power_cut_at_any_time() {
    let disk = Disk::with_power(Vec::new(), usize::MAX);
    drop(open(disk.clone()).unwrap());
    let empty = disk.after_the_cut(0);
    let mut cuts = 0;
    for power in 0.. {
        let disk = Disk::with_power(empty.clone(), power);
        // Opening needs power, too.
        let Ok(mut log) = open(disk.clone()) else { continue };
        let (settled, confirmed) = work(&mut log);
        // As in a power cut, nothing is cleaned up.
        std::mem::forget(log);
        for seed in 0..3 {
            let content = disk.after_the_cut(seed);
            let log = open(Disk::with_power(content, usize::MAX)).unwrap();
            let numbers = numbers(&log);
            assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "in order, without a gap: {numbers:?}");
            let (first, end) = (numbers.first().copied(), numbers.last().map_or(settled, |last| last + 1));
            assert!(first.is_none_or(|first| (settled..=settled + 5).contains(&first)), "{power}: {first:?}");
            assert!((confirmed..=confirmed + 3).contains(&end), "{power}: {confirmed} confirmed, {end} found");
            assert_eq!(log.level().callbacks, numbers.len() as u64);
        }
        cuts += 1;
        if confirmed == 30 {
            break;
        }
    }
    assert!(cuts > 50, "{cuts}");
    assert!(disk.length() > 0);
}

#[test]
fn a_file_that_was_changed_or_cut_short_is_refused() {
    let disk = Disk::with_power(Vec::new(), usize::MAX);
    let mut log = open(disk.clone()).unwrap();
    work(&mut log);
    // As after a crash, when the file also contains an older state that could be mistaken for the last one.
    std::mem::forget(log);
    let whole = disk.after_the_cut(0);
    let all = numbers(&open(Disk::with_power(whole.clone(), usize::MAX)).unwrap());
    let is_refused = |damaged: Vec<u8>| match std::panic::catch_unwind(|| {
        open(Disk::with_power(damaged, usize::MAX)).map(|log| numbers(&log))
    }) {
        Ok(Ok(numbers)) => {
            assert_eq!(numbers, all, "a file that is accepted is complete");
            false
        }
        Ok(Err(_)) | Err(_) => true,
    };
    let changed = |offset: usize| {
        let mut changed = whole.clone();
        changed[offset] ^= 0x20;
        changed
    };
    assert!((200..whole.len()).step_by(512).filter(|offset| is_refused(changed(*offset))).count() > 0);
    let lengths: Vec<_> = (100..whole.len()).step_by(4096).collect();
    assert!(lengths.iter().filter(|length| is_refused(whole[..**length].to_vec())).count() > lengths.len() / 2);
}
