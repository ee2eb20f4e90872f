//! Deliveries: events on their way to handlers.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};
use time::OffsetDateTime;
use uuid::Uuid;

use super::string_enum::{UnknownValue, string_enum};
use super::{Event, SubscriptionId};

/// The source of a delivered message.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Display, EnumString, IntoStaticStr, VariantNames,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = UnknownValue, parse_err_fn = UnknownValue::of::<DeliverySource>)]
pub enum DeliverySource {
    /// An event.
    Event,
    /// A change of an alert.
    Alert,
    /// A test of the subscription.
    Test,
    /// The digest of a week.
    Digest,
}

string_enum!(DeliverySource);

/// The number of lanes of a subscription that replays share: a quarter of those that are sent at a time.
const REPLAY_LANES: i64 = 4;

/// The key of a lane of deliveries. Deliveries of one lane are sent in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneKey(pub i64);

impl LaneKey {
    /// Returns the lane of the resource that an event is about. Events without a resource share a lane per account.
    pub fn of_event(event: &Event) -> Self {
        let kind = event.resource_id.as_ref().map_or("", |_| event.kind.as_str());
        Self::hash("event", &[&event.account_id.to_string(), kind, event.resource_id.as_deref().unwrap_or("")])
    }

    /// Returns the lane of an alert.
    pub fn of_alert(alert: i64) -> Self {
        Self::hash("alert", &[&alert.to_string()])
    }

    /// Returns the lane of the reminders of a severity.
    pub fn of_reminder(severity: &str) -> Self {
        Self::hash("reminder", &[severity])
    }

    /// Returns the lane of digests.
    pub fn of_digests() -> Self {
        Self::hash("digest", &[])
    }

    /// Returns the lane of a test.
    pub fn of_test(test: Uuid) -> Self {
        Self::hash("test", &[&test.to_string()])
    }

    /// Returns the lane of a single delivery, which holds back no other one.
    pub fn of_delivery(delivery: i64) -> Self {
        Self::hash("delivery", &[&delivery.to_string()])
    }

    /// Returns one of the lanes that all replays of a subscription share. Few of its lanes are sent at a time, so these leave room for new
    /// events. The events of one resource, whose own lane this is, stay in order.
    pub fn of_replay(resource: Self) -> Self {
        let share = resource.0.rem_euclid(REPLAY_LANES);
        Self::hash("replay", &[&share.to_string()])
    }

    /// The hash is stored, so it must not depend on the version of a library. Postgres stores no NUL in a text, so no two lists of parts
    /// are joined to the same bytes.
    fn hash(namespace: &str, parts: &[&str]) -> Self {
        let joined = [&[namespace], parts].concat().join("\0");
        let hash = digest(&SHA256, joined.as_bytes());
        Self(i64::from_be_bytes(*hash.as_ref().first_chunk().expect("a SHA-256 has 32 bytes")))
    }
}

/// A delivery that the fan-out inserts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewDelivery {
    pub subscription: SubscriptionId,
    pub lane: LaneKey,
    pub source: DeliverySource,
    /// The number of the event, or of the change of an alert; of a digest, the end of its week in seconds since 1970.
    pub event_seq: i64,
    /// The time before which it is not sent.
    pub not_before: Option<OffsetDateTime>,
    /// The replay that it belongs to.
    pub replay: Option<i64>,
}

/// A position in the events and in the changes of alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursors {
    pub event_seq: i64,
    pub alert_number: i64,
}

/// The position of the fan-out, locked for an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FanOutPosition {
    pub at: Cursors,
    /// The newest event and change.
    pub target: Cursors,
    pub generation: i64,
}

/// A subscription that catches up, locked for an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CatchUpPosition {
    pub subscription: SubscriptionId,
    pub at: Cursors,
    /// The position of the fan-out, up to which it catches up.
    pub target: Cursors,
    pub generation: i64,
}

/// A subscription with waiting deliveries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SubscriptionWork {
    pub subscription: SubscriptionId,
    /// The wait until its earliest lane is due.
    pub due_in: Duration,
    /// The wait until the next probe, if the circuit breaker is open.
    pub open_for: Option<Duration>,
    pub is_recovering: bool,
    /// The generation of the subscriptions at that time.
    pub generation: i64,
}

/// A lane that this process may send, until the lease expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeasedLane {
    pub subscription: SubscriptionId,
    pub lane: LaneKey,
    pub tail_id: i64,
    /// The number of leases in a row that expired before this one.
    pub lost: u32,
    pub lease: Uuid,
}

/// A waiting delivery at the head of a lane.
#[derive(Clone, Debug, PartialEq)]
pub struct WaitingDelivery {
    pub id: i64,
    pub subscription: SubscriptionId,
    pub lane: LaneKey,
    pub source: DeliverySource,
    pub event_seq: i64,
    pub test_id: Option<Uuid>,
    pub replay_id: Option<i64>,
    pub age: Duration,
    pub attempts: u32,
    pub invalid: u32,
    /// The wait until its next attempt is due.
    pub retry_in: Option<Duration>,
    /// For how long it still holds back its successors after a failure. `None`: until it is dead, or it has a lane of its own.
    pub hold_in: Option<Duration>,
    /// The wait until it may be sent: quiet hours.
    pub not_before_in: Option<Duration>,
    /// A test that nobody waits for any more.
    pub is_expired: bool,
    /// An earlier event of the resource that has not been delivered.
    pub out_of_order_after: Option<i64>,
}

/// The result of a lane's lease.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneReport {
    pub lane: LeasedLane,
    /// The last delivery that is finished: accepted, dead, or skipped. 0: none.
    pub last_id: i64,
    pub next: NextAttempt,
}

/// When a lane is due again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NextAttempt {
    /// At once, if deliveries are waiting in it.
    AtOnce,
    /// After this wait; nothing has failed.
    After(Duration),
    /// After a failure of this delivery.
    Retry {
        delivery: i64,
        after: Duration,
        /// The attempt counts.
        is_counted: bool,
        /// The handler considers the message invalid.
        is_invalid: bool,
        /// The time for which it holds back its successors from its first failure on; `None`: until it is dead.
        hold: Option<Duration>,
    },
}

/// An attempt to record.
#[derive(Clone, Debug, PartialEq)]
pub struct NewAttempt {
    pub delivery: i64,
    pub subscription: SubscriptionId,
    pub source: DeliverySource,
    pub event_seq: i64,
    pub duration: Duration,
    pub result: &'static str,
    pub status: Option<u16>,
    pub note: Option<String>,
}

/// A delivery that a consumer has fetched, and acknowledges or returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AckedDelivery {
    pub delivery: i64,
    pub lane: LaneKey,
    pub lease: Uuid,
    /// The time since it was fetched.
    pub duration: Duration,
}

/// The consequence when a consumer returns a delivery.
#[derive(Clone, Debug, PartialEq)]
pub enum Nack {
    /// It is fetched again after this wait.
    After(Duration),
    /// It is fetched again after the first of these waits, after the second one the next time, and so on. Then it is dead.
    Scheduled(Vec<Duration>),
    /// It is dead.
    Dead,
}

/// The results of a number of leases, recorded together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeliveryReport {
    pub lanes: Vec<LaneReport>,
    /// Deliveries that are finished.
    pub done: Vec<i64>,
    /// Deliveries that failed for good.
    pub dead: Vec<i64>,
    pub attempts: Vec<NewAttempt>,
}

/// A recorded attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptSummary {
    pub id: i64,
    pub delivery: i64,
    pub subscription: Option<String>,
    pub source: DeliverySource,
    pub event_seq: i64,
    pub at: OffsetDateTime,
    pub duration_ms: i32,
    pub result: String,
    pub status: Option<i32>,
    pub note: Option<String>,
}

/// The content of a message about an event beside the event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventContext {
    /// The status that the flow had before.
    pub previous_status: Option<String>,
    /// The current statuses of the resource: flow and status.
    pub statuses: Vec<(String, String)>,
    /// `None` if the API has not been read since the resource appeared.
    pub detail: Option<EventDetailText>,
    /// When the first report arrived that the submission is in review.
    pub submitted_at: Option<OffsetDateTime>,
    /// The version of the product that is in the store.
    pub store_version: Option<String>,
}

/// The details of a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventDetailText {
    pub sku: Option<String>,
    pub version: Option<String>,
    pub name: Option<String>,
    /// The reasons for a rejection, once the API was read since the event.
    pub findings: Option<Vec<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lane_keys_are_stable_and_differ_by_namespace() {
        // Stored in databases: this value must never change.
        assert_eq!(LaneKey::of_delivery(7), LaneKey::of_delivery(7));
        assert_ne!(LaneKey::of_delivery(7), LaneKey::of_alert(7));
        assert_ne!(LaneKey::of_delivery(7), LaneKey::of_delivery(8));
        let of_replays: std::collections::BTreeSet<_> =
            (-20..20).map(|n| LaneKey::of_replay(LaneKey::of_delivery(n))).collect();
        assert_eq!(of_replays.len(), 4);
    }
}
