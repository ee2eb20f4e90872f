//! Deliveries to nine handlers, alone and alongside a tenth that never answers.

use super::deliveries::{DEADLINE, delivered, latencies, p50_and_p99, paths, send, subscribe};
use super::{Measured, Row};
use crate::Failure;
use crate::figure::{Measurement, Promise};
use crate::handler::{DEAD, Handler};
use crate::harness::Harness;
use crate::load::percentile;
use crate::postgres::Postgres;
use crate::receivers::Kind;
use crate::target::Target;

const HANDLERS: usize = 9;
/// Callbacks per second, each of which is one event for every handler.
const RATE: u32 = 50;

pub(super) const ROW: Row = Row {
    name: "dead-handler",
    title: "Alongside a dead handler",
    how: "As above with 50 callbacks per second and nine subscriptions, whose handlers answer at once: first alone, \
          then alongside a tenth subscription, whose handler accepts connections and never answers. The latency of \
          the nine is the time from the response to a callback until the handler has received the request. Each sample \
          has a new database.",
    takes: ("1 min", "30 s"),
    promises: &[Promise::at_most(
        "dead_handler",
        1.5,
        1.05,
        "95th percentile of the latency of nine handlers alongside a tenth that is dead, × without it",
    )],
    measure,
};

fn measure(harness: &Harness) -> Result<Measured, Failure> {
    let postgres = harness.block_on(Postgres::start())?;
    let (mut ratios, mut lines) = (Vec::new(), Vec::new());
    for round in 1..=harness.scale.rounds {
        let alone = sample(harness, &postgres, false)?;
        let beside = sample(harness, &postgres, true)?;
        let (alone_shown, beside_shown) = (p50_and_p99(&alone), p50_and_p99(&beside));
        eprintln!("round {round}/{}  alone {alone_shown} ms, alongside {beside_shown} ms", harness.scale.rounds);
        ratios.push(percentile(&beside, 0.95) / percentile(&alone, 0.95));
        lines.push(vec![round.to_string(), alone_shown, beside_shown]);
    }
    harness.block_on(postgres.stop())?;
    let columns = ["round", "alone, p50 / p99, ms", "alongside a dead handler, p50 / p99, ms"];
    Ok(Measured {
        found: vec![("dead_handler", Measurement::Rounds(ratios))],
        columns: columns.map(str::to_owned).to_vec(),
        lines,
        notes: Vec::new(),
    })
}

/// Returns the sorted latencies of the nine handlers.
fn sample(harness: &Harness, postgres: &Postgres, with_dead: bool) -> Result<Vec<f64>, Failure> {
    let ours = harness.block_on(Target::new(Kind::OursDelivering, postgres, harness))?;
    // Dropped before the receiver, which would otherwise wait for the attempts in progress.
    let handler = Handler::start()?;
    let good = paths(HANDLERS);
    let dead = with_dead.then(|| DEAD.to_owned());
    let all: Vec<String> = good.iter().cloned().chain(dead).collect();
    harness.block_on(subscribe(&ours.database, harness.folder(), &handler, &all))?;
    let sent = harness.block_on(send(ours.address(), RATE, &harness.scale))?;
    handler.wait_for(sent.count * HANDLERS, DEADLINE)?;
    let received = handler.received();
    harness.block_on(delivered(&ours.database, &received, &good))?;
    drop(handler);
    let database = ours.database.clone();
    drop(ours);
    harness.block_on(postgres.drop_database(&database))?;
    Ok(latencies(&sent.answered, &received))
}
