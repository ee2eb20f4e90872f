//! One round: under load things go wrong, and are made well again; then it comes to rest and is compared.

use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::time::{Instant, sleep};

use crate::Failure;
use crate::fault::{self, Kind};
use crate::house::House;
use crate::report::Report;
use crate::rest;
use crate::schedule::plan;

/// So long callbacks go on after everything is well.
const AFTERWARDS: Duration = Duration::from_millis(250);

pub(crate) async fn run(house: &mut House, seed: u64, round: u32, report: &mut Report) -> Result<(), Failure> {
    let begun = Instant::now();
    let mut planned = plan(seed, round);
    planned.retain(|planned| house.can(planned.kind));
    let names = planned.iter().map(|planned| planned.kind.name()).collect::<Vec<_>>().join(", ");
    sender(house)?.send_in(round).await?;
    let there = &*house;
    let carried_out = try_join_all(planned.iter().map(async |planned| {
        sleep(planned.after).await;
        let done = fault::carry_out(planned, there).await;
        done.map(|done| (planned.kind, done)).map_err(|error| format!("{}: {error}", planned.kind.name()))
    }));
    let carried_out: Vec<(Kind, fault::Done)> = carried_out.await?;
    sleep(AFTERWARDS).await;
    let totals = sender(house)?.pause().await?;

    for (kind, done) in carried_out {
        report.count(kind, &done);
    }
    let entries = house.ledger.more()?;
    report.answered += totals.answered;
    report.refused += totals.refused;
    report.unanswered += totals.unanswered;
    report.wrong(Some(round), "answered as no right callback is", totals.odd);
    if entries.len() as u64 != totals.answered {
        return Err(format!("the ledger has {} lines of {} answers", entries.len(), totals.answered).into());
    }
    rest::compare(house, round, &entries, report).await?;
    house.answered.extend(entries);
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

fn sender(house: &mut House) -> Result<&mut crate::sender::Sender, Failure> {
    house.sender.as_mut().ok_or_else(|| "the sender has ended".into())
}
