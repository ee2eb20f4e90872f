//! Subscriptions: which events are delivered to which handler.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};
use time::OffsetDateTime;

use super::SealedSecret;
use super::string_enum::{UnknownValue, string_enum};

/// The number of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId(pub i32);

/// Whether a subscription is used.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Display, EnumString, IntoStaticStr, VariantNames,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = UnknownValue, parse_err_fn = UnknownValue::of::<SubscriptionState>)]
pub enum SubscriptionState {
    /// Events are delivered.
    Active,
    /// Nothing is delivered. Events are delivered after it is resumed.
    Paused,
}

string_enum!(SubscriptionState);

/// The subscription for which another one is the fallback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFallback {
    pub subscription: SubscriptionId,
    pub name: String,
    /// For how long a delivery of it may wait while its handler fails.
    pub after: Duration,
}

/// A subscription to create.
#[derive(Clone, Debug)]
pub struct NewSubscription {
    pub name: String,
    /// JSON.
    pub filter: String,
    /// JSON.
    pub handler: String,
    /// `None`: until the delivery is dead.
    pub order_hold: Option<Duration>,
    /// The file that declares it.
    pub declared_by: Option<String>,
    /// The subscription for which it is the fallback, and for how long a delivery of that one may wait.
    pub fallback: Option<(SubscriptionId, Duration)>,
    /// It is removed when no consumer has used it for 7 days.
    pub is_temporary: bool,
    /// It also receives the events and alerts that were recorded since this time.
    pub since: Option<OffsetDateTime>,
}

/// The sealed secrets of a handler.
#[derive(Default)]
pub struct SealedHandlerSecrets {
    /// Those with which the subscription was created, together.
    pub initial: Option<SealedSecret>,
    /// The signing secrets among `initial` are no longer used.
    pub is_initial_signing_retired: bool,
    /// Signing secrets that were added later, the newest first.
    pub signing: Vec<SealedSecret>,
}

/// A subscription with its state.
#[derive(Clone, Debug)]
pub struct StoredSubscription {
    pub id: SubscriptionId,
    pub name: String,
    /// JSON.
    pub filter: String,
    /// JSON.
    pub handler: String,
    /// `None`: until the delivery is dead.
    pub order_hold: Option<Duration>,
    pub fallback: Option<StoredFallback>,
    pub declared_by: Option<String>,
    pub created_at: OffsetDateTime,
    /// When the definition or its secrets were last changed.
    pub updated_at: OffsetDateTime,
    pub state: SubscriptionState,
    pub paused_at: Option<OffsetDateTime>,
    pub paused_reason: Option<String>,
    /// The program has paused it, and not a person.
    pub is_paused_by_program: bool,
    /// `None`: in step with the fan-out.
    pub cursor_seq: Option<i64>,
    /// The events after its own position, of which it receives those that its filter matches.
    pub unmatched: u64,
    /// Consecutive attempts for which the handler was down.
    pub failures: u32,
    pub failing_since: Option<OffsetDateTime>,
    pub open_until: Option<OffsetDateTime>,
    /// It is removed when no consumer has used it for 7 days.
    pub is_temporary: bool,
    /// When a consumer last fetched messages, to the minute.
    pub fetched_at: Option<OffsetDateTime>,
}

/// The deliveries of a subscription.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryCounts {
    pub waiting: u64,
    pub dead: u64,
    pub oldest_waiting_at: Option<OffsetDateTime>,
}

/// The circuit breaker of a subscription, locked for an update.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StoredBreaker {
    pub subscription: SubscriptionId,
    pub failures: u32,
    /// The time for which it has been failing.
    pub failing_for: Duration,
    pub is_open: bool,
}

/// A change of a circuit breaker.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BreakerChange {
    pub subscription: SubscriptionId,
    pub failures: u32,
    /// For how long no attempt is made from now on.
    pub open_for: Option<Duration>,
    /// The handler was down and is available again.
    pub has_recovered: bool,
}
