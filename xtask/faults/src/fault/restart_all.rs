//! The whole machine goes down at once. The receivers come back first, and take callbacks while there is no Postgres.

use std::time::Duration;

use tokio::time::sleep;

use super::Done;
use crate::Failure;
use crate::house::House;
use crate::schedule::Planned;

/// For a receiver to start and be sent something.
const START: Duration = Duration::from_millis(400);

pub(super) async fn carry_out(house: &House, planned: &Planned) -> Result<Done, Failure> {
    let mut postgres = house.postgres.lock().await;
    let mut processes = [house.receivers[0].process.lock().await, house.receivers[1].process.lock().await];
    postgres.kill();
    for process in &mut processes {
        process.kill().await?;
    }
    for process in &mut processes {
        process.start()?;
    }
    sleep(START + planned.lasts).await;
    postgres.start_again().await;
    Ok(Done { times: 1, kills: 3, outages: 1 })
}
