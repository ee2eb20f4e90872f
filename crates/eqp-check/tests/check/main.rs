//! Whole archives in, reports out: by the library's own door, on archives that the tests make.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod accepted;
mod broken_rules;
mod fixture;
mod formats;
mod hostile;
mod odd_archives;
mod programs;
mod validator;
