//! Somebody opens far more connections to a receiver than it may have open files, and holds them.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::Done;
use crate::receiver::Receiver;
use crate::schedule::Planned;

/// At most; two receivers may have 256 files each.
const CONNECTIONS: usize = 1_000;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(1);
/// For one of them to be accepted by the system: a receiver that is stopped accepts none.
const CONNECT: Duration = Duration::from_millis(100);
/// The beginning of a TLS handshake: a record with 512 bytes of a client's first message, of which none follows.
const HALF_HANDSHAKE: [u8; 5] = [0x16, 3, 1, 2, 0];

pub(super) async fn carry_out(victim: &Receiver, planned: &Planned) -> Done {
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
