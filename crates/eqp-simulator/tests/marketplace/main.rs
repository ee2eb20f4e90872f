//! Tests of the simulated Marketplace through its API over TLS.

#![allow(clippy::unwrap_used, reason = "here a panic is how a test fails")]

mod callbacks;
mod control;
mod demo;
mod documented;
mod documented_fields;
mod faults;
mod files;
mod keys_and_reports;
mod packages;
mod profile;
mod review;
mod session;
mod shutdown;
mod spelling;
mod submitting;
mod walkthrough;
