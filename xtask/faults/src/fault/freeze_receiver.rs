//! A receiver stops where it is, as in a machine that is suspended or out of memory, and goes on later.

use rustix::process::Signal;
use tokio::time::sleep;

use super::Done;
use crate::receiver::Receiver;
use crate::schedule::Planned;

pub(super) async fn carry_out(victim: &Receiver, planned: &Planned) -> Done {
    let process = victim.process.lock().await;
    process.signal(Signal::STOP);
    sleep(planned.lasts).await;
    process.signal(Signal::CONT);
    Done::ONCE
}
