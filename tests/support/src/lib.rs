//! The test harness of all crates: databases, network faults, a simulated Marketplace with its client, a receiver with
//! its sender, stored callbacks, and custom API servers. It panics if a test should fail.
#![allow(
    clippy::missing_errors_doc,
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a test fails by a panic or an error"
)]
#![allow(missing_docs, reason = "the names of fixtures say what they are")]

pub mod api_server;
pub mod callbacks;
mod database;
pub mod hostile;
pub mod mail;
pub mod marketplace;
mod own_postgres;
mod process;
mod proxy;
pub mod receiver;
mod same_meaning;
pub mod schemas;
pub mod sender;
mod server;
mod small_disk;
pub mod submission;
pub mod tool;
pub mod vendor;
pub mod webhooks;

pub use database::TestDatabase;
pub use own_postgres::OwnPostgres;
pub use process::process_runs;
pub use proxy::{NetworkConditions, Proxy};
pub use same_meaning::one_spelling;
pub use small_disk::SmallDisk;
