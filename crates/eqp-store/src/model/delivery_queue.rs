//! The state of the queue of deliveries, for metrics and `eqp doctor`.

use std::time::Duration;

use time::OffsetDateTime;

/// The state of the queue of deliveries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryQueue {
    /// The first subscriptions by name; at most as many as were requested.
    pub subscriptions: Vec<SubscriptionQueue>,
    /// All subscriptions that are paused.
    pub paused: u64,
    /// All active subscriptions whose circuit breaker is open.
    pub open: u64,
    /// The number of events that the fan-out has not matched yet.
    pub fan_out_lag: u64,
    /// When the report of the oldest of these was received.
    pub unmatched_since: Option<OffsetDateTime>,
    /// For how long the lane that has been due for the longest has been due, of all subscriptions that could be sent.
    pub overdue: Option<Duration>,
    /// The time since the last attempt was recorded.
    pub idle_for: Option<Duration>,
}

impl DeliveryQueue {
    /// Returns when the oldest waiting delivery was created.
    pub fn oldest_waiting_at(&self) -> Option<OffsetDateTime> {
        self.subscriptions.iter().filter_map(|subscription| subscription.oldest_waiting_at).min()
    }
}

/// The deliveries of one subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionQueue {
    pub name: String,
    /// Deliveries that wait, up to a limit.
    pub waiting: u64,
    /// Deliveries that failed for good, up to the same limit.
    pub dead: u64,
    /// When the oldest of the waiting deliveries was created that were counted.
    pub oldest_waiting_at: Option<OffsetDateTime>,
    /// The reason for which the subscription is paused.
    pub paused_reason: Option<String>,
    /// Since when its handler has been down.
    pub down_since: Option<OffsetDateTime>,
}
