//! Accepting and making events of it, for as long as one likes.

use super::interleave::thousands;
use super::{Measured, Row};
use crate::Failure;
use crate::contender::Contender;
use crate::figure::{Found, Promise};
use crate::ground::Ground;
use crate::load::{self, Bodies, Load};
use crate::postgres::Postgres;
use crate::projected::projected;
use crate::receivers::Kind;

const CONNECTIONS: usize = 64;

pub(super) const ROW: Row = Row {
    name: "pipeline",
    title: "Accepting and projecting",
    how: "Our receiver accepts and projects (tracks and events), against the receiver with one `INSERT` per request, which \
          only accepts; 64 plain connections. Callbacks are of the form that is sent today: each submission goes through a \
          review of seven callbacks, and every tenth callback is a copy. Counted is what is accepted *and* projected: all \
          callbacks, over the time from the first request until nothing is pending. Each turn has a database of its own, \
          and afterwards every callback has exactly one outcome.",
    takes: ("90 s", "30 s"),
    promises: &[Promise::at_least(
        "pipeline_vs_insert",
        2.5,
        3.5,
        "callbacks/s accepted and projected, × one INSERT per request that only accepts",
    )],
    measure,
};

fn measure(ground: &Ground) -> Result<Measured, Failure> {
    let postgres = ground.block_on(Postgres::start())?;
    let plain = Load::plain(CONNECTIONS, std::time::Duration::ZERO, ground.scale.warm_up + ground.scale.time);
    let load = Load { bodies: Bodies::Reviews, ..plain };
    let (mut ratios, mut lines) = (Vec::new(), Vec::new());
    for round in 1..=ground.scale.rounds {
        let ours = ground.block_on(Contender::new(Kind::OursProjecting, &postgres, ground))?;
        let sent = load::run(ours.address(), &load)?;
        let done = ground.block_on(projected(&ours.database))?;
        let turn = ours.finish(ground, round, &sent)?;
        let took = turn.took + done.at.duration_since(turn.ended);
        #[expect(clippy::cast_precision_loss, reason = "a turn has far fewer than 2^52 callbacks")]
        let sustained = turn.answered as f64 / took.as_secs_f64();
        let database = ours.database.clone();
        drop(ours);
        ground.block_on(postgres.drop_database(&database))?;

        let insert = ground.block_on(Contender::new(Kind::Insert, &postgres, ground))?;
        let theirs = insert.turn(ground, round, &load)?;
        let database = insert.database.clone();
        drop(insert);
        ground.block_on(postgres.drop_database(&database))?;
        ratios.push(sustained / theirs.per_second);
        lines.push(vec![
            round.to_string(),
            thousands(sustained),
            thousands(turn.per_second),
            format!("{:.3}", done.at.duration_since(turn.ended).as_secs_f64()),
            done.events.to_string(),
            thousands(theirs.per_second),
        ]);
    }
    ground.block_on(postgres.stop())?;
    let columns =
        ["round", "accepted and projected, /s", "accepted, /s", "s to the last event", "events", "one INSERT each, /s"];
    Ok(Measured {
        found: vec![("pipeline_vs_insert", Found::Rounds(ratios))],
        columns: columns.map(str::to_owned).to_vec(),
        lines,
        notes: Vec::new(),
    })
}
