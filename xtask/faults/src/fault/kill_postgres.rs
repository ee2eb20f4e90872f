//! All processes of Postgres are killed at once; it comes back later, and replays its log.

use tokio::time::sleep;

use super::Done;
use crate::house::House;
use crate::schedule::Planned;

pub(super) async fn carry_out(house: &House, planned: &Planned) -> Done {
    let mut postgres = house.postgres.lock().await;
    postgres.kill();
    sleep(planned.lasts).await;
    postgres.start_again().await;
    Done { outages: 1, ..Done::KILL }
}
