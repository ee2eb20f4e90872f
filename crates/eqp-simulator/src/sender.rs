//! Sends callbacks, one at a time to each target, with a timeout and without retries.
//!
//! A slow target does not delay the others. Retries are not documented, so there are none.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use eqp_types::{Flow, Secret};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use http::HeaderValue;
use http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use time::OffsetDateTime;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::sent::{SendResult, Sent, SentKind, SentLog};
use crate::trust::Trust;

/// The maximum number of callbacks that wait for one target, and of delayed callbacks; further ones are dropped.
const LONGEST_LINE: usize = 10_000;

/// A registered callback URL with its credentials.
#[derive(Clone, Debug)]
pub(crate) struct Registration {
    pub(crate) name: Option<String>,
    pub(crate) url: String,
    pub(crate) username: String,
    pub(crate) password: Secret,
}

/// A callback with the faults to inject into it.
pub(crate) struct Outgoing {
    pub(crate) targets: Vec<Registration>,
    pub(crate) callback: Message,
    /// Whether the callback is a new one, or was sent before.
    pub(crate) kind: SentKind,
    /// The number of resets of the simulator: a callback that was enqueued before a reset is not sent after it.
    pub(crate) generation: u64,
    pub(crate) duplicates: u32,
    pub(crate) late: Option<Duration>,
    pub(crate) dropped: bool,
    pub(crate) swapped: bool,
    /// Callbacks that are sent after it.
    pub(crate) unknown: Vec<Message>,
}

impl Outgoing {
    /// Returns a callback without faults.
    pub(crate) fn new(targets: Vec<Registration>, callback: Message, kind: SentKind, generation: u64) -> Self {
        let unknown = Vec::new();
        Self { targets, callback, kind, generation, duplicates: 0, late: None, dropped: false, swapped: false, unknown }
    }
}

/// The body of a callback, and the properties that its record shows.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) body: Bytes,
    pub(crate) event: String,
    pub(crate) flow: Option<Flow>,
    pub(crate) status: Option<String>,
    pub(crate) resource_id: String,
}

/// A message to one target.
struct Job {
    target: Registration,
    message: Message,
    kind: SentKind,
    generation: u64,
}

/// The callbacks that wait for one target.
#[derive(Default)]
struct Line {
    waiting: VecDeque<Job>,
    /// A swapped callback, which waits for the one that follows it.
    held: Option<Job>,
    busy: bool,
}

/// The requests in flight, each with its generation.
type Sending = FuturesUnordered<BoxFuture<'static, (u64, Sent)>>;

/// The task that sends callbacks.
pub(crate) struct Sender {
    inbox: mpsc::Receiver<Outgoing>,
    trust: Arc<Trust>,
    log: Arc<SentLog>,
    clock: Clock,
    /// The current generation; older callbacks are discarded.
    generation: Arc<AtomicU64>,
    lines: HashMap<String, Line>,
}

impl Sender {
    pub(crate) fn new(
        inbox: mpsc::Receiver<Outgoing>,
        trust: Arc<Trust>,
        log: Arc<SentLog>,
        clock: Clock,
        generation: Arc<AtomicU64>,
    ) -> Self {
        Self { inbox, trust, log, clock, generation, lines: HashMap::new() }
    }

    /// Sends callbacks until the shutdown, which cancels requests in flight.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let mut sending: Sending = FuturesUnordered::new();
        let mut late: FuturesUnordered<BoxFuture<'static, Job>> = FuturesUnordered::new();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                Some((generation, sent)) = sending.next() => {
                    if let Some(line) = self.lines.get_mut(&sent.url) {
                        line.busy = false;
                    }
                    let url = sent.url.clone();
                    if generation == self.generation.load(Ordering::Relaxed) {
                        self.log.add(sent);
                    }
                    self.start_next(&url, &sending);
                }
                Some(job) = late.next() => self.enqueue(job, &sending),
                outgoing = self.inbox.recv() => {
                    let Some(outgoing) = outgoing else { return };
                    self.spread(&outgoing, &sending, &late);
                }
            }
        }
    }

    /// Enqueues the jobs of one callback for each target.
    fn spread(&mut self, outgoing: &Outgoing, sending: &Sending, late: &FuturesUnordered<BoxFuture<'static, Job>>) {
        for target in &outgoing.targets {
            let generation = outgoing.generation;
            let job =
                |kind, message: &Message| Job { target: target.clone(), message: message.clone(), kind, generation };
            if outgoing.dropped {
                self.drop_job(job(outgoing.kind, &outgoing.callback));
            } else if let Some(by) = outgoing.late {
                let job = job(SentKind::Late, &outgoing.callback);
                if late.len() < LONGEST_LINE {
                    let clock = self.clock.clone();
                    let until = clock.elapsed().saturating_add(by);
                    late.push(Box::pin(async move {
                        clock.wait_until(until).await;
                        job
                    }));
                } else {
                    self.drop_job(job);
                }
            } else if outgoing.swapped {
                let swapped = job(SentKind::Swapped, &outgoing.callback);
                if let Some(earlier) = self.line(&target.url).held.replace(swapped) {
                    self.enqueue(earlier, sending);
                }
            } else {
                self.enqueue(job(outgoing.kind, &outgoing.callback), sending);
            }
            for _ in 0..outgoing.duplicates {
                self.enqueue(job(SentKind::Duplicate, &outgoing.callback), sending);
            }
            for unknown in &outgoing.unknown {
                self.enqueue(job(SentKind::Unknown, unknown), sending);
            }
        }
    }

    fn line(&mut self, url: &str) -> &mut Line {
        self.lines.entry(url.to_owned()).or_default()
    }

    fn enqueue(&mut self, job: Job, sending: &Sending) {
        let url = job.target.url.clone();
        let line = self.line(&url);
        if line.waiting.len() >= LONGEST_LINE {
            self.drop_job(job);
            return;
        }
        line.waiting.push_back(job);
        let held = line.held.take();
        line.waiting.extend(held);
        self.start_next(&url, sending);
    }

    fn start_next(&mut self, url: &str, sending: &Sending) {
        let client = self.trust.client();
        let generation = self.generation.load(Ordering::Relaxed);
        let Some(line) = self.lines.get_mut(url) else { return };
        if line.busy {
            return;
        }
        line.held.take_if(|job| job.generation != generation);
        while line.waiting.pop_front_if(|job| job.generation != generation).is_some() {}
        if let Some(job) = line.waiting.pop_front() {
            line.busy = true;
            sending.push(Box::pin(async move { (job.generation, send(client, job).await) }));
        } else if line.held.is_none() {
            self.lines.remove(url);
        }
    }

    fn drop_job(&self, job: Job) {
        self.log.add(record(job, OffsetDateTime::now_utc(), SendResult::Dropped, Bytes::new(), Duration::ZERO));
    }
}

/// Sends one message and returns its record.
async fn send(client: reqwest::Client, job: Job) -> Sent {
    let at = OffsetDateTime::now_utc();
    let basic = basic(&job.target.username, &job.target.password);
    let (result, answer, latency) = post(&client, &job.target.url, Some(basic), None, job.message.body.clone()).await;
    record(job, at, result, answer, latency)
}

/// Sends a body, with this user agent or that of the client. Returns the result, the beginning of the response's body, and the time until the response's head.
pub(crate) async fn post(
    client: &reqwest::Client,
    url: &str,
    authorization: Option<HeaderValue>,
    user_agent: Option<HeaderValue>,
    body: Bytes,
) -> (SendResult, Bytes, Duration) {
    let begun = Instant::now();
    let mut request = client.post(url).header(CONTENT_TYPE, HeaderValue::from_static("application/json")).body(body);
    if let Some(authorization) = authorization {
        request = request.header(AUTHORIZATION, authorization);
    }
    if let Some(user_agent) = user_agent {
        request = request.header(USER_AGENT, user_agent);
    }
    let answer = request.send().await;
    let latency = begun.elapsed();
    match answer {
        Ok(answer) => {
            let status = answer.status().as_u16();
            (SendResult::Answered(status), drain(answer).await, latency)
        }
        Err(error) if error.is_timeout() && !error.is_connect() => (SendResult::TimedOut, Bytes::new(), latency),
        Err(error) => (SendResult::Failed(admin_view(&error.without_url())), Bytes::new(), latency),
    }
}

/// Reads at most 64 KiB of the response's body, so that the connection can be used again, and returns its first 1 KiB.
async fn drain(mut answer: reqwest::Response) -> Bytes {
    const KEPT: usize = 1024;
    let mut rest = 64 * 1024_usize;
    let mut beginning = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        let wanted = chunk.len().min(KEPT - beginning.len());
        beginning.extend_from_slice(&chunk[..wanted]);
        let Some(left) = rest.checked_sub(chunk.len()) else { break };
        rest = left;
    }
    beginning.into()
}

/// Returns the value of a Basic header.
pub(crate) fn basic(username: &str, password: &Secret) -> HeaderValue {
    let encoded = STANDARD.encode(format!("{username}:{}", password.expose()));
    // Base64 has only characters that a header may contain.
    let mut value =
        HeaderValue::try_from(format!("Basic {encoded}")).unwrap_or_else(|_| HeaderValue::from_static("Basic Og=="));
    value.set_sensitive(true);
    value
}

/// Returns an error with its causes.
fn admin_view(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

fn record(job: Job, at: OffsetDateTime, result: SendResult, answer: Bytes, latency: Duration) -> Sent {
    let Message { body, event, flow, status, resource_id } = job.message;
    Sent {
        number: 0,
        at,
        url: job.target.url,
        event,
        flow,
        status,
        resource_id,
        kind: job.kind,
        body,
        result,
        answer,
        latency,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_the_documented_one() {
        assert_eq!(basic("key", &Secret::new("secret")), "Basic a2V5OnNlY3JldA==");
        assert_eq!(format!("{:?}", basic("key", &Secret::new("secret"))), "Sensitive");
    }
}
