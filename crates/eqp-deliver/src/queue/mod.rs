//! The queue of deliveries: leases lanes, sends their deliveries in order, and records the results.

mod breaker;
mod handlers;
mod lane;
mod measure;
mod message;
mod order_hold;
mod pace;
mod results;
mod retry_schedule;
mod settings;
mod sweep;
mod worker;

pub use handlers::BuildHandler;
pub(crate) use measure::measure;
pub(crate) use message::{MessageSource, Messages, Prepared};
pub(crate) use order_hold::set_aside;
pub(crate) use retry_schedule::WAITS;
pub(crate) use settings::WorkerSettings;
pub(crate) use sweep::sweep;
pub(crate) use worker::Worker;
