//! Replays: events that are delivered again.

use time::OffsetDateTime;

use super::SubscriptionId;

/// A replay to store.
#[derive(Clone, Debug)]
pub struct NewReplay<'a> {
    /// JSON.
    pub selection: &'a str,
    /// The subscription that receives the events, and its name. `None`: every one whose filter they match.
    pub target: Option<(SubscriptionId, &'a str)>,
    /// The last event that is part of the replay.
    pub end_seq: i64,
    /// The number of deliveries.
    pub planned: i64,
    pub requested_by: &'a str,
}

/// A stored replay with the state of its deliveries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredReplay {
    pub id: i64,
    /// JSON.
    pub selection: String,
    /// The name of the subscription that receives the events. `None`: every one whose filter they match.
    pub subscription: Option<String>,
    pub end_seq: i64,
    pub planned: i64,
    /// The number of deliveries that have been created.
    pub created: i64,
    /// Those that were discarded when it was cancelled.
    pub discarded: i64,
    /// Those that wait, and how many of these have failed before.
    pub waiting: i64,
    pub retrying: i64,
    pub dead: i64,
    pub requested_at: OffsetDateTime,
    pub requested_by: String,
    /// When the last delivery had been created.
    pub completed_at: Option<OffsetDateTime>,
    pub cancelled_at: Option<OffsetDateTime>,
}

/// The position of a replay, locked for an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayPosition {
    pub id: i64,
    /// JSON.
    pub selection: String,
    pub subscription: Option<SubscriptionId>,
    pub cursor_seq: i64,
    pub end_seq: i64,
    /// The generation of the subscriptions.
    pub generation: i64,
}
