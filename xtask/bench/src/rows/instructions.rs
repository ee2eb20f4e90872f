//! What a callback costs in instructions: the one figure that no other load on the machine changes.

use std::fs;
use std::path::Path;

use super::interleave::thousands;
use super::{Measured, Row};
use crate::Failure;
use crate::contender::Contender;
use crate::ground::Ground;
use crate::load::{Load, Span};
use crate::postgres::Postgres;
use crate::receivers::{Kind, answers};

const CONNECTIONS: usize = 64;
/// Counted with this many callbacks and with twice as many: the difference has no start and no end in it.
const CALLBACKS: usize = 2_000;

pub(super) const ROW: Row = Row {
    name: "instructions",
    title: "Instructions for each callback",
    how: "The accepting receiver and the one with one `INSERT` per request under callgrind (valgrind), at 64 plain \
          connections: instructions of the receiver's process for each callback, Postgres and the kernel left out. Not a \
          promise, but a count that is nearly the same on every run: where a speed has changed, it tells whether the code \
          has. `callgrind_annotate` shows where they are spent.",
    takes: ("2 min", "2 min"),
    promises: &[],
    measure,
};

fn measure(ground: &Ground) -> Result<Measured, Failure> {
    if !answers("valgrind") {
        return Ok(Measured { notes: vec!["Not run: no valgrind.".to_owned()], ..Measured::default() });
    }
    let postgres = ground.block_on(Postgres::start())?;
    let mut lines = Vec::new();
    for kind in [Kind::Ours, Kind::Insert] {
        let once = count(ground, &postgres, kind, CALLBACKS)?;
        let twice = count(ground, &postgres, kind, 2 * CALLBACKS)?;
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 instructions")]
        let each = twice.saturating_sub(once) as f64 / CALLBACKS as f64;
        eprintln!("{:18}  {each:>8.0} instructions for each callback", kind.name());
        lines.push(vec![kind.name().to_owned(), thousands(each)]);
    }
    ground.block_on(postgres.stop())?;
    Ok(Measured { columns: ["receiver", "instructions"].map(str::to_owned).to_vec(), lines, ..Measured::default() })
}

/// Instructions of a receiver's whole life, in which it takes so many callbacks.
fn count(ground: &Ground, postgres: &Postgres, kind: Kind, callbacks: usize) -> Result<u64, Failure> {
    let counts = ground.folder().join(format!("{kind:?}-{callbacks}.callgrind"));
    let contender = Contender::counted(kind, ground.block_on(postgres.database())?, ground, &counts)?;
    let plain = Load::plain(CONNECTIONS, ground.scale.warm_up, ground.scale.time);
    contender.turn(ground, 1, &Load { span: Span::Count(callbacks), ..plain })?;
    drop(contender);
    total(&counts)
}

fn total(counts: &Path) -> Result<u64, Failure> {
    let text = fs::read_to_string(counts)?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals:")?.trim().parse().ok());
    total.ok_or_else(|| "callgrind has counted nothing".into())
}
