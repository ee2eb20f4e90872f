//! One round: faults are injected under load and repaired; then the system quiesces, and the database is compared with
//! the journal.

use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::time::{Instant, sleep};

use crate::Failure;
use crate::deliveries;
use crate::fault::{self, Kind};
use crate::handler::Mood;
use crate::quiesce;
use crate::report::Report;
use crate::schedule::plan;
use crate::setup::TestSetup;

/// The time for which callbacks are sent after the last repair.
const AFTERWARDS: Duration = Duration::from_millis(250);
/// In one of this number of rounds, a handler is down. Afterwards, what it has missed is sent at a limited rate.
const OUTAGE_EVERY: u32 = 4;

pub(crate) async fn run(setup: &mut TestSetup, seed: u64, round: u32, report: &mut Report) -> Result<(), Failure> {
    let begun = Instant::now();
    let mut planned = plan(seed, round);
    planned.retain(|planned| setup.can(planned.kind));
    let names = planned.iter().map(|planned| planned.kind.name()).collect::<Vec<_>>().join(", ");
    setup.handler()?.set(Mood::Rough { outage: round.is_multiple_of(OUTAGE_EVERY) }).await?;
    sender(setup)?.send_in(round).await?;
    let there = &*setup;
    let carried_out = try_join_all(planned.iter().map(async |planned| {
        sleep(planned.after).await;
        let done = fault::carry_out(planned, there).await;
        done.map(|done| (planned.kind, done)).map_err(|error| format!("{}: {error}", planned.kind.name()))
    }));
    let carried_out: Vec<(Kind, fault::Done)> = carried_out.await?;
    sleep(AFTERWARDS).await;
    deliveries::end_workers(setup, round, report).await?;
    let totals = sender(setup)?.pause().await?;

    for (kind, done) in carried_out {
        report.count(kind, &done);
    }
    let entries = setup.journal.more()?;
    report.answered += totals.answered;
    report.refused += totals.refused;
    report.unanswered += totals.unanswered;
    report.wrong(Some(round), "unexpected responses to valid callbacks", totals.odd);
    if entries.len() as u64 != totals.answered {
        return Err(format!("the journal has {} lines for {} responses", entries.len(), totals.answered).into());
    }
    quiesce::check_round(setup, round, &entries, report).await?;
    deliveries::settle(setup, round, report).await?;
    setup.answered.extend(entries);
    report.rounds += 1;
    eprintln!(
        "round {round:>3}  {:>4.1} s  {:>5} answered {:>5} refused {:>4} unanswered  {}  {names}",
        begun.elapsed().as_secs_f64(),
        totals.answered,
        totals.refused,
        totals.unanswered,
        if report.is_good() { "kept " } else { "WRONG" },
    );
    Ok(())
}

fn sender(setup: &mut TestSetup) -> Result<&mut crate::sender::Sender, Failure> {
    setup.sender.as_mut().ok_or_else(|| "the sender has ended".into())
}
