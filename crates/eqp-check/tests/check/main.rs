//! Tests the check through its public interface, with generated archives.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod accepted;
mod broken_rules;
mod code_sniffer;
mod fixture;
mod formats;
mod hostile;
mod odd_archives;
mod programs;
mod validator;
