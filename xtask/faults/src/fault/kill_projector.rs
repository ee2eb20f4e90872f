//! The receiver that projects is killed in the middle of its transaction.

use std::time::Duration;

use sqlx::{Connection, PgConnection, Postgres, Transaction};
use tokio::time::{Instant, sleep};

use super::Done;
use crate::Failure;
use crate::house::House;
use crate::receiver::Receiver;
use crate::schedule::Planned;

/// For a projector to come as far as the obstacle.
const OCCASION: Duration = Duration::from_secs(2);
const INTERVAL: Duration = Duration::from_millis(10);

pub(super) async fn carry_out(house: &House, planned: &Planned) -> Result<Done, Failure> {
    let _postgres = house.postgres.lock().await;
    let mut processes = [house.receivers[0].process.lock().await, house.receivers[1].process.lock().await];
    let mut connection = house.connect().await?;
    // Where the fault before has just ended a process of Postgres, this connection ends too: then there is no occasion.
    let Ok(Some((victim, obstacle))) = occasion(house, &mut connection).await else { return Ok(Done::NONE) };
    processes[victim].kill().await?;
    // Where the connection is gone, so is the obstacle.
    let _ = obstacle.rollback().await;
    sleep(planned.lasts).await;
    processes[victim].start()?;
    Ok(Done::KILL)
}

/// Holds up whoever projects; answers which receiver stands before the obstacle, and the obstacle.
async fn occasion<'c>(
    house: &House,
    connection: &'c mut PgConnection,
) -> Result<Option<(usize, Transaction<'c, Postgres>)>, Failure> {
    let mut obstacle = connection.begin().await?;
    sqlx::query("set local lock_timeout = '2s'").execute(&mut *obstacle).await?;
    if sqlx::query("lock table eqp.callback_outcome in exclusive mode").execute(&mut *obstacle).await.is_err() {
        return Ok(None);
    }
    let found = leader(house, &mut obstacle).await?;
    Ok(found.map(|victim| (victim, obstacle)))
}

/// Which receiver stands before the obstacle.
async fn leader(house: &House, obstacle: &mut PgConnection) -> Result<Option<usize>, Failure> {
    let end = Instant::now() + OCCASION;
    while Instant::now() < end {
        let stuck: Vec<i32> = sqlx::query_scalar(
            "select pid from pg_stat_activity
             where datname = current_database() and wait_event_type = 'Lock' and query like '%callback_outcome%'",
        )
        .fetch_all(&mut *obstacle)
        .await?;
        let leads = |receiver: &Receiver| stuck.iter().any(|process| receiver.proxy.leads_to(*process));
        if let Some(victim) = house.receivers.iter().position(leads) {
            return Ok(Some(victim));
        }
        sleep(INTERVAL).await;
    }
    Ok(None)
}
