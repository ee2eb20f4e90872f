//! Postgres takes no writes for a while, as a replica does that a failover has led everybody to.

use sqlx::{Connection, Executor};
use tokio::time::sleep;

use super::Done;
use crate::Failure;
use crate::house::House;
use crate::schedule::Planned;

pub(super) async fn carry_out(house: &House, planned: &Planned) -> Result<Done, Failure> {
    let _postgres = house.postgres.lock().await;
    let mut connection = house.connect().await?;
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
