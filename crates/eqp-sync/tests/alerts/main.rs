//! Alerts through the public API: each condition opens an alert, updates it, and resolves it when its real cause ends.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod channel;
mod data;
mod harness;
mod listings;
mod operators;
mod receivers;
mod registrations;
mod reviews;
#[allow(dead_code, reason = "shared with the tests of reconciliation")]
#[path = "../reconciling/setup.rs"]
mod setup;
