//! Accepts and projects at the same time, under a sustained load.

use super::interleave::thousands;
use super::{Measured, Row};
use crate::Failure;
use crate::figure::{Measurement, Promise};
use crate::harness::Harness;
use crate::load::{self, Bodies, Load};
use crate::postgres::Postgres;
use crate::projected::projected;
use crate::receivers::Kind;
use crate::target::Target;

const CONNECTIONS: usize = 64;

pub(super) const ROW: Row = Row {
    name: "pipeline",
    title: "Accepting and projecting",
    how: "Our receiver accepts and projects (tracks and events); the simple receiver in Rust (one `INSERT` per \
          request) only accepts. Both use 64 plain connections. The callbacks have the newer format: each submission \
          goes through a review of seven callbacks, and every tenth callback is a duplicate. The rate counts all \
          accepted *and* projected callbacks over the time from the first request until nothing is pending. Each \
          sample has a new database. At the end, every callback must have exactly one disposition.",
    takes: ("90 s", "30 s"),
    promises: &[Promise::at_least(
        "pipeline_vs_insert",
        2.5,
        3.5,
        "callbacks/s accepted and projected, × one INSERT per request that only accepts",
    )],
    measure,
};

fn measure(harness: &Harness) -> Result<Measured, Failure> {
    let postgres = harness.block_on(Postgres::start())?;
    let plain = Load::plain(CONNECTIONS, std::time::Duration::ZERO, harness.scale.warm_up + harness.scale.time);
    let load = Load { bodies: Bodies::Reviews, ..plain };
    let (mut ratios, mut lines) = (Vec::new(), Vec::new());
    for round in 1..=harness.scale.rounds {
        let ours = harness.block_on(Target::new(Kind::OursProjecting, &postgres, harness))?;
        let sent = load::run(ours.address(), &load)?;
        let done = harness.block_on(projected(&ours.database))?;
        let sample = ours.finish(harness, round, &sent)?;
        let took = sample.took + done.at.duration_since(sample.ended);
        #[expect(clippy::cast_precision_loss, reason = "a sample has far fewer than 2^52 callbacks")]
        let sustained = sample.answered as f64 / took.as_secs_f64();
        let database = ours.database.clone();
        drop(ours);
        harness.block_on(postgres.drop_database(&database))?;

        let insert = harness.block_on(Target::new(Kind::Insert, &postgres, harness))?;
        let theirs = insert.sample(harness, round, &load)?;
        let database = insert.database.clone();
        drop(insert);
        harness.block_on(postgres.drop_database(&database))?;
        ratios.push(sustained / theirs.per_second);
        lines.push(vec![
            round.to_string(),
            thousands(sustained),
            thousands(sample.per_second),
            format!("{:.3}", done.at.duration_since(sample.ended).as_secs_f64()),
            done.events.to_string(),
            thousands(theirs.per_second),
        ]);
    }
    harness.block_on(postgres.stop())?;
    let columns =
        ["round", "accepted and projected, /s", "accepted, /s", "s to the last event", "events", "one INSERT each, /s"];
    Ok(Measured {
        found: vec![("pipeline_vs_insert", Measurement::Rounds(ratios))],
        columns: columns.map(str::to_owned).to_vec(),
        lines,
        notes: Vec::new(),
    })
}
