//! The time from the start of the receiver until it is ready.

use super::{Measured, Row};
use crate::Failure;
use crate::figure::{Measurement, Promise, median};
use crate::harness::Harness;
use crate::load::Certificate;
use crate::postgres::Postgres;
use crate::tool::Tool;

pub(super) const ROW: Row = Row {
    name: "ready",
    title: "Start to ready",
    how: "`eqp serve` with the URL of a migrated database (over a Unix socket) and a certificate: from the start of \
          the process until `GET /readyz` is answered with 200 over TLS. The result of a round is the median of 21 \
          starts.",
    takes: ("30 s", "15 s"),
    promises: &[Promise::at_most("ready_ms", 100.0, 30.0, "eqp serve with a database URL, start to ready, ms")],
    measure,
};

fn measure(harness: &Harness) -> Result<Measured, Failure> {
    let tool = Tool::build()?;
    Certificate::make(harness.folder())?;
    let postgres = harness.block_on(Postgres::start())?;
    let database = harness.block_on(postgres.database())?;
    let (url, data) = (postgres.url(&database)?, harness.folder().join("data"));
    let start = || {
        let serving = harness.block_on(tool.serve(harness.folder(), &data, Some(&url)))?;
        Ok::<_, Failure>(serving.ready_after.as_secs_f64() * 1000.0)
    };
    // The first start creates the data folder and its key.
    start()?;
    let (mut rounds, mut lines) = (Vec::new(), Vec::new());
    for round in 1..=harness.scale.rounds {
        let times: Result<Vec<f64>, Failure> = (0..harness.scale.starts).map(|_| start()).collect();
        let mut times = times?;
        times.sort_by(f64::total_cmp);
        rounds.push(median(&times));
        let most = times.last().copied().unwrap_or(f64::NAN);
        eprintln!("round {round}/{}  ready after {:.1} ms, at most {most:.1} ms", harness.scale.rounds, median(&times));
        lines.push(vec![round.to_string(), format!("{:.1}", median(&times)), format!("{most:.1}")]);
    }
    harness.block_on(postgres.stop())?;
    Ok(Measured {
        found: vec![("ready_ms", Measurement::Rounds(rounds))],
        columns: ["round", "median, ms", "slowest, ms"].map(str::to_owned).to_vec(),
        lines,
        notes: Vec::new(),
    })
}
