//! One process of Postgres is killed, as the kernel does that runs out of memory: Postgres then ends all others, and starts again
//! by itself.

use rustix::process::{Pid, Signal, kill_process};

use super::Done;
use crate::Failure;
use crate::house::House;

pub(super) async fn carry_out(house: &House) -> Result<Done, Failure> {
    let _postgres = house.postgres.lock().await;
    let mut connection = house.connect().await?;
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
