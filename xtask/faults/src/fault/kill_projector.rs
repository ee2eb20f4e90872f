//! Kills the receiver that projects in the middle of its transaction.

use std::time::Duration;

use sqlx::{Connection, PgConnection, Postgres, Transaction};
use tokio::time::{Instant, sleep};

use super::Done;
use crate::Failure;
use crate::receiver::Receiver;
use crate::schedule::Planned;
use crate::setup::TestSetup;

/// The time for a projector to reach the lock that blocks it.
const OCCASION: Duration = Duration::from_secs(2);
const INTERVAL: Duration = Duration::from_millis(10);

pub(super) const LOCK_NOT_AVAILABLE: &str = "55P03";
/// The error codes with which Postgres ends connections after one of its processes was killed.
const CRASH_SHUTDOWN: &str = "57P02";

pub(super) async fn carry_out(setup: &TestSetup, planned: &Planned) -> Result<Done, Failure> {
    let _postgres = setup.postgres.lock().await;
    let mut processes = [setup.receivers[0].process.lock().await, setup.receivers[1].process.lock().await];
    let mut connection = setup.connect().await?;
    let (victim, obstacle) = match occasion(setup, &mut connection).await {
        Ok(Some(found)) => found,
        Ok(None) => return Ok(Done::NONE),
        Err(error) if is_connection_lost(&error) => return Ok(Done::NONE),
        Err(error) => return Err(error.into()),
    };
    processes[victim].kill().await?;
    // If the connection is gone, so is its lock.
    let _ = obstacle.rollback().await;
    sleep(planned.lasts).await;
    processes[victim].start()?;
    Ok(Done::KILL)
}

/// Blocks the projector with a lock, and returns which receiver waits for it, and the lock.
async fn occasion<'c>(
    setup: &TestSetup,
    connection: &'c mut PgConnection,
) -> Result<Option<(usize, Transaction<'c, Postgres>)>, sqlx::Error> {
    let mut obstacle = connection.begin().await?;
    sqlx::query("set local lock_timeout = '2s'").execute(&mut *obstacle).await?;
    match sqlx::query("lock table eqp.callback_disposition in exclusive mode").execute(&mut *obstacle).await {
        Err(error) if code(&error).is_some_and(|code| code == LOCK_NOT_AVAILABLE) => return Ok(None),
        locked => locked?,
    };
    let found = leader(setup, &mut obstacle).await?;
    Ok(found.map(|victim| (victim, obstacle)))
}

/// Returns which receiver waits for the lock.
async fn leader(setup: &TestSetup, obstacle: &mut PgConnection) -> Result<Option<usize>, sqlx::Error> {
    let end = Instant::now() + OCCASION;
    while Instant::now() < end {
        let stuck: Vec<i32> = sqlx::query_scalar(
            "select pid from pg_stat_activity
             where datname = current_database() and wait_event_type = 'Lock' and query like '%callback_disposition%'",
        )
        .fetch_all(&mut *obstacle)
        .await?;
        let leads = |receiver: &Receiver| stuck.iter().any(|process| receiver.proxy.serves(*process));
        if let Some(victim) = setup.receivers.iter().position(leads) {
            return Ok(Some(victim));
        }
        sleep(INTERVAL).await;
    }
    Ok(None)
}

pub(super) fn code(error: &sqlx::Error) -> Option<std::borrow::Cow<'_, str>> {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code)
}

/// Returns whether the connection is lost. If `kill-backend` has just killed a process of Postgres, this connection
/// ends too, and the fault has no effect. Nothing else ends it, because faults that stop or freeze Postgres wait until
/// this one is over.
pub(super) fn is_connection_lost(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Io(_)) || code(error).is_some_and(|code| code == CRASH_SHUTDOWN)
}

#[cfg(test)]
mod tests {
    use eqp_test_support::OwnPostgres;
    use rustix::process::{Pid, Signal, kill_process};

    use super::*;

    #[tokio::test]
    async fn only_a_connection_that_postgres_ended_counts_as_no_occasion() {
        let postgres = OwnPostgres::start().await;
        let database = postgres.database().await;
        let mut ended = PgConnection::connect_with(&database.options).await.unwrap();
        let mut killed = PgConnection::connect_with(&database.options).await.unwrap();
        let mistake = sqlx::query("select from eqp.nowhere").execute(&mut ended).await.unwrap_err();
        assert!(!is_connection_lost(&mistake), "{mistake}");
        let process: i32 = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut killed).await.unwrap();
        kill_process(Pid::from_raw(process).unwrap(), Signal::KILL).unwrap();
        // Postgres ends the other processes shortly afterwards.
        let lost = loop {
            match sqlx::query("select 1").execute(&mut ended).await {
                Ok(_) => sleep(INTERVAL).await,
                Err(error) => break error,
            }
        };
        assert!(is_connection_lost(&lost), "{lost}");
    }
}
