//! Accepts at 64 connections: our receiver, typical first implementations, and our receiver without a database,
//! interleaved.

use super::interleave::{Samples, interleave, ratios, table};
use super::{Measured, Row};
use crate::Failure;
use crate::figure::{Measurement, Promise};
use crate::harness::Harness;
use crate::load::Load;
use crate::postgres::Postgres;
use crate::receivers::{Kind, Peer};
use crate::target::Target;

const CONNECTIONS: usize = 64;

pub(super) const ROW: Row = Row {
    name: "accept",
    title: "Accepting callbacks",
    how: "Our receiver is compared with: a simple receiver in Rust (axum, a pool of ten connections, one `INSERT` \
          per request into the same table); the same in Node (Express 5 + pg, a pool of ten), once as the manuals \
          show it and once tuned by hand (a prepared statement, no ETag; it has no target); the same in Python \
          (FastAPI + asyncpg, uvicorn with two workers and a pool of ten each); and our server without the database \
          write. Each runs as a separate process, serves plain HTTP on loopback over 64 keep-alive connections, \
          checks the Basic credentials, and answers after the commit, over the same Unix socket to the same temporary \
          Postgres with `fsync` and `synchronous_commit` on. The body is the documented `eqp_status_update` of 170 \
          bytes.",
    takes: ("3 min, and 1 to fetch the peers", "1 min"),
    promises: &[
        Promise::at_least(
            "durable_vs_insert",
            4.5,
            6.0,
            "durable callbacks/s at 64 connections, × one INSERT per request",
        ),
        Promise::at_least(
            "durable_vs_http",
            0.45,
            0.6,
            "durable callbacks/s, as a share of our server without the write",
        ),
        Promise::at_least("durable_vs_express", 8.0, 12.0, "durable callbacks/s, × Express + pg"),
        Promise::at_least("durable_vs_fastapi", 8.0, 12.0, "durable callbacks/s, × FastAPI + asyncpg"),
        Promise::at_most("p99_vs_insert", 0.3, 0.15, "p99 at 64 connections, as a share of one INSERT per request"),
    ],
    measure,
};

fn measure(harness: &Harness) -> Result<Measured, Failure> {
    let postgres = harness.block_on(Postgres::start())?;
    let mut targets = Vec::new();
    for kind in [Kind::Ours, Kind::Insert, Kind::HttpOnly] {
        targets.push(harness.block_on(Target::new(kind, &postgres, harness))?);
    }
    let mut absent = Vec::new();
    for peer in [Peer::Express, Peer::ExpressTuned, Peer::FastApi] {
        match harness.block_on(Target::peer(peer, &postgres))? {
            Ok(target) => targets.push(target),
            Err(reason) => {
                eprintln!("{}: not run: {reason}", peer.name());
                absent.push((peer.name(), reason));
            }
        }
    }
    let load = Load::plain(CONNECTIONS, harness.scale.warm_up, harness.scale.time);
    let all = interleave(harness, &targets, &load)?;
    drop(targets);
    harness.block_on(postgres.stop())?;

    let against = |peer: Peer| match all.iter().find(|of_target| of_target.name == peer.name()) {
        Some(theirs) => ratios(&all[0], theirs, |sample| sample.per_second),
        None => Measurement::NotRun(
            absent.iter().find(|(name, _)| *name == peer.name()).map_or_else(String::new, |(_, reason)| reason.clone()),
        ),
    };
    let [ours, insert, http_only, ..]: &[Samples] = &all[..] else { return Err("a target is missing".into()) };
    let found = vec![
        ("durable_vs_insert", ratios(ours, insert, |sample| sample.per_second)),
        ("durable_vs_http", ratios(ours, http_only, |sample| sample.per_second)),
        ("durable_vs_express", against(Peer::Express)),
        ("durable_vs_fastapi", against(Peer::FastApi)),
        ("p99_vs_insert", ratios(ours, insert, |sample| sample.p99)),
    ];
    Ok(Measured { found, ..table(&all) })
}
