//! Events out of the receiver, to handlers in the same process.

mod handler;
mod handler_loop;

pub use handler::{Handler, HandlerError};
pub use handler_loop::HandlerLoop;
