#![doc = include_str!("../README.md")]

mod attempt;
mod handler;
mod handler_loop;

pub use eqp_store::{Event, Observer};
pub use handler::{Handler, HandlerError, RunningHandler};
pub use handler_loop::HandlerLoop;
pub use tokio_util::sync::CancellationToken;
