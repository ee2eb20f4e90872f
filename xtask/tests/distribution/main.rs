//! Tests the scripts that build and install releases, with a stand-in for the program.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod debian;
mod installer;
mod packing;
mod setup;
mod workflows;
