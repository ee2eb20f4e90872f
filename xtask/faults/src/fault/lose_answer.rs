//! Postgres commits a write, and the connection is cut before its answer arrives: the receiver cannot know.

use std::time::Duration;

use eqp_test_support::Weather;

use super::Done;
use crate::deadline::until;
use crate::receiver::Receiver;
use crate::schedule::Planned;

/// For a write to come.
const OCCASION: Duration = Duration::from_secs(2);

pub(super) async fn carry_out(victim: &Receiver, planned: &Planned) -> Done {
    let _weather = victim.weather.lock().await;
    let before = victim.proxy.lost();
    for _ in 0..=planned.variant % 3 {
        let lost = victim.proxy.lost();
        victim.proxy.turn(Weather::LosesOneAnswer);
        until(OCCASION, async || victim.proxy.lost() > lost).await;
    }
    victim.proxy.turn(Weather::Fair);
    Done { times: victim.proxy.lost() - before, ..Done::NONE }
}
