//! The rate at which one worker delivers what is waiting.

use super::deliveries::{DEADLINE, delivered, paths, subscribe};
use super::interleave::thousands;
use super::{Measured, Row};
use crate::Failure;
use crate::figure::{Measurement, Promise};
use crate::handler::{Handler, Received};
use crate::harness::Harness;
use crate::load::{self, Bodies, Load, Span};
use crate::postgres::Postgres;
use crate::projected::projected;
use crate::receivers::{Kind, Server};
use crate::target::Target;

const CONNECTIONS: usize = 16;

pub(super) const ROW: Row = Row {
    name: "delivery-rate",
    title: "Draining a queue of deliveries",
    how: "10,000 callbacks (reviews as above) are accepted and projected while nothing delivers. Then one worker \
          (a process with the role deliver) starts, matches their events against one subscription, and sends them to a \
          fast handler on this machine as signed webhooks over plain HTTP. The rate is that from the first to the last \
          message. The handler must have received every event, and the events of each submission in order.",
    takes: ("1 min", "40 s"),
    promises: &[Promise::at_least(
        "delivery_rate",
        1_000.0,
        5_000.0,
        "deliveries/s of one worker that drains more than 10,000 to a fast handler",
    )],
    measure,
};

fn measure(harness: &Harness) -> Result<Measured, Failure> {
    let postgres = harness.block_on(Postgres::start())?;
    let plain = Load::plain(CONNECTIONS, harness.scale.warm_up, harness.scale.time);
    let load = Load { bodies: Bodies::Reviews, span: Span::Count(harness.scale.deliveries), ..plain };
    let paths = paths(1);
    let (mut rates, mut lines) = (Vec::new(), Vec::new());
    for round in 1..=harness.scale.rounds {
        let handler = Handler::start()?;
        let ours = harness.block_on(Target::new(Kind::OursProjecting, &postgres, harness))?;
        harness.block_on(subscribe(&ours.database, harness.folder(), &handler, &paths))?;
        load::run(ours.address(), &load)?;
        let waiting = usize::try_from(harness.block_on(projected(&ours.database))?.events)?;
        let database = ours.database.clone();
        drop(ours);
        let worker = Server::start(Kind::Delivering, &database, harness.folder(), false)?;
        handler.wait_for(waiting, DEADLINE)?;
        let received = handler.received();
        let events = harness.block_on(delivered(&database, &received, &paths))?;
        let rate = rate(&received);
        eprintln!("round {round}/{}  {} deliveries/s, {events} events", harness.scale.rounds, thousands(rate));
        rates.push(rate);
        lines.push(vec![round.to_string(), thousands(rate), events.to_string()]);
        drop(worker);
        harness.block_on(postgres.drop_database(&database))?;
    }
    harness.block_on(postgres.stop())?;
    Ok(Measured {
        found: vec![("delivery_rate", Measurement::Rounds(rates))],
        columns: ["round", "deliveries/s", "events"].map(str::to_owned).to_vec(),
        lines,
        notes: Vec::new(),
    })
}

fn rate(received: &[Received]) -> f64 {
    let (Some(first), Some(last)) = (received.first(), received.last()) else { return 0.0 };
    #[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^52 messages")]
    let count = (received.len() - 1) as f64;
    count / last.at.duration_since(first.at).as_secs_f64()
}
