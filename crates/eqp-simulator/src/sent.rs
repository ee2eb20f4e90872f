//! The record of every callback that was sent, or was meant to be.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use eqp_types::Flow;
use time::OffsetDateTime;
use tokio::sync::{broadcast, watch};

/// So many records are kept; older ones are forgotten.
const KEPT: usize = 10_000;
/// So many records a slow subscriber may lie behind before it misses some.
const SUBSCRIBER_LAG: usize = 1024;

/// One callback on its way to one registration.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Sent {
    /// Counts the records from 1, in the order in which the sends ended.
    pub number: u64,
    /// When the send began, by the wall clock.
    pub at: OffsetDateTime,
    /// Where it went; never with a user name or password.
    pub url: String,
    /// The `callback_event`.
    pub event: String,
    /// The flow that it names; [`Flow::Malware`] for a scan, `None` for an undocumented event.
    pub flow: Option<Flow>,
    /// What it says of that flow.
    pub outcome: Option<String>,
    /// The submission's or file's id.
    pub subject: String,
    /// What it is, beside the callback itself.
    pub kind: SentKind,
    /// The body, byte for byte.
    pub body: Bytes,
    /// How it ended.
    pub result: SendResult,
    /// The beginning of the answer's body, which the Marketplace does not read: for whoever looks into a receiver.
    pub answer: Bytes,
    /// From the begin of the send to the answer's head.
    pub latency: Duration,
}

/// What a sent callback is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SentKind {
    /// The callback, at its time.
    Plain,
    /// The same callback once more.
    Copy,
    /// The callback, after its time.
    Late,
    /// The callback, after the one that followed it.
    Swapped,
    /// A callback with an undocumented event code.
    Unknown,
}

impl SentKind {
    /// The word for it in lists.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Copy => "copy",
            Self::Late => "late",
            Self::Swapped => "swapped",
            Self::Unknown => "unknown",
        }
    }
}

/// How a send ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendResult {
    /// With this HTTP status.
    Answered(u16),
    /// Without an answer; says why.
    Failed(String),
    /// Without an answer in time.
    TimedOut,
    /// It was never begun: dropped by script, or because too many waited for the same target.
    Dropped,
}

impl std::fmt::Display for SendResult {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Answered(status) => write!(f, "answered {status}"),
            Self::Failed(why) => write!(f, "not taken: {why}"),
            Self::TimedOut => f.write_str("not taken: no answer in time"),
            Self::Dropped => f.write_str("dropped"),
        }
    }
}

impl SendResult {
    /// The receiver took it.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Answered(200..=299))
    }
}

/// Where records are kept and told of.
pub(crate) struct SentLog {
    kept: Mutex<Kept>,
    live: broadcast::Sender<Sent>,
    revision: watch::Sender<u64>,
}

#[derive(Default)]
struct Kept {
    records: VecDeque<Sent>,
    count: u64,
}

impl SentLog {
    /// `revision` is raised with every record.
    pub(crate) fn new(revision: watch::Sender<u64>) -> Self {
        Self { kept: Mutex::default(), live: broadcast::Sender::new(SUBSCRIBER_LAG), revision }
    }

    /// Numbers and keeps a record, and tells of it.
    pub(crate) fn add(&self, mut sent: Sent) {
        {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.count += 1;
            sent.number = kept.count;
            if kept.records.len() == KEPT {
                kept.records.pop_front();
            }
            kept.records.push_back(sent.clone());
        }
        // Nobody may be listening.
        let _ = self.live.send(sent);
        self.revision.send_modify(|revision| *revision += 1);
    }

    /// The records that are kept, oldest first.
    pub(crate) fn all(&self) -> Vec<Sent> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).records.iter().cloned().collect()
    }

    /// The record with this number, if it is kept.
    pub(crate) fn get(&self, number: u64) -> Option<Sent> {
        self.after(number.checked_sub(1)?, 1).pop().filter(|sent| sent.number == number)
    }

    /// The records after the one with this number, oldest first, at most so many.
    pub(crate) fn after(&self, number: u64, limit: usize) -> Vec<Sent> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = kept.records.partition_point(|sent| sent.number <= number);
        kept.records.iter().skip(begin).take(limit).cloned().collect()
    }

    /// Forgets every record; numbers go on from where they are.
    pub(crate) fn clear(&self) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).records.clear();
    }

    /// How many records there ever were.
    pub(crate) fn count(&self) -> u64 {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).count
    }

    /// Every record from now on.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Sent> {
        self.live.subscribe()
    }
}
