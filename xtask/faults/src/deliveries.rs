//! Lets deliveries come to rest after a round, and checks at the end that every event was delivered in order.

use std::collections::{BTreeMap, HashMap};

use sqlx::{Executor, PgPool};

use crate::Failure;
use crate::deadline::{PATIENCE, until};
use crate::handler::{Line, Message, Mood, PATHS, read_all};
use crate::report::Report;
use crate::setup::TestSetup;

/// Kills or stops the workers under load, as the last fault of a round.
pub(crate) async fn end_workers(setup: &TestSetup, round: u32, report: &mut Report) -> Result<(), Failure> {
    for (number, worker) in setup.workers.iter().enumerate() {
        let mut process = worker.process.lock().await;
        if (round as usize + number).is_multiple_of(2) {
            let aborted = setup.handler()?.seen().await?.aborted;
            process.kill().await?;
            report.kills += 1;
            report.kills_in_flight += u64::from(setup.has_aborted(aborted).await?);
        } else {
            process.terminate().await?;
        }
    }
    Ok(())
}

/// Waits until everything is delivered. The workers have ended; they are started again.
///
/// A minute for which no worker runs is simulated, because waits and the leases of killed workers last that long.
pub(crate) async fn settle(setup: &TestSetup, round: u32, report: &mut Report) -> Result<(), Failure> {
    let seen = setup.handler()?.set(Mood::Smooth).await?;
    report.wrong(Some(round), "two messages about one resource in flight at once", &seen.overlapping);
    let pool = &setup.database.pool;
    let mut transaction = pool.begin().await?;
    for pass in [
        "update eqp.subscription_state set open_until = now() where open_until is not null",
        "update eqp.delivery set retry_at = null where retry_at is not null and dead_at is null",
        "update eqp.delivery_lane set due_at = now() where due_at < 'infinity'",
    ] {
        transaction.execute(pass).await?;
    }
    transaction.commit().await?;
    for worker in &setup.workers {
        worker.process.lock().await.start()?;
    }
    if !until(PATIENCE, async || matches!(waiting(pool).await, Ok(0))).await {
        let waiting = waiting(pool).await.map_or_else(|error| error.to_string(), |count| count.to_string());
        let what = setup.complaint(&format!("{waiting} events or deliveries waiting")).await;
        report.wrong(Some(round), "deliveries not at rest", [what]);
    }
    Ok(())
}

/// Returns the number of events that are not matched and of deliveries that are not made.
async fn waiting(pool: &PgPool) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "select (select count(*) from eqp.delivery where dead_at is null)
              + (select last_event_seq - cursor_seq from eqp.projector cross join eqp.fanout)",
    )
    .fetch_one(pool)
    .await
}

/// Compares the journal of the handler with the events.
pub(crate) async fn check_all(setup: &TestSetup, report: &mut Report) -> Result<(), Failure> {
    let pool = &setup.database.pool;
    let events: Vec<(String, i64)> =
        sqlx::query_as("select resource_id, seq from eqp.event where flow = 'overall' order by seq")
            .fetch_all(pool)
            .await?;
    let mut resources: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for (resource, seq) in events {
        resources.entry(resource).or_default().push(seq);
    }
    let journal = Deliveries::of(read_all(&setup.handler_journal)?);
    report.delivered = journal.accepted.len() as u64;
    for path in PATHS {
        let Compared { missing, out_of_order, marked } = journal.compare(path, &resources);
        report.wrong(None, &format!("not delivered to {path}"), missing);
        report.wrong(None, &format!("delivered to {path} before an earlier event of the resource"), out_of_order);
        report.marked += marked;
    }
    for (what, query) in [
        // Each event becomes one delivery per subscription, under whose ID all attempts are recorded.
        (
            "more than one delivery of an event",
            "select event_seq from eqp.attempt where source = 'event'
             group by subscription_id, event_seq having count(distinct delivery_id) > 1",
        ),
        ("dead deliveries", "select event_seq from eqp.delivery where dead_at is not null"),
        ("paused subscriptions", "select subscription_id::bigint from eqp.subscription_state where state = 'paused'"),
    ] {
        let found: Vec<i64> = sqlx::query_scalar(query).fetch_all(pool).await?;
        report.wrong(None, what, found);
    }
    Ok(())
}

/// The first arrival and the first acceptance of each message, as positions in the journal.
#[derive(Debug, Default)]
struct Deliveries {
    arrived: HashMap<(String, i64), (usize, bool)>,
    accepted: HashMap<(String, i64), usize>,
}

/// The messages of one subscription, compared with the events.
#[derive(Debug, Default, PartialEq, Eq)]
struct Compared {
    missing: Vec<i64>,
    out_of_order: Vec<i64>,
    /// Messages that say that they are out of order.
    marked: u64,
}

impl Deliveries {
    fn of(lines: Vec<Line>) -> Self {
        let mut deliveries = Self::default();
        for (position, line) in lines.into_iter().enumerate() {
            match line {
                Line::Arrived(Message { path, sequence, is_out_of_order, .. }) => {
                    deliveries.arrived.entry((path, sequence)).or_insert((position, is_out_of_order));
                }
                Line::Accepted(Message { path, sequence, .. }) => {
                    deliveries.accepted.entry((path, sequence)).or_insert(position);
                }
            }
        }
        deliveries
    }

    /// Compares the messages of a subscription with the events of each resource: all must be accepted, and each must arrive after the one
    /// before it was accepted, unless it is marked.
    fn compare(&self, path: &str, resources: &BTreeMap<String, Vec<i64>>) -> Compared {
        let mut compared = Compared::default();
        for events in resources.values() {
            let mut before = None;
            for seq in events {
                let key = (path.to_owned(), *seq);
                let (Some((arrived, is_marked)), Some(accepted)) = (self.arrived.get(&key), self.accepted.get(&key))
                else {
                    compared.missing.push(*seq);
                    continue;
                };
                compared.marked += u64::from(*is_marked);
                if before.is_some_and(|before| arrived < before) && !is_marked {
                    compared.out_of_order.push(*seq);
                }
                before = before.max(Some(accepted));
            }
        }
        compared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(sequence: i64, is_out_of_order: bool) -> Message {
        Message { path: "/a".into(), resource: "r".into(), sequence, is_out_of_order }
    }

    fn compared(lines: Vec<Line>) -> Compared {
        Deliveries::of(lines).compare("/a", &BTreeMap::from([("r".to_owned(), vec![1, 2])]))
    }

    #[test]
    fn an_event_that_was_not_accepted_is_missing() {
        let lines =
            vec![Line::Arrived(message(1, false)), Line::Accepted(message(1, false)), Line::Arrived(message(2, false))];
        assert_eq!(compared(lines), Compared { missing: vec![2], ..Compared::default() });
    }

    #[test]
    fn an_event_that_arrives_before_the_one_before_it_was_accepted_is_out_of_order_unless_it_says_so() {
        let lines = |marked: bool| {
            vec![
                Line::Arrived(message(1, false)),
                Line::Arrived(message(2, marked)),
                Line::Accepted(message(2, marked)),
                Line::Arrived(message(1, false)),
                Line::Accepted(message(1, false)),
            ]
        };
        assert_eq!(compared(lines(false)), Compared { out_of_order: vec![2], ..Compared::default() });
        assert_eq!(compared(lines(true)), Compared { marked: 1, ..Compared::default() });
    }

    #[test]
    fn messages_that_are_repeated_later_are_in_order() {
        let line = |sequence| [Line::Arrived(message(sequence, false)), Line::Accepted(message(sequence, false))];
        let lines = [1, 2, 1, 2, 1].into_iter().flat_map(line).collect();
        assert_eq!(compared(lines), Compared::default());
    }
}
