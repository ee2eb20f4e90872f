//! A new TLS connection for every callback, against nginx answering a constant.

use super::interleave::thousands;
use super::{Measured, Row};
use crate::Failure;
use crate::contender::Contender;
use crate::figure::{Found, Promise};
use crate::ground::Ground;
use crate::load::{self, Bodies, Certificate, Load, Span};
use crate::postgres::Postgres;
use crate::process::processor_time;
use crate::receivers::{Kind, Nginx};

/// At the same time, from as many addresses 127.0.0.x as it takes.
const CONNECTIONS: usize = 32;
/// A handshake costs the sender more than the server: with one thread it would be the limit.
const SENDERS: usize = 2;

pub(super) const ROW: Row = Row {
    name: "tls",
    title: "A fresh TLS connection for each callback",
    how: "Our receiver, which stores each callback, against nginx with one worker for each core, which stores nothing and \
          answers a constant. TLS 1.3 with one ECDSA P-256 certificate for both, each handshake a whole one, 32 at a \
          time from addresses 127.0.0.x; the sender has two threads and shares the cores with both.",
    takes: ("1 min", "20 s"),
    promises: &[Promise::at_least(
        "tls_fresh_vs_nginx",
        0.9,
        1.1,
        "callbacks/s over fresh TLS 1.3 connections, as a share of nginx answering a constant",
    )],
    measure,
};

fn measure(ground: &Ground) -> Result<Measured, Failure> {
    let wire = Certificate::make(ground.folder())?.wire()?;
    let nginx = match Nginx::start(ground.folder())? {
        Ok(nginx) => nginx,
        Err(reason) => {
            return Ok(Measured { found: vec![("tls_fresh_vs_nginx", Found::NotRun(reason))], ..Measured::default() });
        }
    };
    let postgres = ground.block_on(Postgres::start())?;
    let database = ground.block_on(postgres.database())?;
    let ours = Contender::on(Kind::Ours, database, ground, true)?;
    let load = Load {
        connections: CONNECTIONS,
        bodies: Bodies::Documented,
        wire,
        fresh: true,
        threads: SENDERS,
        span: Span::Time { warm_up: ground.scale.warm_up, time: ground.scale.time },
    };
    let (mut ratios, mut lines) = (Vec::new(), Vec::new());
    for round in 1..=ground.scale.rounds {
        ground.block_on(ours.clean())?;
        let before = ours.pid().and_then(processor_time);
        let sent = load::run(ours.address(), &load)?;
        let our_cost = cost(before, ours.pid().and_then(processor_time), sent.answered.len());
        let turn = ours.finish(ground, round, &sent)?;

        let before = processor_time(nginx.pid());
        let theirs = load::run(nginx.address, &load)?;
        let their_cost = cost(before, processor_time(nginx.pid()), theirs.answered.len());
        eprintln!("round {round}/{}  {:18}  {:>8.0} answers/s", ground.scale.rounds, "nginx", theirs.per_second);
        ratios.push(turn.per_second / theirs.per_second);
        let latencies = |p50: f64, p99: f64| format!("{p50:.2} / {p99:.2}");
        lines.push(vec![
            round.to_string(),
            thousands(turn.per_second),
            latencies(turn.p50, turn.p99),
            our_cost,
            thousands(theirs.per_second),
            latencies(theirs.percentile(0.5), theirs.percentile(0.99)),
            their_cost,
        ]);
    }
    let version = nginx.version.clone();
    drop((ours, nginx));
    ground.block_on(postgres.stop())?;
    let columns = [
        "round",
        "ours, callbacks/s",
        "p50 / p99, ms",
        "CPU each, µs",
        "nginx, answers/s",
        "p50 / p99, ms",
        "CPU each, µs",
    ];
    Ok(Measured {
        found: vec![("tls_fresh_vs_nginx", Found::Rounds(ratios))],
        columns: columns.map(str::to_owned).to_vec(),
        lines,
        notes: vec![format!("{version}. The CPU of ours is without Postgres.")],
    })
}

/// Microseconds of a processor for each answer.
fn cost(before: Option<std::time::Duration>, after: Option<std::time::Duration>, answers: usize) -> String {
    let spent = before.zip(after).map(|(before, after)| after.saturating_sub(before).as_secs_f64() * 1e6);
    #[expect(clippy::cast_precision_loss, reason = "a turn has far fewer than 2^52 answers")]
    spent.map_or_else(|| "not told".to_owned(), |spent| format!("{:.0}", spent / answers as f64))
}
