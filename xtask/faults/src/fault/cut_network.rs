//! Every connection of a receiver to Postgres is lost, and new ones are refused for a while.

use eqp_test_support::Weather;
use tokio::time::sleep;

use super::Done;
use crate::receiver::Receiver;
use crate::schedule::Planned;

pub(super) async fn carry_out(victim: &Receiver, planned: &Planned) -> Done {
    let _weather = victim.weather.lock().await;
    victim.proxy.turn(Weather::Cut);
    sleep(planned.lasts).await;
    victim.proxy.turn(Weather::Fair);
    Done::OUTAGE
}
