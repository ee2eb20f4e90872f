//! The pages in a real browser: what needs its scripts, its layout or its keyboard.
//!
//! The tests need Chromium (`apt-get install chromium`), and report if there is none.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

/// The tool under test.
const EQP: &str = env!("CARGO_BIN_EXE_eqp");

mod axe;
mod chromium;
mod layout;
mod pictures;
mod setup;
mod story;
mod storyline;
