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
