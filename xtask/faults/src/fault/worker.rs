//! Faults of a process that delivers: it dies in the middle of attempts, or of the fan-out's transaction, stops, or freezes.

use std::time::Duration;

use rustix::process::Signal;
use sqlx::{Connection, PgConnection, Postgres, Transaction};
use tokio::time::{Instant, sleep};

use super::Done;
use super::kill_projector::{LOCK_NOT_AVAILABLE, code, is_connection_lost};
use crate::Failure;
use crate::deadline::until;
use crate::schedule::Planned;
use crate::setup::TestSetup;

/// The time for an attempt to begin, and for the fan-out to reach the lock that blocks it.
const OCCASION: Duration = Duration::from_secs(2);
const INTERVAL: Duration = Duration::from_millis(5);

/// Kills a worker while attempts are in flight, and starts it again.
pub(super) async fn kill_worker(setup: &TestSetup, planned: &Planned) -> Result<Done, Failure> {
    let handler = setup.handler()?;
    let mut process = setup.workers[planned.victim].process.lock().await;
    until(OCCASION, async || handler.seen().await.is_ok_and(|seen| seen.in_flight > 0)).await;
    let aborted = handler.seen().await?.aborted;
    process.kill().await?;
    let hit = setup.has_aborted(aborted).await?;
    sleep(planned.lasts / 2).await;
    process.start()?;
    Ok(Done { kills_in_flight: u64::from(hit), ..Done::KILL })
}

/// Stops a worker gracefully under load, and starts it again.
pub(super) async fn stop_worker(setup: &TestSetup, planned: &Planned) -> Result<Done, Failure> {
    let mut process = setup.workers[planned.victim].process.lock().await;
    process.terminate().await?;
    sleep(planned.lasts / 2).await;
    process.start()?;
    Ok(Done::ONCE)
}

/// Freezes a worker, and continues it later. During this time it has leases and requests in flight.
pub(super) async fn freeze_worker(setup: &TestSetup, planned: &Planned) -> Done {
    let process = setup.workers[planned.victim].process.lock().await;
    process.signal(Signal::STOP);
    sleep(planned.lasts).await;
    process.signal(Signal::CONT);
    Done::ONCE
}

/// Kills the worker that matches events in the middle of its transaction: a lock blocks the insertion of deliveries, or the update of the
/// position.
pub(super) async fn kill_fan_out(setup: &TestSetup, planned: &Planned) -> Result<Done, Failure> {
    let _postgres = setup.postgres.lock().await;
    let mut processes = [setup.workers[0].process.lock().await, setup.workers[1].process.lock().await];
    let mut connection = setup.connect().await?;
    let (victim, obstacle) = match occasion(setup, &mut connection, planned).await {
        Ok(Some(found)) => found,
        Ok(None) => return Ok(Done::NONE),
        Err(error) if is_connection_lost(&error) => return Ok(Done::NONE),
        Err(error) => return Err(error.into()),
    };
    processes[victim].kill().await?;
    // If the connection is gone, so is its lock.
    let _ = obstacle.rollback().await;
    sleep(planned.lasts / 2).await;
    processes[victim].start()?;
    Ok(Done::KILL)
}

/// Blocks the fan-out with a lock, and returns which worker waits for it, and the lock.
async fn occasion<'c>(
    setup: &TestSetup,
    connection: &'c mut PgConnection,
    planned: &Planned,
) -> Result<Option<(usize, Transaction<'c, Postgres>)>, sqlx::Error> {
    let mut obstacle = connection.begin().await?;
    sqlx::query("set local lock_timeout = '2s'").execute(&mut *obstacle).await?;
    // Neither lock conflicts with the one by which the leader is determined.
    let lock = if planned.variant.is_multiple_of(2) {
        "lock table eqp.delivery in share row exclusive mode"
    } else {
        "lock table eqp.fanout in share row exclusive mode"
    };
    match sqlx::query(lock).execute(&mut *obstacle).await {
        Err(error) if code(&error).is_some_and(|code| code == LOCK_NOT_AVAILABLE) => return Ok(None),
        locked => locked?,
    };
    let end = Instant::now() + OCCASION;
    while Instant::now() < end {
        let stuck: Vec<i32> = sqlx::query_scalar(
            "select pid from pg_stat_activity
             where datname = current_database() and wait_event_type = 'Lock'
               and (query like '%update eqp.fanout%' or query like '%insert into eqp.delivery (%')",
        )
        .fetch_all(&mut *obstacle)
        .await?;
        let leads = |worker: &crate::setup::Worker| stuck.iter().any(|process| worker.proxy.serves(*process));
        if let Some(victim) = setup.workers.iter().position(leads) {
            return Ok(Some((victim, obstacle)));
        }
        sleep(INTERVAL).await;
    }
    Ok(None)
}
