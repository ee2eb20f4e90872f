//! A sender light enough not to be the limit: kept-open connections, requests made once, answers hardly read.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::Failure;

/// The body of the API's documentation, with its user name `key` and password `secret`.
const BODY: &str = r#"{"callback_event":"eqp_status_update","update_info":{"submission_id":"s5w9k703ru","item_id":"user_upload_version_1","eqp_flow":"marketing","current_status":"approved"}}"#;
/// What stands before and after the id in every good answer.
const BEFORE_ID: &[u8] = br#"{"id":""#;
const ID_BYTES: usize = 36;

/// What a turn came to.
pub(super) struct Outcome {
    pub(super) per_second: f64,
    /// Sorted, of the measured part of the turn.
    latencies: Vec<Duration>,
    /// All that was answered, also before measuring began.
    pub(super) answered: Vec<Uuid>,
}

impl Outcome {
    /// The latency that this share of the requests did not exceed, in milliseconds.
    pub(super) fn percentile(&self, share: f64) -> f64 {
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let place = (self.latencies.len().saturating_sub(1) as f64 * share) as usize;
        self.latencies.get(place).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1000.0)
    }
}

/// Sends over `connections` at once: first for `warm_up`, then measured for `time`.
pub(super) fn run(
    address: SocketAddr,
    connections: usize,
    warm_up: Duration,
    time: Duration,
) -> Result<Outcome, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let measured_from = Instant::now() + warm_up;
        let until = measured_from + time;
        let mut senders = JoinSet::new();
        for _ in 0..connections {
            senders.spawn(send(address, measured_from, until));
        }
        let mut latencies = Vec::new();
        let mut answered = Vec::new();
        while let Some(sender) = senders.join_next().await {
            let (taken, ids) = sender??;
            latencies.extend(taken);
            answered.extend(ids);
        }
        latencies.sort_unstable();
        #[expect(clippy::cast_precision_loss)]
        let per_second = latencies.len() as f64 / time.as_secs_f64();
        Ok(Outcome { per_second, latencies, answered })
    })
}

async fn send(
    address: SocketAddr,
    measured_from: Instant,
    until: Instant,
) -> Result<(Vec<Duration>, Vec<Uuid>), Failure> {
    let request = format!(
        "POST /callbacks/bench HTTP/1.1\r\nhost: {address}\r\nauthorization: Basic a2V5OnNlY3JldA==\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut latencies = Vec::new();
    let mut answered = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        let begun = Instant::now();
        if begun >= until {
            return Ok((latencies, answered));
        }
        stream.write_all(request.as_bytes()).await?;
        answered.push(read_answer(&mut stream, &mut buffer).await?);
        let ended = Instant::now();
        if begun >= measured_from && ended <= until {
            latencies.push(ended - begun);
        }
    }
}

/// Reads one good answer; every other is a failed run.
async fn read_answer(stream: &mut TcpStream, buffer: &mut [u8; 1024]) -> Result<Uuid, Failure> {
    let mut filled = 0;
    loop {
        let count = stream.read(&mut buffer[filled..]).await?;
        filled += count;
        let answer = &buffer[..filled];
        if answer.ends_with(b"\"}") && answer.starts_with(b"HTTP/1.1 200 ") {
            let id = answer.len() - ID_BYTES - 2;
            if answer[..id].ends_with(BEFORE_ID) {
                return Ok(Uuid::try_parse_ascii(&answer[id..id + ID_BYTES])?);
            }
        }
        if count == 0 || filled == buffer.len() {
            return Err(format!("not the answer of a receiver: {}", String::from_utf8_lossy(answer)).into());
        }
    }
}
