//! Embeddable receiver of EQP callbacks.
//!
//! The way of the data, one way only: route → accept → lane → store → pending → project → track and event →
//! readers. Nothing in `project` imports `accept`; only `store` holds SQL.

mod accept;
mod deliver;
mod endpoint;
mod error;
mod project;
mod store;

pub use error::Error;
