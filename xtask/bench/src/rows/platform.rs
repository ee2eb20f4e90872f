//! Accepting callbacks alone, and with everything that a server does beside it.

use std::time::{Duration, Instant};

use super::deliveries::{DEADLINE, deliverable, delivered, paths, subscribe};
use super::{Measured, Row};
use crate::Failure;
use crate::figure::{Measurement, Promise};
use crate::handler::Handler;
use crate::harness::Harness;
use crate::load::{self, Bodies, Load};
use crate::marketplace::Marketplace;
use crate::postgres::Postgres;
use crate::projected::projected;
use crate::readers::{Readers, free_address, reading_token};
use crate::receivers::Kind;
use crate::target::{Sample, Target};

const CONNECTIONS: usize = 64;
/// The interval at which one connection sends: 64 connections send 2,000 callbacks per second.
const PACE: Duration = Duration::from_millis(32);
const SUBSCRIPTIONS: usize = 5;
const READERS: usize = 20;
const PACKAGES: usize = 200;
/// The time after the last response in which everything has to be projected and delivered.
const PENDING: Duration = Duration::from_secs(1);

pub(super) const ROW: Row = Row {
    name: "platform",
    title: "With everything beside it",
    how: "2,000 callbacks per second over 64 plain connections, one in ten of them a new event: first to a receiver that \
          accepts and projects, then to one that also delivers every event to five webhooks on this machine, \
          reconciles an account of 200 packages every second (instead of every ten minutes), and serves the operator \
          API to 20 readers, half of which follow events and half of which read the newest 50 twice a second. One \
          second after the last response, everything must be projected; each handler must have received every event.",
    takes: ("90 s", "45 s"),
    promises: &[Promise::at_most(
        "with_platform",
        1.3,
        1.1,
        "p99 of answers with deliveries, reconciliation and readers of the operator API, × without",
    )],
    measure,
};

fn measure(harness: &Harness) -> Result<Measured, Failure> {
    let postgres = harness.block_on(Postgres::start())?;
    let marketplace = Marketplace::start(PACKAGES)?;
    marketplace.reach.write(harness.folder())?;
    let plain = Load::plain(CONNECTIONS, harness.scale.warm_up, harness.scale.time);
    let load = Load { bodies: Bodies::Files, pace: Some(PACE), ..plain };
    let (mut ratios, mut lines) = (Vec::new(), Vec::new());
    for round in 1..=harness.scale.rounds {
        let alone = alone(harness, &postgres, round, &load)?;
        let (beside, drained) = beside(harness, &postgres, round, &load)?;
        ratios.push(beside.p99 / alone.p99);
        lines.push(vec![
            round.to_string(),
            format!("{:.2} / {:.2}", alone.p50, alone.p99),
            format!("{:.2} / {:.2}", beside.p50, beside.p99),
            format!("{:.2}", drained.as_secs_f64()),
        ]);
    }
    drop(marketplace);
    harness.block_on(postgres.stop())?;
    let columns = ["round", "alone, p50 / p99, ms", "with all parts, p50 / p99, ms", "s to the last delivery"];
    Ok(Measured {
        found: vec![("with_platform", Measurement::Rounds(ratios))],
        columns: columns.map(str::to_owned).to_vec(),
        lines,
        notes: Vec::new(),
    })
}

fn alone(harness: &Harness, postgres: &Postgres, round: usize, load: &Load) -> Result<Sample, Failure> {
    let ours = harness.block_on(Target::new(Kind::OursProjecting, postgres, harness))?;
    let sample = ours.sample(harness, round, load)?;
    harness.block_on(projected(&ours.database))?;
    let database = ours.database.clone();
    drop(ours);
    harness.block_on(postgres.drop_database(&database))?;
    Ok(sample)
}

/// Returns the sample, and the time from its last response to the last delivery.
fn beside(harness: &Harness, postgres: &Postgres, round: usize, load: &Load) -> Result<(Sample, Duration), Failure> {
    let database = harness.block_on(postgres.database())?;
    let (operator, paths) = (free_address()?, paths(SUBSCRIPTIONS));
    let ours = Target::with_platform(database.clone(), harness, operator)?;
    let handler = Handler::start()?;
    harness.block_on(subscribe(&database, harness.folder(), &handler, &paths))?;
    let token = harness.block_on(reading_token(&database, "bench"))?;
    let readers = Readers::start(operator, &token, READERS)?;
    let sent = load::run(ours.address(), load)?;
    let done = harness.block_on(projected(&database))?;
    let pending = done.at.duration_since(sent.ended);
    if pending > PENDING {
        return Err(format!("callbacks were pending {:.1} s after the last response", pending.as_secs_f64()).into());
    }
    let events = harness.block_on(deliverable(&database))?.len();
    handler.wait_for(events * SUBSCRIPTIONS, DEADLINE)?;
    let drained = Instant::now().duration_since(sent.ended);
    readers.stop()?;
    let sample = ours.finish(harness, round, &sent)?;
    harness.block_on(delivered(&database, &handler.received(), &paths))?;
    drop(handler);
    drop(ours);
    harness.block_on(postgres.drop_database(&database))?;
    Ok((sample, drained))
}
