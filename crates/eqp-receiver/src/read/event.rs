//! One event, as every reader sees it.

use eqp_types::{Environment, Flow, MageId, Timestamp};
use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

use super::word::words;
use super::{CallbackCopy, StoredCallback};

/// Something new that a notice told: history, never rewritten.
///
/// As JSON it is one flat object with the fields below by their names; times that are the Marketplace's are
/// written as it writes them (`2022-08-25 19:20:21`, UTC), our own in RFC 3339.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Event {
    /// Its number: in the order of commits, so that it can serve as a cursor. There may be gaps.
    pub seq: i64,
    /// The environment of the account.
    pub environment: Environment,
    /// The account.
    pub mage_id: MageId,
    /// What it is about.
    pub kind: EventKind,
    /// `submission_id` or `file_upload_id`; none for unknown and undecodable callbacks.
    pub subject: Option<String>,
    /// The developer's own id of the submission, if a callback has told it.
    pub item_id: Option<String>,
    /// The line of state that it is about.
    pub flow: Option<Flow>,
    /// What is now, in the one spelling in which outcomes are compared.
    pub outcome: Option<String>,
    /// When, as the Marketplace says; whole seconds; none in the first form of callbacks.
    pub modified_at: Option<Timestamp>,
    /// `modified_at` is more than 48 hours after the arrival, and was not used to order the events.
    pub clock_doubtful: bool,
    /// When the callback arrived.
    #[serde(with = "time::serde::rfc3339")]
    pub received_at: OffsetDateTime,
    /// The callback named this flow; otherwise the state was implied by a callback about another flow.
    pub named: bool,
    /// What is special about it.
    pub mark: Mark,
    /// It became the state of its flow.
    pub moved: bool,
    /// Why it is undecodable, or the unknown event code.
    pub reason: Option<String>,
    /// The callback that told it.
    pub callback_id: Option<Uuid>,
}

/// An event with where it came from.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EventDetail {
    /// The event.
    pub event: Event,
    /// The callback that told it, byte for byte; none when retention has removed it.
    pub callback: Option<StoredCallback>,
    /// Later callbacks that told nothing new beyond it, oldest first; at most 1,000.
    pub copies: Vec<CallbackCopy>,
}

words! {
    /// What an event is about.
    EventKind {
        /// A flow of a submission.
        Submission = "submission",
        /// The malware scan of a file.
        File = "file",
        /// A callback with an event code that is not documented; the code is the event's reason.
        Unknown = "unknown",
        /// A callback that cannot be decoded; why is the event's reason.
        Undecodable = "undecodable",
    }
}

words! {
    /// What is special about an event.
    Mark {
        /// Nothing.
        None = "none",
        /// The same outcome was entered again; what lay between was not heard.
        Again = "again",
        /// It bears the same time as another outcome: which of the two came last, only the API can tell.
        Tied = "tied",
        /// It tells about the past; the state did not move.
        Late = "late",
    }
}
