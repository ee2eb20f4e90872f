//! Faults of a receiver process: it stops, dies, freezes, or its clock jumps.

use std::time::Duration;

use eqp_test_support::NetworkConditions;
use rustix::process::Signal;
use tokio::time::sleep;

use super::Done;
use crate::Failure;
use crate::deadline::until;
use crate::receiver::Receiver;
use crate::schedule::Planned;

/// The time for a write to arrive, and for requests in flight to be answered.
const OCCASION: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_millis(50);
/// The clock jumps: a second, a minute, an hour and a day, forward and back.
const JUMPS: [i64; 8] = [1, -1, 60, -60, 3600, -3600, 86_400, -86_400];
/// The interval at which the process reads the offset of its clock.
const NOTICED: Duration = Duration::from_secs(1);

/// Stops a receiver gracefully under load, as in every update, and starts it again.
pub(super) async fn stop_receiver(victim: &Receiver, planned: &Planned) -> Result<Done, Failure> {
    let mut process = victim.process.lock().await;
    process.terminate().await?;
    sleep(planned.lasts / 2).await;
    process.start()?;
    Ok(Done::ONCE)
}

/// Kills a receiver at any time, or during a write of its callbacks, and starts it again.
pub(super) async fn kill_receiver(victim: &Receiver, planned: &Planned) -> Result<Done, Failure> {
    let mut process = victim.process.lock().await;
    if planned.variant.is_multiple_of(2) {
        let _network = victim.network.lock().await;
        let held = victim.proxy.held();
        victim.proxy.set(NetworkConditions::HoldsWrites);
        if until(OCCASION, async || victim.proxy.held() > held).await {
            sleep(ANSWER).await;
        }
        process.kill().await?;
        // The held write must not arrive either, so its connection is closed.
        victim.proxy.set(NetworkConditions::Cut);
        sleep(ANSWER).await;
        victim.proxy.set(NetworkConditions::Fair);
    } else {
        process.kill().await?;
    }
    sleep(planned.lasts / 2).await;
    process.start()?;
    Ok(Done::KILL)
}

/// Freezes a receiver, as on a machine that is suspended or out of memory, and continues it later.
pub(super) async fn freeze_receiver(victim: &Receiver, planned: &Planned) -> Done {
    let process = victim.process.lock().await;
    process.signal(Signal::STOP);
    sleep(planned.lasts).await;
    process.signal(Signal::CONT);
    Done::ONCE
}

/// Makes the wall clock of a receiver jump forward or back, and later back to the real time.
pub(super) async fn clock_jump(victim: &Receiver, planned: &Planned) -> Result<Done, Failure> {
    let Some(clock) = &victim.clock else { return Ok(Done::NONE) };
    clock.put_forward(JUMPS[usize::from(planned.variant) % JUMPS.len()])?;
    sleep(NOTICED + planned.lasts).await;
    clock.put_forward(0)?;
    Ok(Done::ONCE)
}
