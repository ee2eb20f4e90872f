//! Tests of the accepting side through its public interfaces, over HTTPS and with a real Postgres.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod alert_rules;
mod attack;
mod bad_input;
mod canary;
mod certificate;
mod changes;
mod connections;
mod contract;
mod credentials;
mod durability;
mod embedding;
mod endpoints;
mod failures;
mod metrics;
mod odd_fields;
mod outage;
mod panics;
mod paths;
mod restarts;
mod rotation;
mod several;
mod start;
