//! What a batch of callbacks changes in the database.

use eqp_types::{Flow, Timestamp};
use time::OffsetDateTime;
use uuid::Uuid;

use super::batch::{Numbers, Track};
use super::notice::{Said, Subject};
use crate::metrics::Tally;
use crate::read::{EventKind, Mark, Verdict};

/// An event to be written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NewEvent {
    pub(crate) seq: i64,
    pub(crate) track_id: Option<i64>,
    pub(crate) account_id: i64,
    pub(crate) kind: EventKind,
    pub(crate) subject: Option<String>,
    pub(crate) flow: Option<Flow>,
    pub(crate) outcome: Option<String>,
    /// As it was reported.
    pub(crate) modified_at: Option<Timestamp>,
    /// The reported time is not trusted.
    pub(crate) clock_doubtful: bool,
    pub(crate) received_at: OffsetDateTime,
    pub(crate) named: bool,
    pub(crate) mark: Mark,
    pub(crate) moved: bool,
    pub(crate) reason: Option<String>,
    pub(crate) callback_id: Uuid,
}

/// What became of a callback, to be written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CallbackOutcome {
    pub(crate) callback_id: Uuid,
    pub(crate) kind: EventKind,
    pub(crate) subject: Option<String>,
    pub(crate) modified_at: Option<Timestamp>,
    pub(crate) verdict: Verdict,
    pub(crate) copy_of: Option<Uuid>,
    pub(crate) said: Option<Said>,
    /// Its place in the order of projection.
    pub(crate) ordinal: i64,
}

/// All that a batch changes.
#[derive(Debug)]
pub(crate) struct Changes {
    pub(crate) numbers: Numbers,
    pub(crate) tracks: Vec<(Subject, Track)>,
    pub(crate) events: Vec<NewEvent>,
    pub(crate) outcomes: Vec<CallbackOutcome>,
    /// Callbacks over which the program panicked, with the reason; they are undecodable.
    pub(crate) panicked: Vec<(Uuid, String)>,
}

impl Changes {
    /// Reports the callbacks over which the program panicked.
    pub(crate) fn log_panics(&self) {
        for (callback, reason) in &self.panicked {
            tracing::error!(%callback, reason, "projecting a callback panicked, storing it as undecodable");
        }
    }

    /// How much of each kind there is.
    pub(crate) fn tally(&self) -> Tally {
        let events = |mark: Mark| self.events.iter().filter(|event| event.mark == mark).count() as u64;
        let callbacks =
            |verdict: Verdict| self.outcomes.iter().filter(|outcome| outcome.verdict == verdict).count() as u64;
        let (unknown, undecodable) = (callbacks(Verdict::Unknown), callbacks(Verdict::Undecodable));
        Tally {
            // Those without a track are counted apart.
            events: self.events.len() as u64 - unknown - undecodable,
            copies: callbacks(Verdict::Copy),
            late: events(Mark::Late),
            tied: events(Mark::Tied),
            unknown,
            undecodable,
            panicked: self.panicked.len() as u64,
        }
    }
}
