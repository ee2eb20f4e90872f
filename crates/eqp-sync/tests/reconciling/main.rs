//! Reconciling through the public API, against the simulator and a real Postgres.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod baseline;
mod hostile;
mod missing_callbacks;
mod polling;
mod rejections;
mod service;
mod setup;
