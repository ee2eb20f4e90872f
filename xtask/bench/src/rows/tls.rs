//! A new TLS connection for every callback, compared with nginx answering a constant.

use super::interleave::thousands;
use super::{Measured, Row};
use crate::Failure;
use crate::figure::{Measurement, Promise};
use crate::harness::Harness;
use crate::load::{self, Bodies, Certificate, Load, Span};
use crate::postgres::Postgres;
use crate::process::processor_time;
use crate::receivers::{Kind, Nginx};
use crate::target::Target;

/// The number of concurrent connections, from as many addresses 127.0.0.x as necessary.
const CONNECTIONS: usize = 32;
/// The number of sender threads. A handshake costs the sender more than the server, so one thread would be the
/// bottleneck.
const SENDERS: usize = 2;

pub(super) const ROW: Row = Row {
    name: "tls",
    title: "A fresh TLS connection for each callback",
    how: "Our receiver, which stores each callback, is compared with nginx, which has one worker per core, stores \
          nothing and returns a constant response. Both use TLS 1.3 with the same ECDSA P-256 certificate and full \
          handshakes, 32 at a time, from addresses 127.0.0.x. The load generator has two threads and runs on the \
          same cores.",
    takes: ("1 min", "20 s"),
    promises: &[Promise::at_least(
        "tls_fresh_vs_nginx",
        0.9,
        1.1,
        "callbacks/s over fresh TLS 1.3 connections, as a share of nginx answering a constant",
    )],
    measure,
};

fn measure(harness: &Harness) -> Result<Measured, Failure> {
    let wire = Certificate::make(harness.folder())?.wire()?;
    let nginx = match Nginx::start(harness.folder())? {
        Ok(nginx) => nginx,
        Err(reason) => {
            return Ok(Measured {
                found: vec![("tls_fresh_vs_nginx", Measurement::NotRun(reason))],
                ..Measured::default()
            });
        }
    };
    let postgres = harness.block_on(Postgres::start())?;
    let database = harness.block_on(postgres.database())?;
    let ours = Target::on(Kind::Ours, database, harness, true)?;
    let load = Load {
        connections: CONNECTIONS,
        bodies: Bodies::Documented,
        wire,
        fresh: true,
        pace: None,
        threads: SENDERS,
        span: Span::Time { warm_up: harness.scale.warm_up, time: harness.scale.time },
    };
    let (mut ratios, mut lines) = (Vec::new(), Vec::new());
    for round in 1..=harness.scale.rounds {
        harness.block_on(ours.clean())?;
        let before = ours.pid().and_then(processor_time);
        let sent = load::run(ours.address(), &load)?;
        let our_cost = cost(before, ours.pid().and_then(processor_time), sent.answered.len());
        let sample = ours.finish(harness, round, &sent)?;

        let before = processor_time(nginx.pid());
        let theirs = load::run(nginx.address, &load)?;
        let their_cost = cost(before, processor_time(nginx.pid()), theirs.answered.len());
        eprintln!("round {round}/{}  {:18}  {:>8.0} answers/s", harness.scale.rounds, "nginx", theirs.per_second);
        ratios.push(sample.per_second / theirs.per_second);
        let latencies = |p50: f64, p99: f64| format!("{p50:.2} / {p99:.2}");
        lines.push(vec![
            round.to_string(),
            thousands(sample.per_second),
            latencies(sample.p50, sample.p99),
            our_cost,
            thousands(theirs.per_second),
            latencies(theirs.percentile(0.5), theirs.percentile(0.99)),
            their_cost,
        ]);
    }
    let version = nginx.version.clone();
    drop((ours, nginx));
    harness.block_on(postgres.stop())?;
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
        found: vec![("tls_fresh_vs_nginx", Measurement::Rounds(ratios))],
        columns: columns.map(str::to_owned).to_vec(),
        lines,
        notes: vec![format!("{version}. The CPU of ours is without Postgres.")],
    })
}

/// Returns the processor time per response in microseconds.
fn cost(before: Option<std::time::Duration>, after: Option<std::time::Duration>, answers: usize) -> String {
    let spent = before.zip(after).map(|(before, after)| after.saturating_sub(before).as_secs_f64() * 1e6);
    #[expect(clippy::cast_precision_loss, reason = "a sample has far fewer than 2^52 answers")]
    spent.map_or_else(|| "not reported".to_owned(), |spent| format!("{:.0}", spent / answers as f64))
}
