//! Good callbacks while ten thousand connections do nothing and somebody tries passwords as fast as it goes.

use super::interleave::thousands;
use super::{Measured, Row};
use crate::Failure;
use crate::contender::Contender;
use crate::figure::{Found, Promise};
use crate::ground::Ground;
use crate::intruder::{Flood, Idle};
use crate::load::{Certificate, Load};
use crate::postgres::Postgres;
use crate::process::{open_files, resident_mb};
use crate::receivers::Kind;

/// Those of good senders.
const CONNECTIONS: usize = 64;
/// What the receiver opens beside the idle connections.
const OTHER_FILES: usize = 500;
/// Those that try passwords; each sends the next as soon as the last is refused.
const FLOOD: usize = 16;

pub(super) const ROW: Row = Row {
    name: "attack",
    title: "Under attack",
    how: "Good callbacks over 64 kept TLS connections, first alone, then beside 10,000 idle TLS connections and a flood of \
          wrong passwords over 16 more, from addresses 127.0.0.x. Receiver, good sender, idle connections and flood are \
          four processes on the same cores. At the end of each turn all 10,000 must still be open.",
    takes: ("2 min", "1 min"),
    promises: &[Promise::at_most(
        "attack_p99_vs_quiet",
        2.0,
        1.2,
        "p99 of good callbacks beside 10,000 idle TLS connections and a flood of wrong passwords, × without",
    )],
    measure,
};

fn measure(ground: &Ground) -> Result<Measured, Failure> {
    let (needed, allowed) = (ground.scale.idle + OTHER_FILES, open_files()?);
    if allowed.is_some_and(|allowed| allowed < needed) {
        let reason = format!("a process may open fewer than {needed} files here (`ulimit -Hn`)");
        return Ok(Measured { found: vec![("attack_p99_vs_quiet", Found::NotRun(reason))], ..Measured::default() });
    }
    let certificate = Certificate::make(ground.folder())?;
    let postgres = ground.block_on(Postgres::start())?;
    let database = ground.block_on(postgres.database())?;
    let (mut ratios, mut lines) = (Vec::new(), Vec::new());
    let plain = Load::plain(CONNECTIONS, ground.scale.warm_up, ground.scale.time);
    let load = Load { wire: certificate.wire()?, ..plain };
    for round in 1..=ground.scale.rounds {
        let ours = Contender::on(Kind::Ours, database.clone(), ground, true)?;
        ground.block_on(ours.clean())?;
        let quiet = ours.named("quiet");
        let alone = quiet.turn(ground, round, &load)?;
        let ours = quiet.named("under attack");
        ground.block_on(ours.clean())?;

        let mut idle = Idle::start(ours.address(), &certificate, ground.scale.idle)?;
        let mut flood = Flood::start(ours.address(), &certificate, FLOOD)?;
        let attacked = ours.turn(ground, round, &load)?;
        let memory = ours.pid().and_then(resident_mb);
        let refused = flood.stop()?;
        let open = idle.open()?;
        if open < ground.scale.idle || refused == 0 {
            return Err(format!("{open} idle connections are open at the end, and {refused} tries were refused").into());
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
            memory.map_or_else(|| "not told".to_owned(), |mb| format!("{mb:.0}")),
        ]);
    }
    ground.block_on(postgres.stop())?;
    let columns = [
        "round",
        "quiet, callbacks/s",
        "p50 / p99, ms",
        "attacked, callbacks/s",
        "p50 / p99, ms",
        "wrong tries refused",
        "receiver's memory, MB",
    ];
    Ok(Measured {
        found: vec![("attack_p99_vs_quiet", Found::Rounds(ratios))],
        columns: columns.map(str::to_owned).to_vec(),
        lines,
        notes: Vec::new(),
    })
}
