//! Valid callbacks during an attack: ten thousand idle connections, and wrong passwords at full speed.

use super::interleave::thousands;
use super::{Measured, Row};
use crate::Failure;
use crate::attacker::{Flood, Idle};
use crate::figure::{Measurement, Promise};
use crate::harness::Harness;
use crate::load::{Certificate, Load};
use crate::postgres::Postgres;
use crate::process::{open_files, resident_mb};
use crate::receivers::Kind;
use crate::target::Target;

/// The number of connections of valid senders.
const CONNECTIONS: usize = 64;
/// The file descriptors that the receiver needs in addition to the idle connections.
const OTHER_FILES: usize = 500;
/// The number of connections that try passwords, each at full speed.
const FLOOD: usize = 16;

pub(super) const ROW: Row = Row {
    name: "attack",
    title: "Under attack",
    how: "Valid callbacks over 64 keep-alive TLS connections: first alone, then during an attack by 10,000 idle TLS \
          connections and a flood of wrong passwords over 16 more, from addresses 127.0.0.x. Receiver, valid sender, \
          idle connections and flood are four processes on the same cores. At the end of each sample, all 10,000 \
          connections must still be open.",
    takes: ("2 min", "1 min"),
    promises: &[Promise::at_most(
        "attack_p99_vs_quiet",
        2.0,
        1.2,
        "p99 of valid callbacks with 10,000 idle TLS connections and a flood of wrong passwords, × without",
    )],
    measure,
};

fn measure(harness: &Harness) -> Result<Measured, Failure> {
    let (needed, allowed) = (harness.scale.idle + OTHER_FILES, open_files()?);
    if allowed.is_some_and(|allowed| allowed < needed) {
        let reason = format!("a process may open fewer than {needed} files here (`ulimit -Hn`)");
        return Ok(Measured {
            found: vec![("attack_p99_vs_quiet", Measurement::NotRun(reason))],
            ..Measured::default()
        });
    }
    let certificate = Certificate::make(harness.folder())?;
    let postgres = harness.block_on(Postgres::start())?;
    let database = harness.block_on(postgres.database())?;
    let (mut ratios, mut lines) = (Vec::new(), Vec::new());
    let plain = Load::plain(CONNECTIONS, harness.scale.warm_up, harness.scale.time);
    let load = Load { wire: certificate.wire()?, ..plain };
    for round in 1..=harness.scale.rounds {
        let ours = Target::on(Kind::Ours, database.clone(), harness, true)?;
        harness.block_on(ours.clean())?;
        let quiet = ours.named("quiet");
        let alone = quiet.sample(harness, round, &load)?;
        let ours = quiet.named("under attack");
        harness.block_on(ours.clean())?;

        let mut idle = Idle::start(ours.address(), &certificate, harness.scale.idle)?;
        let mut flood = Flood::start(ours.address(), &certificate, FLOOD)?;
        let attacked = ours.sample(harness, round, &load)?;
        let memory = ours.pid().and_then(resident_mb);
        let refused = flood.stop()?;
        let open = idle.open()?;
        if open < harness.scale.idle || refused == 0 {
            return Err(
                format!("{open} idle connections are open at the end, and {refused} passwords were rejected").into()
            );
        }
        drop(idle);
        ratios.push(attacked.p99 / alone.p99);
        lines.push(vec![
            round.to_string(),
            thousands(alone.per_second),
            format!("{:.2} / {:.2}", alone.p50, alone.p99),
            thousands(attacked.per_second),
            format!("{:.2} / {:.2}", attacked.p50, attacked.p99),
            refused.to_string(),
            memory.map_or_else(|| "not reported".to_owned(), |mb| format!("{mb:.0}")),
        ]);
    }
    harness.block_on(postgres.stop())?;
    let columns = [
        "round",
        "quiet, callbacks/s",
        "p50 / p99, ms",
        "attacked, callbacks/s",
        "p50 / p99, ms",
        "rejected passwords",
        "receiver's memory, MB",
    ];
    Ok(Measured {
        found: vec![("attack_p99_vs_quiet", Measurement::Rounds(ratios))],
        columns: columns.map(str::to_owned).to_vec(),
        lines,
        notes: Vec::new(),
    })
}
