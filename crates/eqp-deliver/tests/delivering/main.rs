//! Subscriptions: which events reach which handlers, in which order, and what happens while a handler fails.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod administering;
mod alerts;
mod crashes;
mod failures;
mod matching;
mod ordering;
mod outages;
mod replays;
mod setup;
mod webhooks;
