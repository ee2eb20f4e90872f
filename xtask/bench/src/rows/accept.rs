//! Accepting at 64 connections: ours, the receivers that others write first, and ours without the database take turns.

use super::interleave::{Turns, interleave, ratios, table};
use super::{Measured, Row};
use crate::Failure;
use crate::contender::Contender;
use crate::figure::{Found, Promise};
use crate::ground::Ground;
use crate::load::Load;
use crate::postgres::Postgres;
use crate::receivers::{Kind, Peer};

const CONNECTIONS: usize = 64;

pub(super) const ROW: Row = Row {
    name: "accept",
    title: "Accepting callbacks",
    how: "Our receiver; the one that any good engineer writes first (axum, a pool of ten connections, one `INSERT` per \
          request into the same table); the same in Node (Express 5 + pg, a pool of ten), as their manuals show them and \
          tuned by hand (a prepared statement, no ETag: no promise is made of this one), and in Python (FastAPI + \
          asyncpg, uvicorn with two workers of a pool of ten each); and our server with the database write taken out. \
          Each is a process of its own and speaks plain HTTP on loopback to 64 kept connections, checks the Basic header, \
          and answers after the commit, over the same Unix socket to the same private Postgres with `fsync` and \
          `synchronous_commit` on. The body is the documented `eqp_status_update` of 170 bytes.",
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

fn measure(ground: &Ground) -> Result<Measured, Failure> {
    let postgres = ground.block_on(Postgres::start())?;
    let mut contenders = Vec::new();
    for kind in [Kind::Ours, Kind::Insert, Kind::HttpOnly] {
        contenders.push(ground.block_on(Contender::new(kind, &postgres, ground))?);
    }
    let mut absent = Vec::new();
    for peer in [Peer::Express, Peer::ExpressTuned, Peer::FastApi] {
        match ground.block_on(Contender::peer(peer, &postgres))? {
            Ok(contender) => contenders.push(contender),
            Err(reason) => {
                eprintln!("{}: not run: {reason}", peer.name());
                absent.push((peer.name(), reason));
            }
        }
    }
    let load = Load::plain(CONNECTIONS, ground.scale.warm_up, ground.scale.time);
    let all = interleave(ground, &contenders, &load)?;
    drop(contenders);
    ground.block_on(postgres.stop())?;

    let against = |peer: Peer| match all.iter().find(|of_one| of_one.name == peer.name()) {
        Some(theirs) => ratios(&all[0], theirs, |turn| turn.per_second),
        None => Found::NotRun(
            absent.iter().find(|(name, _)| *name == peer.name()).map_or_else(String::new, |(_, reason)| reason.clone()),
        ),
    };
    let [ours, insert, http_only, ..]: &[Turns] = &all[..] else { return Err("a contender is missing".into()) };
    let found = vec![
        ("durable_vs_insert", ratios(ours, insert, |turn| turn.per_second)),
        ("durable_vs_http", ratios(ours, http_only, |turn| turn.per_second)),
        ("durable_vs_express", against(Peer::Express)),
        ("durable_vs_fastapi", against(Peer::FastApi)),
        ("p99_vs_insert", ratios(ours, insert, |turn| turn.p99)),
    ];
    Ok(Measured { found, ..table(&all) })
}
