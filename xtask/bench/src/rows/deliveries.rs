//! Shared by the benchmarks of deliveries: subscriptions, a paced sender, and the comparison of events with messages.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use eqp_deliver::{HandlerDefinition, NewSubscription, Subscriptions, WebhookDefinition, new_signing_secret};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection};

use crate::Failure;
use crate::handler::{Handler, Received};
use crate::load::{RIGHT, Stream, Wire, file_body, percentile, post, read_id};
use crate::receivers::master_key;
use crate::scale::Scale;

/// The time limit for everything that was sent to be delivered.
pub(super) const DEADLINE: Duration = Duration::from_mins(1);
/// The shortest warm-up.
const WARM_UP: Duration = Duration::from_secs(1);

/// Creates a subscription with a signed webhook for each path of the handler.
pub(super) async fn subscribe(
    database: &PgConnectOptions,
    folder: &Path,
    handler: &Handler,
    paths: &[String],
) -> Result<(), Failure> {
    let pool = PgPoolOptions::new().max_connections(1).connect_with(database.clone()).await?;
    let key = master_key(folder, database.get_database().ok_or("the database has no name")?)?;
    let subscriptions = Subscriptions::new(pool.clone());
    for path in paths {
        let webhook = WebhookDefinition::new(handler.url(path));
        let mut new = NewSubscription::new(path.trim_start_matches('/'), HandlerDefinition::Webhook(webhook));
        new.secrets.signing = vec![new_signing_secret()];
        subscriptions.add(&new, Some(&key)).await?;
    }
    pool.close().await;
    Ok(())
}

/// Returns the paths of this number of subscriptions.
pub(super) fn paths(count: usize) -> Vec<String> {
    (1..=count).map(|number| format!("/s{number}")).collect()
}

/// Callbacks that were sent at a rate.
pub(super) struct Sent {
    /// All of them, each about another file.
    pub(super) count: usize,
    /// When each measured callback was answered, by its file.
    pub(super) answered: HashMap<String, Instant>,
}

/// Sends callbacks about new files at a rate. Those of the warm-up are not measured: the first delivery builds the handler and connects.
pub(super) async fn send(address: SocketAddr, per_second: u32, scale: &Scale) -> Result<Sent, Failure> {
    let warm_up = scale.warm_up.max(WARM_UP);
    let mut stream = Stream::open(address, &Wire::Plain, false).await?;
    let mut buffer = [0; 2048];
    let mut pace = tokio::time::interval(Duration::from_secs(1) / per_second);
    let mut sent = Sent { count: 0, answered: HashMap::new() };
    let begun = Instant::now();
    while begun.elapsed() < warm_up + scale.time {
        pace.tick().await;
        let file = format!("f{}", sent.count);
        let is_measured = begun.elapsed() >= warm_up;
        stream.write(post(RIGHT, file_body(&file), true).as_bytes()).await?;
        read_id(&mut stream, &mut buffer).await?;
        sent.count += 1;
        if is_measured {
            sent.answered.insert(file, Instant::now());
        }
    }
    Ok(sent)
}

/// Returns the sorted times in milliseconds from the response to a callback until its event was received.
pub(super) fn latencies(answered: &HashMap<String, Instant>, received: &[Received]) -> Vec<f64> {
    let mut seen = HashSet::new();
    let mut latencies: Vec<f64> = received
        .iter()
        .filter(|message| seen.insert((&message.path, &message.resource)))
        .filter_map(|message| {
            let answered = answered.get(&message.resource)?;
            Some(message.at.saturating_duration_since(*answered).as_secs_f64() * 1000.0)
        })
        .collect();
    latencies.sort_unstable_by(f64::total_cmp);
    latencies
}

/// Formats the median and the 99th percentile.
pub(super) fn p50_and_p99(latencies: &[f64]) -> String {
    format!("{:.1} / {:.1}", percentile(latencies, 0.5), percentile(latencies, 0.99))
}

/// Returns the events that subscriptions receive: all but those of the baseline of reconciliation.
pub(super) async fn deliverable(database: &PgConnectOptions) -> Result<Vec<i64>, Failure> {
    let mut connection = PgConnection::connect_with(database).await?;
    let events = sqlx::query_scalar("select seq from eqp.event where origin <> 'baseline'");
    let events = events.fetch_all(&mut connection).await?;
    connection.close().await?;
    Ok(events)
}

/// Fails unless each of these paths has received every event, and the first messages about each resource in order, except those that are
/// marked. Returns the number of events.
pub(super) async fn delivered(
    database: &PgConnectOptions,
    received: &[Received],
    paths: &[String],
) -> Result<usize, Failure> {
    let events = deliverable(database).await?;
    for path in paths {
        let (mut seen, mut last) = (HashSet::new(), HashMap::new());
        for message in received.iter().filter(|message| message.path == *path && seen.insert(message.seq)) {
            let last = last.entry(&message.resource).or_insert(0);
            if message.seq < *last && !message.is_out_of_order {
                return Err(format!("{path} received event {} after event {last}", message.seq).into());
            }
            *last = message.seq.max(*last);
        }
        let missing = events.iter().filter(|seq| !seen.contains(seq)).count();
        if missing > 0 || events.is_empty() {
            return Err(format!("{path} did not receive {missing} of {} events", events.len()).into());
        }
    }
    Ok(events.len())
}
