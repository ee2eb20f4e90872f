//! The duration of everyday commands of the tool.

use super::list::some_events;
use super::{Measured, Row};
use crate::Failure;
use crate::figure::{Measurement, Promise, median};
use crate::harness::Harness;
use crate::postgres::Postgres;
use crate::tool::Tool;

/// The number of events in the database.
const EVENTS: i64 = 10_000;

pub(super) const ROW: Row = Row {
    name: "tool",
    title: "The tool",
    how: "Run time of the process for `eqp --help`, and for `eqp events list --json` on a warm database with 10,000 \
          events, over a Unix socket. The result of a round is the median of 21 calls.",
    takes: ("20 s", "10 s"),
    promises: &[
        Promise::at_most("cli_help_ms", 15.0, 3.0, "eqp --help, ms"),
        Promise::at_most("cli_list_ms", 40.0, 15.0, "eqp events list on a warm database, ms"),
    ],
    measure,
};

fn measure(harness: &Harness) -> Result<Measured, Failure> {
    let tool = Tool::build()?;
    let postgres = harness.block_on(Postgres::start())?;
    let database = harness.block_on(some_events(&postgres, EVENTS))?;
    let (url, data) = (postgres.url(&database)?, harness.folder().join("data"));
    let median_of = |url: Option<&str>, arguments: &[&str]| {
        let times: Result<Vec<f64>, Failure> =
            (0..harness.scale.starts).map(|_| tool.time(&data, url, arguments)).collect();
        Ok::<_, Failure>(median(&times?))
    };
    // The first run of each command warms the caches.
    median_of(Some(&url), &["events", "list", "--json"])?;
    let (mut help, mut list, mut lines) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=harness.scale.rounds {
        help.push(median_of(None, &["--help"])?);
        list.push(median_of(Some(&url), &["events", "list", "--json"])?);
        let cells = [&help, &list].map(|times| format!("{:.1}", times[round - 1]));
        eprintln!("round {round}/{}  --help {} ms, events list {} ms", harness.scale.rounds, cells[0], cells[1]);
        lines.push(std::iter::once(round.to_string()).chain(cells).collect());
    }
    harness.block_on(postgres.stop())?;
    Ok(Measured {
        found: vec![("cli_help_ms", Measurement::Rounds(help)), ("cli_list_ms", Measurement::Rounds(list))],
        columns: ["round", "eqp --help, ms", "eqp events list, ms"].map(str::to_owned).to_vec(),
        lines,
        notes: Vec::new(),
    })
}
