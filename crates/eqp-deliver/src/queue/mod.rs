//! The queue of deliveries: leases lanes, sends their deliveries in order, and records the results.

mod breaker;
mod handlers;
mod lane;
mod message;
mod pace;
mod results;
mod retry_schedule;
mod sweep;
mod worker;

pub use handlers::BuildHandler;
pub(crate) use sweep::sweep;
pub(crate) use worker::{Worker, WorkerSettings};
