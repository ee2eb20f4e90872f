//! Measures the number of instructions per callback, the only figure that does not depend on other load on the machine.

use std::fs;
use std::path::Path;

use super::interleave::thousands;
use super::{Measured, Row};
use crate::Failure;
use crate::harness::Harness;
use crate::load::{Load, Span};
use crate::postgres::Postgres;
use crate::receivers::{Kind, answers};
use crate::target::Target;

const CONNECTIONS: usize = 64;
/// The number of callbacks. Instructions are counted with this number and with twice as many; the difference does not
/// include start and end.
const CALLBACKS: usize = 2_000;

pub(super) const ROW: Row = Row {
    name: "instructions",
    title: "Instructions for each callback",
    how: "The accepting receiver and the simple receiver in Rust (one `INSERT` per request) under callgrind \
          (valgrind), at 64 plain connections: instructions per callback in the receiver's process, without Postgres \
          and the kernel. This is not a target. The count is nearly the same in every run, so it shows whether a \
          change in speed comes from the code. `callgrind_annotate` shows where the instructions are executed.",
    takes: ("2 min", "2 min"),
    promises: &[],
    measure,
};

fn measure(harness: &Harness) -> Result<Measured, Failure> {
    if !answers("valgrind") {
        return Ok(Measured { notes: vec!["Not run: no valgrind.".to_owned()], ..Measured::default() });
    }
    let postgres = harness.block_on(Postgres::start())?;
    let mut lines = Vec::new();
    for kind in [Kind::Ours, Kind::Insert] {
        let once = count(harness, &postgres, kind, CALLBACKS)?;
        let twice = count(harness, &postgres, kind, 2 * CALLBACKS)?;
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 instructions")]
        let each = twice.saturating_sub(once) as f64 / CALLBACKS as f64;
        eprintln!("{:18}  {each:>8.0} instructions for each callback", kind.name());
        lines.push(vec![kind.name().to_owned(), thousands(each)]);
    }
    harness.block_on(postgres.stop())?;
    Ok(Measured { columns: ["receiver", "instructions"].map(str::to_owned).to_vec(), lines, ..Measured::default() })
}

/// Returns the instructions of a receiver from start to end, during which it accepts this number of callbacks.
fn count(harness: &Harness, postgres: &Postgres, kind: Kind, callbacks: usize) -> Result<u64, Failure> {
    let counts = harness.folder().join(format!("{kind:?}-{callbacks}.callgrind"));
    let target = Target::counted(kind, harness.block_on(postgres.database())?, harness, &counts)?;
    let plain = Load::plain(CONNECTIONS, harness.scale.warm_up, harness.scale.time);
    target.sample(harness, 1, &Load { span: Span::Count(callbacks), ..plain })?;
    drop(target);
    total(&counts)
}

fn total(counts: &Path) -> Result<u64, Failure> {
    let text = fs::read_to_string(counts)?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals:")?.trim().parse().ok());
    total.ok_or_else(|| "callgrind has counted nothing".into())
}
