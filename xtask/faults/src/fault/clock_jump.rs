//! The wall clock of a receiver jumps, forward or back, and later jumps again to where it was.

use std::time::Duration;

use tokio::time::sleep;

use super::Done;
use crate::Failure;
use crate::receiver::Receiver;
use crate::schedule::Planned;

/// A second, a minute, an hour and a day, each way.
const JUMPS: [i64; 8] = [1, -1, 60, -60, 3600, -3600, 86_400, -86_400];
/// The process looks at its clock that often.
const NOTICED: Duration = Duration::from_secs(1);

pub(super) async fn carry_out(victim: &Receiver, planned: &Planned) -> Result<Done, Failure> {
    let Some(clock) = &victim.clock else { return Ok(Done::NONE) };
    clock.put_forward(JUMPS[usize::from(planned.variant) % JUMPS.len()])?;
    sleep(NOTICED + planned.lasts).await;
    clock.put_forward(0)?;
    Ok(Done::ONCE)
}
