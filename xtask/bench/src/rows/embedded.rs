//! Measures the start of a receiver with its embedded Postgres.

use super::{Measured, Row};
use crate::Failure;
use crate::figure::{Measurement, Promise};
use crate::harness::Harness;
use crate::load::Certificate;
use crate::tool::Tool;

pub(super) const ROW: Row = Row {
    name: "embedded",
    title: "The embedded Postgres",
    how: "`eqp serve` without a configured database: from the start of the process until `GET /readyz` is answered \
          with 200. First in a new data folder (`initdb`, start, all migrations), then again in the same folder. \
          Postgres is installed.",
    takes: ("20 s", "12 s"),
    promises: &[
        Promise::at_most("embedded_first_s", 2.5, 0.6, "embedded Postgres, first start to ready, s"),
        Promise::at_most("embedded_later_s", 0.6, 0.1, "embedded Postgres, later start to ready, s"),
    ],
    measure,
};

fn measure(harness: &Harness) -> Result<Measured, Failure> {
    let tool = Tool::build()?;
    Certificate::make(harness.folder())?;
    let (mut first, mut later, mut lines) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=harness.scale.rounds {
        // A folder that the user that Postgres runs as can enter.
        let data = eqp_postgres::temporary_folder()?;
        let start = || {
            let serving = harness.block_on(tool.serve(harness.folder(), &data, None))?;
            Ok::<_, Failure>(serving.ready_after.as_secs_f64())
        };
        let both = start().and_then(|first| Ok((first, start()?)));
        std::fs::remove_dir_all(&data)?;
        let (one, other) = both?;
        eprintln!("round {round}/{}  first {one:.2} s, later {other:.2} s", harness.scale.rounds);
        first.push(one);
        later.push(other);
        lines.push(vec![round.to_string(), format!("{one:.2}"), format!("{other:.2}")]);
    }
    Ok(Measured {
        found: vec![("embedded_first_s", Measurement::Rounds(first)), ("embedded_later_s", Measurement::Rounds(later))],
        columns: ["round", "first, s", "later, s"].map(str::to_owned).to_vec(),
        lines,
        notes: Vec::new(),
    })
}
