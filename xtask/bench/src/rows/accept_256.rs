//! Accepts at 256 connections, compared with one INSERT per request.

use super::interleave::{against_insert, ratios, table};
use super::{Measured, Row};
use crate::Failure;
use crate::figure::Promise;
use crate::harness::Harness;

const CONNECTIONS: usize = 256;

pub(super) const ROW: Row = Row {
    name: "accept-256",
    title: "Accepting at 256 connections",
    how: "The same comparison with the simple receiver in Rust (one `INSERT` per request), at 256 connections.",
    takes: ("1 min", "25 s"),
    promises: &[Promise::at_least(
        "durable_vs_insert_256",
        5.5,
        7.5,
        "durable callbacks/s at 256 connections, × one INSERT per request",
    )],
    measure,
};

fn measure(harness: &Harness) -> Result<Measured, Failure> {
    let all = against_insert(harness, CONNECTIONS)?;
    Ok(Measured {
        found: vec![("durable_vs_insert_256", ratios(&all[0], &all[1], |sample| sample.per_second))],
        ..table(&all)
    })
}
