//! A receiver is asked to end under load, as in every update, and started again.

use tokio::time::sleep;

use super::Done;
use crate::Failure;
use crate::receiver::Receiver;
use crate::schedule::Planned;

pub(super) async fn carry_out(victim: &Receiver, planned: &Planned) -> Result<Done, Failure> {
    let mut process = victim.process.lock().await;
    process.terminate().await?;
    sleep(planned.lasts / 2).await;
    process.start()?;
    Ok(Done::ONCE)
}
