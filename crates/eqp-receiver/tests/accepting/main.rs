//! The accepting side through its public doors: HTTPS in front, real Postgres behind.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod bad_input;
mod changes;
mod contract;
mod credentials;
mod durability;
mod embedding;
mod endpoints;
mod outage;
mod proxy;
mod scene;
mod sender;
mod start;
