//! The memory that clients without a credential can make the receiver use.

use std::time::Duration;

use super::{Measured, Row};
use crate::Failure;
use crate::attacker::Swarm;
use crate::figure::{Measurement, Promise};
use crate::harness::Harness;
use crate::load::{self, Certificate, Load};
use crate::postgres::Postgres;
use crate::process::{open_files, resident_mb};
use crate::receivers::Kind;
use crate::target::Target;

const CONNECTIONS: usize = 4_000;
/// The number of files that the receiver opens in addition.
const OTHER_FILES: usize = 500;
/// The sizes of the heads: one that is rejected for its length, and one that is not.
const HEADS: [usize; 2] = [60 * 1024, 15 * 1024];
/// The interval at which memory is read.
const PERIOD: Duration = Duration::from_millis(100);
/// The time from the last head to the last reading.
const HELD: Duration = Duration::from_secs(3);
/// The time from the end of the flood to the reading of the remaining memory.
const RELEASED: Duration = Duration::from_secs(4);
/// The number of valid senders before the flood, whose memory must not be attributed to it.
const SENDERS: usize = 64;

pub(super) const ROW: Row = Row {
    name: "unauthenticated",
    title: "Memory without a credential",
    how: "4,000 TLS connections without a credential each send an incomplete request head of 60 KB, and reconnect \
          when they are closed; then the same with 15 KB, which is below the limit. One result is the peak resident \
          memory until three seconds after the last head was sent, minus the memory before. The other is what \
          remains of it four seconds after the flood has ended. For both, the worse flood counts.",
    takes: ("2 min", "1 min"),
    promises: &[
        Promise::at_most(
            "unauth_rss_mb",
            64.0,
            32.0,
            "memory added by 4,000 unauthenticated connections with a request head of 60 or 15 KB each, MB",
        ),
        Promise::at_most("unauth_left_mb", 16.0, 8.0, "… of it four seconds after they have ended, MB"),
    ],
    measure,
};

fn measure(harness: &Harness) -> Result<Measured, Failure> {
    let not_run = |reason: String| {
        let found = ["unauth_rss_mb", "unauth_left_mb"].map(|id| (id, Measurement::NotRun(reason.clone())));
        Ok(Measured { found: found.to_vec(), ..Measured::default() })
    };
    let (needed, allowed) = (CONNECTIONS + OTHER_FILES, open_files()?);
    if allowed.is_some_and(|allowed| allowed < needed) {
        return not_run(format!("a process may open fewer than {needed} files here (`ulimit -Hn`)"));
    }
    if resident_mb(std::process::id()).is_none() {
        return not_run("this system does not report the memory of a process".to_owned());
    }
    let certificate = Certificate::make(harness.folder())?;
    let postgres = harness.block_on(Postgres::start())?;
    let database = harness.block_on(postgres.database())?;
    let plain = Load::plain(SENDERS, harness.scale.warm_up, harness.scale.warm_up);
    let load = Load { wire: certificate.wire()?, ..plain };
    let (mut added, mut still, mut lines) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=harness.scale.rounds {
        let mut line = vec![round.to_string()];
        let mut worst = [0.0_f64; 2];
        for bytes in HEADS {
            let ours = Target::on(Kind::Ours, database.clone(), harness, true)?;
            load::run(ours.address(), &load)?;
            let memory = || ours.pid().and_then(resident_mb).ok_or("the receiver has ended");
            let before = memory()?;
            let (most, sent) = std::thread::scope(|scope| {
                let flood = scope.spawn(|| {
                    let mut flood = Swarm::heads(ours.address(), &certificate, CONNECTIONS, bytes)?;
                    std::thread::sleep(HELD);
                    flood.count()
                });
                let mut most = before;
                while !flood.is_finished() {
                    most = most.max(memory()?);
                    std::thread::sleep(PERIOD);
                }
                Ok::<_, Failure>((most, flood.join().map_err(|_| "the flood panicked")??))
            })?;
            std::thread::sleep(RELEASED);
            let left = memory()? - before;
            // The receiver must still accept callbacks.
            ours.sample(harness, round, &load)?;
            eprintln!(
                "round {round}/{}  {sent} heads of {bytes} bytes: {:.1} MB added to {before:.1} MB, {left:.1} MB left",
                harness.scale.rounds,
                most - before
            );
            worst = [worst[0].max(most - before), worst[1].max(left)];
            line.extend([format!("{:.1}", most - before), format!("{left:.1}")]);
        }
        lines.push(line);
        added.push(worst[0]);
        still.push(worst[1]);
    }
    harness.block_on(postgres.stop())?;
    let columns = ["round", "60 KB heads: most, MB", "left, MB", "15 KB heads: most, MB", "left, MB"];
    Ok(Measured {
        found: vec![("unauth_rss_mb", Measurement::Rounds(added)), ("unauth_left_mb", Measurement::Rounds(still))],
        columns: columns.map(str::to_owned).to_vec(),
        lines,
        notes: Vec::new(),
    })
}
