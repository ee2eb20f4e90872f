//! Accepting at one connection, against one INSERT per request.

use super::interleave::{against_insert, ratios, table};
use super::{Measured, Row};
use crate::Failure;
use crate::figure::Promise;
use crate::ground::Ground;

const CONNECTIONS: usize = 1;

pub(super) const ROW: Row = Row {
    name: "accept-single",
    title: "Accepting at one connection",
    how: "The same, of ours and of the receiver with one `INSERT` per request.",
    takes: ("1 min", "25 s"),
    promises: &[Promise::at_most(
        "p50_single_vs_insert",
        1.0,
        0.75,
        "p50 at one connection, as a share of one INSERT per request",
    )],
    measure,
};

fn measure(ground: &Ground) -> Result<Measured, Failure> {
    let all = against_insert(ground, CONNECTIONS)?;
    Ok(Measured { found: vec![("p50_single_vs_insert", ratios(&all[0], &all[1], |turn| turn.p50))], ..table(&all) })
}
