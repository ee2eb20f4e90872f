//! A burst, and how long it takes until all of it is projected.

use super::interleave::thousands;
use super::{Measured, Row};
use crate::Failure;
use crate::contender::Contender;
use crate::figure::{Found, Promise};
use crate::ground::Ground;
use crate::load::{self, Bodies, Load, Span};
use crate::postgres::Postgres;
use crate::projected::projected;
use crate::receivers::Kind;

const CONNECTIONS: usize = 64;

pub(super) const ROW: Row = Row {
    name: "burst",
    title: "A burst of 100,000 callbacks",
    how: "100,000 callbacks (reviews as before) as fast as they are taken over 64 plain connections, by a receiver that \
          accepts and projects; then the time from the last answer until nothing is pending, as a share of the burst's \
          length. Each round has a database of its own, whose tables have no statistics.",
    takes: ("30 s", "20 s"),
    promises: &[Promise::at_most(
        "burst_drain",
        0.2,
        0.05,
        "from the last answer until all is projected, as a share of the burst's length",
    )],
    measure,
};

fn measure(ground: &Ground) -> Result<Measured, Failure> {
    let postgres = ground.block_on(Postgres::start())?;
    let plain = Load::plain(CONNECTIONS, ground.scale.warm_up, ground.scale.time);
    let load = Load { bodies: Bodies::Reviews, span: Span::Count(ground.scale.burst), ..plain };
    let (mut shares, mut lines) = (Vec::new(), Vec::new());
    for round in 1..=ground.scale.rounds {
        let ours = ground.block_on(Contender::new(Kind::OursProjecting, &postgres, ground))?;
        let sent = load::run(ours.address(), &load)?;
        let done = ground.block_on(projected(&ours.database))?;
        let turn = ours.finish(ground, round, &sent)?;
        let drain = done.at.duration_since(turn.ended);
        shares.push(drain.as_secs_f64() / turn.took.as_secs_f64());
        lines.push(vec![
            round.to_string(),
            thousands(turn.per_second),
            format!("{:.2}", turn.took.as_secs_f64()),
            format!("{:.3}", drain.as_secs_f64()),
            done.events.to_string(),
        ]);
        let database = ours.database.clone();
        drop(ours);
        ground.block_on(postgres.drop_database(&database))?;
    }
    ground.block_on(postgres.stop())?;
    let columns = ["round", "callbacks/s", "burst, s", "then until projected, s", "events"];
    Ok(Measured {
        found: vec![("burst_drain", Found::Rounds(shares))],
        columns: columns.map(str::to_owned).to_vec(),
        lines,
        notes: Vec::new(),
    })
}
