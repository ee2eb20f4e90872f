//! Faults of Postgres: its processes die or freeze, it accepts no writes, or the whole machine restarts.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use sqlx::{Connection, Executor};
use tokio::time::sleep;

use super::Done;
use crate::Failure;
use crate::schedule::Planned;
use crate::setup::TestSetup;

/// One freeze of this number is long.
const RARELY: u8 = 4;
/// A long freeze: the outcome of a write is unknown after five seconds.
const LONG: Duration = Duration::from_millis(5500);
/// The time for a receiver to start and to get a callback.
const START: Duration = Duration::from_millis(400);

/// Kills all processes of Postgres at once, and starts it again later; it replays its log.
pub(super) async fn kill_postgres(setup: &TestSetup, planned: &Planned) -> Done {
    let mut postgres = setup.postgres.lock().await;
    postgres.kill();
    sleep(planned.lasts).await;
    postgres.start_again().await;
    Done { outages: 1, ..Done::KILL }
}

/// Kills one process of Postgres, as the kernel does when it runs out of memory: Postgres then ends all others and
/// restarts automatically.
pub(super) async fn kill_backend(setup: &TestSetup) -> Result<Done, Failure> {
    let _postgres = setup.postgres.lock().await;
    let mut connection = setup.connect().await?;
    let writer: Option<i32> = sqlx::query_scalar(
        "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
         order by query like '%insert into eqp.callback%' desc limit 1",
    )
    .fetch_optional(&mut connection)
    .await?;
    let Some(process) = writer.and_then(Pid::from_raw) else { return Ok(Done::NONE) };
    kill_process(process, Signal::KILL)?;
    Ok(Done { outages: 1, ..Done::KILL })
}

/// Freezes all processes of Postgres: connections stay open, but get no responses; sometimes for longer than a receiver
/// waits for a write.
pub(super) async fn freeze_postgres(setup: &TestSetup, planned: &Planned) -> Done {
    let postgres = setup.postgres.lock().await;
    postgres.freeze();
    sleep(if planned.variant.is_multiple_of(RARELY) { LONG } else { planned.lasts }).await;
    postgres.thaw();
    Done::OUTAGE
}

/// Makes Postgres reject writes for some time, as a replica does.
pub(super) async fn read_only(setup: &TestSetup, planned: &Planned) -> Result<Done, Failure> {
    let _postgres = setup.postgres.lock().await;
    let mut connection = setup.connect().await?;
    for statement in ["alter system set default_transaction_read_only = on", "select pg_reload_conf()"] {
        connection.execute(statement).await?;
    }
    sleep(planned.lasts).await;
    for statement in ["alter system reset default_transaction_read_only", "select pg_reload_conf()"] {
        connection.execute(statement).await?;
    }
    connection.close().await?;
    Ok(Done::OUTAGE)
}

/// Restarts everything, as a reboot does. The receivers start first and accept callbacks while Postgres is down.
pub(super) async fn restart_all(setup: &TestSetup, planned: &Planned) -> Result<Done, Failure> {
    let mut postgres = setup.postgres.lock().await;
    let mut processes = [setup.receivers[0].process.lock().await, setup.receivers[1].process.lock().await];
    postgres.kill();
    for process in &mut processes {
        process.kill().await?;
    }
    for process in &mut processes {
        process.start()?;
    }
    sleep(START + planned.lasts).await;
    postgres.start_again().await;
    Ok(Done { kills: 3, ..Done::OUTAGE })
}
