//! All processes of Postgres stop where they are: connections stay open, and nobody answers. Now and then for longer than a
//! receiver waits for a write.

use std::time::Duration;

use tokio::time::sleep;

use super::Done;
use crate::house::House;
use crate::schedule::Planned;

/// One in so many is long.
const RARELY: u8 = 4;
/// A write counts as unknown after five seconds.
const LONG: Duration = Duration::from_millis(5500);

pub(super) async fn carry_out(house: &House, planned: &Planned) -> Done {
    let postgres = house.postgres.lock().await;
    postgres.freeze();
    sleep(if planned.variant.is_multiple_of(RARELY) { LONG } else { planned.lasts }).await;
    postgres.thaw();
    Done::OUTAGE
}
