//! Subscriptions: which events reach which handlers, in which order, and what happens while a handler fails.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod administering;
mod alerts;
mod crashes;
mod declaring;
mod digests;
mod failures;
mod fallbacks;
mod matching;
mod metrics;
mod ordering;
mod outages;
mod pulling;
mod reminders;
mod replays;
mod setup;
mod webhooks;
