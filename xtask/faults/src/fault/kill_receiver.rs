//! A receiver is killed, and started again: at any moment, or while a write of its callbacks is on its way.

use std::time::Duration;

use eqp_test_support::Weather;
use tokio::time::sleep;

use super::Done;
use crate::Failure;
use crate::deadline::until;
use crate::receiver::Receiver;
use crate::schedule::Planned;

/// For a write to come, and for whoever answers before it has ended to do so.
const OCCASION: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_millis(50);

pub(super) async fn carry_out(victim: &Receiver, planned: &Planned) -> Result<Done, Failure> {
    let mut process = victim.process.lock().await;
    if planned.variant.is_multiple_of(2) {
        let _weather = victim.weather.lock().await;
        let held = victim.proxy.held();
        victim.proxy.turn(Weather::HoldsWrites);
        if until(OCCASION, async || victim.proxy.held() > held).await {
            sleep(ANSWER).await;
        }
        process.kill().await?;
        // What was held is not to arrive either: cut, and not let go.
        victim.proxy.turn(Weather::Cut);
        sleep(ANSWER).await;
        victim.proxy.turn(Weather::Fair);
    } else {
        process.kill().await?;
    }
    sleep(planned.lasts / 2).await;
    process.start()?;
    Ok(Done::KILL)
}
