//! From the start of the receiver until it is ready.

use super::{Measured, Row};
use crate::Failure;
use crate::figure::{Found, Promise, median};
use crate::ground::Ground;
use crate::load::Certificate;
use crate::postgres::Postgres;
use crate::tool::Tool;

pub(super) const ROW: Row = Row {
    name: "ready",
    title: "Start to ready",
    how: "`eqp serve` with the URL of a migrated database (over a Unix socket) and a certificate: from the start of the \
          process until `GET /readyz`, asked over TLS, is answered with 200. A round is the median of 21 starts.",
    takes: ("30 s", "15 s"),
    promises: &[Promise::at_most("ready_ms", 100.0, 30.0, "eqp serve with a database URL, start to ready, ms")],
    measure,
};

fn measure(ground: &Ground) -> Result<Measured, Failure> {
    let tool = Tool::build()?;
    Certificate::make(ground.folder())?;
    let postgres = ground.block_on(Postgres::start())?;
    let database = ground.block_on(postgres.database())?;
    let (url, data) = (postgres.url(&database)?, ground.folder().join("data"));
    let start = || {
        let serving = ground.block_on(tool.serve(ground.folder(), &data, Some(&url)))?;
        Ok::<_, Failure>(serving.ready_after.as_secs_f64() * 1000.0)
    };
    // The first makes the data folder and its key.
    start()?;
    let (mut rounds, mut lines) = (Vec::new(), Vec::new());
    for round in 1..=ground.scale.rounds {
        let times: Result<Vec<f64>, Failure> = (0..ground.scale.starts).map(|_| start()).collect();
        let mut times = times?;
        times.sort_by(f64::total_cmp);
        rounds.push(median(&times));
        let most = times.last().copied().unwrap_or(f64::NAN);
        eprintln!("round {round}/{}  ready after {:.1} ms, at most {most:.1} ms", ground.scale.rounds, median(&times));
        lines.push(vec![round.to_string(), format!("{:.1}", median(&times)), format!("{most:.1}")]);
    }
    ground.block_on(postgres.stop())?;
    Ok(Measured {
        found: vec![("ready_ms", Found::Rounds(rounds))],
        columns: ["round", "median, ms", "slowest, ms"].map(str::to_owned).to_vec(),
        lines,
        notes: Vec::new(),
    })
}
