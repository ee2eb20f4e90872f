//! A batch of one receiver is on its way while the other commits newer ids. Whoever took the ids as a cursor would pass over
//! it.

use std::time::Duration;

use eqp_test_support::Weather;
use tokio::time::sleep;

use super::Done;
use crate::deadline::until;
use crate::receiver::Receiver;
use crate::schedule::Planned;

/// For a write to come.
const OCCASION: Duration = Duration::from_secs(2);

pub(super) async fn carry_out(victim: &Receiver, planned: &Planned) -> Done {
    let _weather = victim.weather.lock().await;
    let before = victim.proxy.held();
    victim.proxy.turn(Weather::HoldsWrites);
    let is_held = until(OCCASION, async || victim.proxy.held() > before).await;
    if is_held {
        sleep(planned.lasts).await;
    }
    victim.proxy.turn(Weather::Fair);
    if is_held { Done::ONCE } else { Done::NONE }
}
