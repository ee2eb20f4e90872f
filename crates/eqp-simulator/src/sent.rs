//! The log of callbacks that were sent or dropped.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use eqp_types::Flow;
use strum::IntoStaticStr;
use time::OffsetDateTime;
use tokio::sync::{broadcast, watch};

/// The number of records that are stored; older ones are removed.
const STORED: usize = 10_000;
/// The number of records that a slow subscriber may be behind before it misses some.
const SUBSCRIBER_LAG: usize = 1024;

/// One callback that was sent to one registration.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Sent {
    /// The number of the record, from 1, in the order in which the requests ended.
    pub number: u64,
    /// The wall clock time at which the request began.
    pub at: OffsetDateTime,
    /// The URL of the registration, without user name and password.
    pub url: String,
    /// The `callback_event`.
    pub event: String,
    /// The flow that the callback names; [`Flow::Malware`] for a scan, `None` for an undocumented event.
    pub flow: Option<Flow>,
    /// The status of that flow.
    pub status: Option<String>,
    /// The ID of the submission or file.
    pub resource_id: String,
    /// Whether the callback was sent normally, or which fault changed it.
    pub kind: SentKind,
    /// The exact bytes of the body.
    pub body: Bytes,
    /// The result of the request.
    pub result: SendResult,
    /// The first 1 KiB of the response's body. The Marketplace does not read it; it helps to debug a receiver.
    pub answer: Bytes,
    /// The time from the start of the request to the response's head.
    pub latency: Duration,
}

/// The way in which a callback was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum SentKind {
    /// Normally.
    Plain,
    /// As a duplicate.
    Duplicate,
    /// Late.
    Late,
    /// After the callback that followed it.
    Swapped,
    /// With an undocumented event code.
    Unknown,
}

impl SentKind {
    /// Returns the name that lists show, such as `duplicate`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The result of the request of a callback.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendResult {
    /// The receiver answered with this HTTP status.
    Answered(u16),
    /// There was no response, for this reason.
    Failed(String),
    /// There was no response in time.
    TimedOut,
    /// It was not sent: dropped by a fault, or because too many callbacks waited for the same target.
    Dropped,
}

impl std::fmt::Display for SendResult {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Answered(status) => write!(f, "answered {status}"),
            Self::Failed(why) => write!(f, "failed: {why}"),
            Self::TimedOut => f.write_str("timed out"),
            Self::Dropped => f.write_str("dropped"),
        }
    }
}

impl SendResult {
    /// Returns whether the receiver accepted the callback.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Answered(200..=299))
    }
}

/// The stored records, and the channel that new ones are published on.
pub(crate) struct SentLog {
    stored: Mutex<Records>,
    live: broadcast::Sender<Sent>,
    revision: watch::Sender<u64>,
}

#[derive(Default)]
struct Records {
    records: VecDeque<Sent>,
    count: u64,
}

impl SentLog {
    /// Creates a log; `revision` is increased with every record.
    pub(crate) fn new(revision: watch::Sender<u64>) -> Self {
        Self { stored: Mutex::default(), live: broadcast::Sender::new(SUBSCRIBER_LAG), revision }
    }

    /// Numbers, stores and publishes a record.
    pub(crate) fn add(&self, mut sent: Sent) {
        {
            let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
            stored.count += 1;
            sent.number = stored.count;
            if stored.records.len() == STORED {
                stored.records.pop_front();
            }
            stored.records.push_back(sent.clone());
        }
        // An error means that there is no subscriber.
        let _ = self.live.send(sent);
        self.revision.send_modify(|revision| *revision += 1);
    }

    /// Returns the stored records, oldest first.
    pub(crate) fn all(&self) -> Vec<Sent> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner).records.iter().cloned().collect()
    }

    /// Returns the record with this number, if it is stored.
    pub(crate) fn get(&self, number: u64) -> Option<Sent> {
        self.after(number.checked_sub(1)?, 1).pop().filter(|sent| sent.number == number)
    }

    /// Returns at most `limit` records after the one with this number, oldest first.
    pub(crate) fn after(&self, number: u64, limit: usize) -> Vec<Sent> {
        let stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = stored.records.partition_point(|sent| sent.number <= number);
        stored.records.iter().skip(begin).take(limit).cloned().collect()
    }

    /// Removes every record; the numbering continues.
    pub(crate) fn clear(&self) {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner).records.clear();
    }

    /// Returns the number of all records, including removed ones.
    pub(crate) fn count(&self) -> u64 {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner).count
    }

    /// Returns a channel of every record from now on.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Sent> {
        self.live.subscribe()
    }
}
