//! Faults between the processes: lost connections and results, delayed writes, a full disk, floods, and unusual
//! callbacks.

use std::time::Duration;

use eqp_test_support::NetworkConditions;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::Done;
use crate::Failure;
use crate::deadline::until;
use crate::receiver::Receiver;
use crate::schedule::Planned;
use crate::setup::TestSetup;

/// The time for a write to arrive.
const OCCASION: Duration = Duration::from_secs(2);
/// The number of connections of a flood; each receiver may open 256 files.
const CONNECTIONS: usize = 1_000;
/// The delay between two connections.
const PAUSE: Duration = Duration::from_millis(1);
/// The time for the system to accept a connection; a stopped receiver accepts none.
const CONNECT: Duration = Duration::from_millis(100);
/// The beginning of a TLS handshake: a record with 512 bytes of a client's first message, of which none follows.
const HALF_HANDSHAKE: [u8; 5] = [0x16, 3, 1, 2, 0];

/// Closes every connection of a receiver to Postgres, and refuses new ones for some time.
pub(super) async fn cut_network(victim: &Receiver, planned: &Planned) -> Done {
    let _network = victim.network.lock().await;
    victim.proxy.set(NetworkConditions::Cut);
    sleep(planned.lasts).await;
    victim.proxy.set(NetworkConditions::Fair);
    Done::OUTAGE
}

/// Closes the connection after Postgres has committed a write and before the result arrives, so that the outcome is
/// unknown.
pub(super) async fn lose_answer(victim: &Receiver, planned: &Planned) -> Done {
    let _network = victim.network.lock().await;
    let before = victim.proxy.lost();
    for _ in 0..=planned.variant % 3 {
        let lost = victim.proxy.lost();
        victim.proxy.set(NetworkConditions::LosesOneAnswer);
        until(OCCASION, async || victim.proxy.lost() > lost).await;
    }
    victim.proxy.set(NetworkConditions::Fair);
    Done { times: victim.proxy.lost() - before, ..Done::NONE }
}

/// Delays a batch of one receiver while the other commits newer IDs. A reader that used IDs as a cursor would skip
/// the batch.
pub(super) async fn hold_batch(victim: &Receiver, planned: &Planned) -> Done {
    let _network = victim.network.lock().await;
    let before = victim.proxy.held();
    victim.proxy.set(NetworkConditions::HoldsWrites);
    let is_held = until(OCCASION, async || victim.proxy.held() > before).await;
    if is_held {
        sleep(planned.lasts).await;
    }
    victim.proxy.set(NetworkConditions::Fair);
    if is_held { Done::ONCE } else { Done::NONE }
}

/// Fills the disk of a spool while Postgres is down.
pub(super) async fn full_disk(victim: &Receiver, planned: &Planned) -> Done {
    let Some(disk) = &victim.disk else { return Done::NONE };
    // The receiver is not restarted in the meantime, because it may refuse to start on a full disk.
    let _process = victim.process.lock().await;
    let _network = victim.network.lock().await;
    disk.fill();
    victim.proxy.set(NetworkConditions::Cut);
    sleep(planned.lasts).await;
    disk.free();
    // The disk is freed before the database is back.
    sleep(planned.lasts / 2).await;
    victim.proxy.set(NetworkConditions::Fair);
    Done::OUTAGE
}

/// Opens and holds far more connections to a receiver than it may have open files.
pub(super) async fn flood_connections(victim: &Receiver, planned: &Planned) -> Done {
    let until = Instant::now() + planned.lasts;
    let mut held = Vec::new();
    while held.len() < CONNECTIONS && Instant::now() < until {
        if let Ok(Ok(mut connection)) = timeout(CONNECT, TcpStream::connect(victim.address)).await {
            if planned.variant.is_multiple_of(2) {
                let _ = connection.write_all(&HALF_HANDSHAKE).await;
            }
            held.push(connection);
        }
        sleep(PAUSE).await;
    }
    sleep(planned.lasts / 2).await;
    if held.is_empty() { Done::NONE } else { Done::ONCE }
}

/// Sends only callbacks with extreme values for some time; each kind of them once stopped a projector.
pub(super) async fn odd_callbacks(setup: &TestSetup, planned: &Planned) -> Result<Done, Failure> {
    let sender = setup.sender.as_ref().ok_or("the sender has ended")?;
    sender.send_only_odd(true).await?;
    sleep(planned.lasts).await;
    sender.send_only_odd(false).await?;
    Ok(Done::ONCE)
}
