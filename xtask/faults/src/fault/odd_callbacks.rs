//! For a while only callbacks are sent whose fields are at the edge of what can be read; each kind once stopped a projector.

use tokio::time::sleep;

use super::Done;
use crate::Failure;
use crate::house::House;
use crate::schedule::Planned;

pub(super) async fn carry_out(house: &House, planned: &Planned) -> Result<Done, Failure> {
    let sender = house.sender.as_ref().ok_or("the sender has ended")?;
    sender.send_only_odd(true).await?;
    sleep(planned.lasts).await;
    sender.send_only_odd(false).await?;
    Ok(Done::ONCE)
}
