//! Shared set-up of the behaviour tests. It panics where a test should fail.
#![allow(clippy::missing_errors_doc, clippy::missing_panics_doc, reason = "a test fails by a panic or an error")]

mod database;
pub mod hostile;
mod own_postgres;
mod proxy;
mod server;
mod small_disk;
pub mod submission;

pub use database::TestDatabase;
pub use own_postgres::OwnPostgres;
pub use proxy::{Proxy, Weather};
pub use small_disk::SmallDisk;
