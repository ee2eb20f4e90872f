//! Shared set-up of the behaviour tests. It panics where a test should fail.
#![allow(clippy::missing_errors_doc, clippy::missing_panics_doc, reason = "a test fails by a panic or an error")]

mod database;
mod server;
pub mod submission;

pub use database::TestDatabase;
