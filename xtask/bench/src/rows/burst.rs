//! The time until a burst of callbacks is projected.

use super::interleave::thousands;
use super::{Measured, Row};
use crate::Failure;
use crate::figure::{Measurement, Promise};
use crate::harness::Harness;
use crate::load::{self, Bodies, Load, Span};
use crate::postgres::Postgres;
use crate::projected::projected;
use crate::receivers::Kind;
use crate::target::Target;

const CONNECTIONS: usize = 64;

pub(super) const ROW: Row = Row {
    name: "burst",
    title: "A burst of 100,000 callbacks",
    how: "100,000 callbacks (reviews as above) are sent over 64 plain connections as fast as they are answered, to a \
          receiver that accepts and projects. The result is the time from the last response until nothing is pending, \
          as a share of the time for sending. Each round has a new database, whose tables have no statistics.",
    takes: ("30 s", "20 s"),
    promises: &[Promise::at_most(
        "burst_drain",
        0.2,
        0.05,
        "from the last response until all is projected, as a share of the burst's length",
    )],
    measure,
};

fn measure(harness: &Harness) -> Result<Measured, Failure> {
    let postgres = harness.block_on(Postgres::start())?;
    let plain = Load::plain(CONNECTIONS, harness.scale.warm_up, harness.scale.time);
    let load = Load { bodies: Bodies::Reviews, span: Span::Count(harness.scale.burst), ..plain };
    let (mut shares, mut lines) = (Vec::new(), Vec::new());
    for round in 1..=harness.scale.rounds {
        let ours = harness.block_on(Target::new(Kind::OursProjecting, &postgres, harness))?;
        let sent = load::run(ours.address(), &load)?;
        let done = harness.block_on(projected(&ours.database))?;
        let sample = ours.finish(harness, round, &sent)?;
        let drain = done.at.duration_since(sample.ended);
        shares.push(drain.as_secs_f64() / sample.took.as_secs_f64());
        lines.push(vec![
            round.to_string(),
            thousands(sample.per_second),
            format!("{:.2}", sample.took.as_secs_f64()),
            format!("{:.3}", drain.as_secs_f64()),
            done.events.to_string(),
        ]);
        let database = ours.database.clone();
        drop(ours);
        harness.block_on(postgres.drop_database(&database))?;
    }
    harness.block_on(postgres.stop())?;
    let columns = ["round", "callbacks/s", "burst, s", "then until projected, s", "events"];
    Ok(Measured {
        found: vec![("burst_drain", Measurement::Rounds(shares))],
        columns: columns.map(str::to_owned).to_vec(),
        lines,
        notes: Vec::new(),
    })
}
