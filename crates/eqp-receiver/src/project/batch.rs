//! A batch of callbacks that wait for their projection, and what the database knows of their subjects.

use std::collections::{HashMap, HashSet};

use eqp_types::{Flow, Timestamp};
use time::OffsetDateTime;
use uuid::Uuid;

use super::decide::State;
use super::decode::{Decoded, decode};
use super::history::History;
use super::notice::{Notice, Said, Subject};

/// How much later than its arrival a report may say that it happened; a later time is not trusted.
const MAX_CLOCK_AHEAD: time::Duration = time::Duration::hours(48);

/// A callback that waits for its projection.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) id: Uuid,
    pub(crate) account_id: i64,
    pub(crate) received_at: OffsetDateTime,
    pub(crate) decoded: Decoded,
    /// Stands for all that the callback says.
    pub(crate) said: Option<Said>,
}

impl Pending {
    /// Decodes a stored callback.
    pub(crate) fn new(id: Uuid, account_id: i64, received_at: OffsetDateTime, body: &[u8]) -> Self {
        let decoded = decode(body);
        let mut pending = Self { id, account_id, received_at, decoded, said: None };
        pending.said = pending.notice().and_then(|notice| notice.said(account_id));
        pending
    }

    /// The Marketplace's clock was so far ahead of ours that the reported time says nothing about the order of events.
    pub(crate) fn is_clock_doubtful(&self) -> bool {
        let reported = self.notice().and_then(|notice| notice.modified_at);
        reported.is_some_and(|at| at.moment() - self.received_at > MAX_CLOCK_AHEAD)
    }

    /// The reported time, if it can be trusted.
    pub(crate) fn trusted_time(&self) -> Option<Timestamp> {
        self.notice().and_then(|notice| notice.modified_at).filter(|_| !self.is_clock_doubtful())
    }

    /// Makes the callback undecodable after all.
    pub(crate) fn give_up(&mut self, decoded: Decoded) {
        self.decoded = decoded;
        self.said = None;
    }

    fn notice(&self) -> Option<&Notice> {
        match &self.decoded {
            Decoded::Notice(notice) => Some(notice),
            Decoded::Unknown(_) | Decoded::Undecodable(_) | Decoded::Panicked(_) => None,
        }
    }

    /// What the callback is about.
    pub(crate) fn subject(&self) -> Option<Subject> {
        self.notice().map(|notice| Subject {
            account_id: self.account_id,
            kind: notice.kind,
            id: notice.subject.clone(),
        })
    }
}

/// The last numbers that were given.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_field_names, reason = "the columns of the table")]
pub(crate) struct Numbers {
    pub(crate) last_event_seq: i64,
    pub(crate) last_track_id: i64,
    /// Of callbacks, in the order in which they are projected.
    pub(crate) last_ordinal: i64,
}

/// One line of state.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Track {
    pub(crate) id: i64,
    pub(crate) flow: Flow,
    pub(crate) item_id: Option<String>,
    pub(crate) state: State,
    pub(crate) received_at: OffsetDateTime,
    pub(crate) callback_id: Option<Uuid>,
    pub(crate) event_seq: i64,
    /// It differs from what the database holds.
    pub(crate) changed: bool,
}

/// The tracks of the subjects of a batch.
pub(crate) type Tracks = HashMap<Subject, Vec<Track>>;

/// What the database knows, as far as a batch asks for it.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) numbers: Numbers,
    pub(crate) tracks: Tracks,
    pub(crate) history: History,
    /// The first callback that said what a callback of the batch says.
    pub(crate) said: HashMap<Said, Uuid>,
}

/// For which tracks and times the rule will ask what came before and after. Most callbacks tell of a time later than
/// all that was seen, or only what is `said` already, and ask for nothing.
pub(crate) fn history_needed(
    tracks: &Tracks,
    said: &HashMap<Said, Uuid>,
    batch: &[Pending],
) -> HashSet<(i64, Timestamp)> {
    let mut seen_until: HashMap<i64, Timestamp> = HashMap::new();
    let mut needed = HashSet::new();
    for pending in batch {
        let Some((notice, subject)) = pending.notice().zip(pending.subject()) else { continue };
        let (Some(at), Some(tracks)) = (pending.trusted_time(), tracks.get(&subject)) else { continue };
        if pending.said.is_some_and(|this| said.contains_key(&this)) {
            continue;
        }
        for observation in notice.observations(Some(at)) {
            let Some(track) = tracks.iter().find(|track| track.flow == *observation.flow) else { continue };
            // Without a time that was seen the database holds no timed event.
            let Some(stored) = track.state.seen_until else { continue };
            let seen = seen_until.entry(track.id).or_insert(stored);
            if at <= *seen {
                needed.insert((track.id, at.min(stored)));
            } else {
                *seen = at;
            }
        }
    }
    needed
}
