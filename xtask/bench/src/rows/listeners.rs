//! Events on their way to a hundred listeners of the operator API.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use eqp_types::Secret;
use reqwest::Client;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{Measured, Row};
use crate::Failure;
use crate::figure::{Measurement, Promise};
use crate::harness::Harness;
use crate::load::{PATH, percentile};
use crate::marketplace::Marketplace;
use crate::postgres::Postgres;
use crate::readers::{free_address, reading_token, wait_for_listener};
use crate::target::Target;

const LISTENERS: usize = 100;
/// One token may have at most 16 open streams.
const LISTENERS_OF_TOKEN: usize = 10;
const PACKAGES: usize = 10;
/// The number of events in one round.
const EVENTS: usize = 50;
/// The time between two events.
const PAUSE: Duration = Duration::from_millis(20);
/// The time limit for one event.
const DEADLINE: Duration = Duration::from_secs(10);

pub(super) const ROW: Row = Row {
    name: "listeners",
    title: "An event reaches a hundred listeners",
    how: "A receiver with all parts and 100 streams of the operator API (server-sent events), plain HTTP on loopback. \
          Callbacks about 50 files are sent one after the other. For each, the time from sending it until the last \
          listener has received its event; the result of a round is the p95.",
    takes: ("20 s", "15 s"),
    promises: &[Promise::at_most(
        "sse_fanout_ms",
        1_000.0,
        100.0,
        "from sending a callback until 100 listeners have received its event, p95, ms",
    )],
    measure,
};

fn measure(harness: &Harness) -> Result<Measured, Failure> {
    let postgres = harness.block_on(Postgres::start())?;
    let marketplace = Marketplace::start(PACKAGES)?;
    marketplace.reach.write(harness.folder())?;
    let database = harness.block_on(postgres.database())?;
    let operator = free_address()?;
    let ours = Target::with_platform(database.clone(), harness, operator)?;
    wait_for_listener(operator)?;
    let (mut rounds, mut lines) = (Vec::new(), Vec::new());
    let measured = harness.block_on(async {
        let mut tokens = Vec::new();
        for number in 0..LISTENERS.div_ceil(LISTENERS_OF_TOKEN) {
            tokens.push(reading_token(&database, &format!("bench-{number}")).await?);
        }
        for round in 1..=harness.scale.rounds {
            let mut sorted = one_round(round, operator, ours.address(), &tokens).await?;
            sorted.sort_by(f64::total_cmp);
            let [p50, p95] = [0.5, 0.95].map(|share| percentile(&sorted, share));
            rounds.push(p95);
            lines.push(vec![round.to_string(), format!("{p50:.1}"), format!("{p95:.1}")]);
        }
        Ok::<_, Failure>(())
    });
    measured?;
    drop(ours);
    drop(marketplace);
    harness.block_on(postgres.stop())?;
    let columns = ["round", "p50, ms", "p95, ms"];
    Ok(Measured {
        found: vec![("sse_fanout_ms", Measurement::Rounds(rounds))],
        columns: columns.map(str::to_owned).to_vec(),
        lines,
        notes: Vec::new(),
    })
}

/// Returns the milliseconds until the last listener has received each event.
async fn one_round(
    round: usize,
    operator: SocketAddr,
    receiver: SocketAddr,
    tokens: &[Secret],
) -> Result<Vec<f64>, Failure> {
    let http = Client::builder().no_proxy().build()?;
    let (sender, mut heard) = mpsc::unbounded_channel();
    let mut listeners = JoinSet::new();
    for number in 0..LISTENERS {
        let token = &tokens[number % tokens.len()];
        let request = http.get(format!("http://{operator}/api/v1/events/stream")).bearer_auth(token.expose());
        let response = request.send().await?.error_for_status()?;
        listeners.spawn(listen(response, round, sender.clone()));
    }
    drop(sender);
    let mut times = Vec::new();
    for number in 0..EVENTS {
        let begun = Instant::now();
        let body = format!(
            r#"{{"callback_event":"malware_scan_complete","update_info":{{"file_upload_id":"{}","tool_result":"pass"}}}}"#,
            name(round, number)
        );
        let request = http.post(format!("http://{receiver}{PATH}")).basic_auth("key", Some("secret")).body(body);
        request.send().await?.error_for_status()?;
        for _ in 0..LISTENERS {
            let number_heard =
                timeout(DEADLINE, heard.recv()).await.map_err(|_| "an event did not reach every listener")?;
            if number_heard != Some(number) {
                return Err(format!("a listener received event {number_heard:?} instead of {number}").into());
            }
        }
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
        tokio::time::sleep(PAUSE).await;
    }
    listeners.shutdown().await;
    Ok(times)
}

/// Reads a stream, and reports the number of each event of this round.
async fn listen(
    mut response: reqwest::Response,
    round: usize,
    heard: mpsc::UnboundedSender<usize>,
) -> Result<(), reqwest::Error> {
    let (mut text, mut next) = (String::new(), 0);
    while let Some(chunk) = response.chunk().await? {
        text.push_str(&String::from_utf8_lossy(&chunk));
        while let Some(at) = text.find(&name(round, next)) {
            text.drain(..at);
            // The round has ended if nobody is told any more.
            let _ = heard.send(next);
            next += 1;
        }
    }
    Ok(())
}

/// Returns the ID of a file. No ID begins with another one.
fn name(round: usize, number: usize) -> String {
    format!("listened-{round}-{number:04}")
}
