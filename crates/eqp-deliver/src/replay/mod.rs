//! Replays: events that were recorded earlier are delivered again, outside of the order, with the IDs of their messages.

mod administration;
mod error;
mod plan;
mod runner;
mod selection;

pub use administration::{ReplayState, ReplaySummary, Replays};
pub use error::ReplayError;
pub use plan::{PlannedSubscription, ReplayPlan};
pub(crate) use runner::ReplayRunner;
pub use selection::ReplaySelection;

use eqp_store::internal::SubscriptionId;

use crate::subscription::Subscription;

/// Returns whether a subscription may receive events of a replay to `target`, or to no particular subscription. Messages that consumers
/// fetch are replayed only if they are the target: a consumer that fetches nothing for days would hold up the replay for all others.
fn may_receive(subscription: &Subscription, target: Option<SubscriptionId>) -> bool {
    target.map_or(subscription.is_sent(), |target| target == subscription.id)
}
