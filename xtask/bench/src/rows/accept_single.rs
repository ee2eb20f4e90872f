//! Accepts at one connection, compared with one INSERT per request.

use super::interleave::{against_insert, ratios, table};
use super::{Measured, Row};
use crate::Failure;
use crate::figure::Promise;
use crate::harness::Harness;

const CONNECTIONS: usize = 1;

pub(super) const ROW: Row = Row {
    name: "accept-single",
    title: "Accepting at one connection",
    how: "The same comparison with the simple receiver in Rust (one `INSERT` per request), at one connection.",
    takes: ("1 min", "25 s"),
    promises: &[Promise::at_most(
        "p50_single_vs_insert",
        1.0,
        0.75,
        "p50 at one connection, as a share of one INSERT per request",
    )],
    measure,
};

fn measure(harness: &Harness) -> Result<Measured, Failure> {
    let all = against_insert(harness, CONNECTIONS)?;
    Ok(Measured { found: vec![("p50_single_vs_insert", ratios(&all[0], &all[1], |sample| sample.p50))], ..table(&all) })
}
