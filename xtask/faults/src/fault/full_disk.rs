//! The disk of a spool is full while the spool is needed.

use eqp_test_support::Weather;
use tokio::time::sleep;

use super::Done;
use crate::receiver::Receiver;
use crate::schedule::Planned;

pub(super) async fn carry_out(victim: &Receiver, planned: &Planned) -> Done {
    let Some(disk) = &victim.disk else { return Done::NONE };
    // Nobody restarts it meanwhile: without a disk it would be right not to start.
    let _process = victim.process.lock().await;
    let _weather = victim.weather.lock().await;
    disk.fill();
    victim.proxy.turn(Weather::Cut);
    sleep(planned.lasts).await;
    disk.free();
    // There is room again before there is a database.
    sleep(planned.lasts / 2).await;
    victim.proxy.turn(Weather::Fair);
    Done::OUTAGE
}
