//! Tests of what handlers outside of the process receive, and of how their responses are understood.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod chat_storage;
mod discord;
mod documentation;
mod exec;
#[cfg(feature = "email")]
mod mail;
mod message_format;
mod messages;
mod network;
mod recipes;
mod server;
mod slack;
mod teams;
mod threads;
mod webhook;
