//! The facts about one submission beside its events.

use time::OffsetDateTime;
use uuid::Uuid;

use super::AlertChangeKind;

/// A report that was received again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepeatedReport {
    /// The callback or API read that was received first.
    pub report: Uuid,
    /// The number of later callbacks with the same content.
    pub times: u64,
}

/// A change that an API read found, with the fate of its callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreportedChange {
    pub api_read: Uuid,
    pub flow: String,
    /// `missed`, `slow` or `not_expected`. `None` while it is undecided.
    pub decision: Option<String>,
    /// When the callback arrived after all.
    pub arrived_at: Option<OffsetDateTime>,
}

/// A delivery of an event, with its last attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventDelivery {
    pub delivery: i64,
    pub subscription: String,
    pub event_seq: i64,
    /// When the last attempt was made or, without one, when the delivery was created.
    pub at: OffsetDateTime,
    /// The result of the last attempt, if it is stored.
    pub result: Option<String>,
    /// The HTTP status or exit code of the last attempt.
    pub status: Option<i32>,
    /// Whether the delivery waits or is dead. Otherwise, it has ended.
    pub is_stored: bool,
    pub is_dead: bool,
}

/// A change of an alert about a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertEntry {
    pub alert: i64,
    pub kind: String,
    /// The facts of the alert, as JSON.
    pub data: String,
    pub change: AlertChangeKind,
    pub at: OffsetDateTime,
    /// The person. `None` if the program made the change.
    pub by: Option<String>,
    pub note: Option<String>,
}
