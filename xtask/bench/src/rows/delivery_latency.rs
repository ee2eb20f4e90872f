//! The time from the response to a callback until a webhook has received its event.

use super::deliveries::{DEADLINE, delivered, latencies, p50_and_p99, paths, send, subscribe};
use super::{Measured, Row};
use crate::Failure;
use crate::figure::{Measurement, Promise};
use crate::handler::Handler;
use crate::harness::Harness;
use crate::load::percentile;
use crate::postgres::Postgres;
use crate::receivers::Kind;
use crate::target::Target;

/// Callbacks per second, each of which is one event.
const RATE: u32 = 100;

pub(super) const ROW: Row = Row {
    name: "delivery-latency",
    title: "From the callback to the webhook",
    how: "One process accepts, projects and delivers. 100 callbacks per second, each about another file, are sent over \
          one plain connection. One subscription delivers every event to a handler on this machine, as a signed \
          webhook over plain HTTP. The latency is the time from the response to a callback until the handler has \
          received the request with its event. Each sample has a new database. At the end, the handler must have \
          received every event.",
    takes: ("30 s", "15 s"),
    promises: &[Promise::at_most(
        "handler_latency_ms",
        50.0,
        10.0,
        "p99 from the response to a callback until a webhook has its event, at 100 events/s, ms",
    )],
    measure,
};

fn measure(harness: &Harness) -> Result<Measured, Failure> {
    let postgres = harness.block_on(Postgres::start())?;
    let paths = paths(1);
    let (mut p99, mut lines) = (Vec::new(), Vec::new());
    for round in 1..=harness.scale.rounds {
        let handler = Handler::start()?;
        let ours = harness.block_on(Target::new(Kind::OursDelivering, &postgres, harness))?;
        harness.block_on(subscribe(&ours.database, harness.folder(), &handler, &paths))?;
        let sent = harness.block_on(send(ours.address(), RATE, &harness.scale))?;
        handler.wait_for(sent.count, DEADLINE)?;
        let received = handler.received();
        let events = harness.block_on(delivered(&ours.database, &received, &paths))?;
        let latencies = latencies(&sent.answered, &received);
        eprintln!("round {round}/{}  {} ms, {events} events", harness.scale.rounds, p50_and_p99(&latencies));
        p99.push(percentile(&latencies, 0.99));
        lines.push(vec![round.to_string(), p50_and_p99(&latencies), events.to_string()]);
        let database = ours.database.clone();
        drop(ours);
        harness.block_on(postgres.drop_database(&database))?;
    }
    harness.block_on(postgres.stop())?;
    Ok(Measured {
        found: vec![("handler_latency_ms", Measurement::Rounds(p99))],
        columns: ["round", "p50 / p99, ms", "events"].map(str::to_owned).to_vec(),
        lines,
        notes: Vec::new(),
    })
}
