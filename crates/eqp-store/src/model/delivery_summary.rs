//! Deliveries as they are listed, and the reason why a delivery is waiting.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};
use time::OffsetDateTime;

use super::string_enum::{UnknownValue, string_enum};
use super::{DeliverySource, SubscriptionId};

/// The state of a delivery that has not been accepted by its handler.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Display, EnumString, IntoStaticStr, VariantNames,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = UnknownValue, parse_err_fn = UnknownValue::of::<DeliveryState>)]
pub enum DeliveryState {
    /// It will be sent.
    Waiting,
    /// It failed for good.
    Dead,
    /// It was not sent, because the filter did not match once the details of the submission or file were known.
    Skipped,
}

string_enum!(DeliveryState);

/// The reason why a delivery is waiting.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, Display, EnumString, IntoStaticStr, VariantNames,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", parse_err_ty = UnknownValue, parse_err_fn = UnknownValue::of::<WaitReason>)]
pub enum WaitReason {
    /// The subscription is paused.
    Paused,
    /// Its consumers have not fetched it yet.
    Consumer,
    /// Messages of this severity are not sent in quiet hours.
    QuietHours,
    /// The handler is down. All deliveries of the subscription wait until it is available again.
    HandlerDown,
    /// An earlier delivery about the same submission, file or alert has not been delivered yet.
    EarlierDelivery,
    /// It failed, and its next attempt is not due yet.
    Retry,
    /// The details of the submission or file are not known yet.
    Details,
    /// It is being sent.
    Sending,
    /// It is due, and is sent as soon as a worker is free.
    Worker,
}

string_enum!(WaitReason);

/// A delivery as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliverySummary {
    pub id: i64,
    pub subscription: String,
    pub source: DeliverySource,
    pub event_seq: i64,
    pub state: DeliveryState,
    /// `None` unless it is waiting.
    pub waits_for: Option<WaitReason>,
    /// The earlier delivery that it waits for.
    pub held_by: Option<i64>,
    /// Of a skipped delivery, when it was skipped.
    pub created_at: OffsetDateTime,
    pub attempts: u32,
    /// When it is sent next, if it is waiting for a known time.
    pub retry_at: Option<OffsetDateTime>,
    pub dead_at: Option<OffsetDateTime>,
    /// The result and note of its last attempt.
    pub last_result: Option<String>,
    pub last_status: Option<i32>,
    pub last_note: Option<String>,
    pub resource_id: Option<String>,
    pub event_status: Option<String>,
    /// The alert that a change is about.
    pub alert: Option<i64>,
    pub replay: Option<i64>,
}

/// Everything that can hold back a waiting delivery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a separate fact")]
pub(crate) struct Obstacles {
    pub(crate) is_paused: bool,
    pub(crate) is_pulled: bool,
    pub(crate) is_quiet: bool,
    pub(crate) is_handler_down: bool,
    pub(crate) is_held: bool,
    pub(crate) is_retried: bool,
    /// The lane is leased.
    pub(crate) is_leased: bool,
    /// The lane is not due although nothing has failed.
    pub(crate) is_delayed: bool,
    pub(crate) lacks_details: bool,
}

impl Obstacles {
    /// Returns the obstacle that has to end first. A test is sent in any state of the subscription.
    pub(crate) fn reason(self, source: DeliverySource) -> WaitReason {
        let is_test = source == DeliverySource::Test;
        if self.is_leased && !self.is_held {
            return WaitReason::Sending;
        }
        match self {
            Self { is_paused: true, .. } if !is_test => WaitReason::Paused,
            Self { is_quiet: true, .. } => WaitReason::QuietHours,
            Self { is_held: true, .. } => WaitReason::EarlierDelivery,
            Self { is_handler_down: true, .. } if !is_test => WaitReason::HandlerDown,
            Self { is_retried: true, .. } => WaitReason::Retry,
            Self { lacks_details: true, .. } | Self { is_delayed: true, .. } => WaitReason::Details,
            Self { is_pulled: true, .. } => WaitReason::Consumer,
            _ => WaitReason::Worker,
        }
    }
}

/// Which deliveries to list.
#[derive(Clone, Debug, Default)]
pub struct DeliveryFilter {
    pub subscription: Option<SubscriptionId>,
    /// `None`: those that are waiting or dead.
    pub state: Option<DeliveryState>,
    pub event_seq: Option<i64>,
    pub replay: Option<i64>,
    /// Only those with a lower ID.
    pub before_id: Option<i64>,
    pub limit: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_obstacle_that_has_to_end_first() {
        let event = |obstacles: Obstacles| obstacles.reason(DeliverySource::Event);
        let nothing = Obstacles::default();
        assert_eq!(event(nothing), WaitReason::Worker);
        assert_eq!(event(Obstacles { is_leased: true, ..nothing }), WaitReason::Sending);
        let behind = Obstacles { is_held: true, is_leased: true, ..nothing };
        assert_eq!(event(behind), WaitReason::EarlierDelivery);
        let failed = Obstacles { is_retried: true, is_handler_down: true, is_delayed: true, ..nothing };
        assert_eq!(event(failed), WaitReason::HandlerDown);
        assert_eq!(event(Obstacles { is_paused: true, ..failed }), WaitReason::Paused);
        assert_eq!(event(Obstacles { is_retried: true, is_delayed: true, ..nothing }), WaitReason::Retry);
        assert_eq!(event(Obstacles { is_delayed: true, ..nothing }), WaitReason::Details);
        assert_eq!(event(Obstacles { is_pulled: true, ..nothing }), WaitReason::Consumer);
        let paused = Obstacles { is_paused: true, is_handler_down: true, ..nothing };
        assert_eq!(paused.reason(DeliverySource::Test), WaitReason::Worker);
    }
}
