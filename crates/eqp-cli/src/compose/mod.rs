//! Builds clients, databases and receivers from the configuration.

pub(crate) mod alerts;
pub(crate) mod client;
pub(crate) mod database;
#[cfg(feature = "embedded")]
mod embedded;
#[cfg(not(feature = "embedded"))]
#[path = "no_embedded.rs"]
mod embedded;
pub(crate) mod listings;
pub(crate) mod operator;
pub(crate) mod operator_listener;
pub(crate) mod pages_address;
pub(crate) mod process;
pub(crate) mod receiver;
pub(crate) mod reconcile;
pub(crate) mod recorded;
