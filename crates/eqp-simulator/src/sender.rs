//! Sends callbacks: one after the other to each target, with a deadline and without a retry.
//!
//! A target that is slow holds up nothing but itself. Retries are not documented, so there are none.

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
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use time::OffsetDateTime;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::sent::{SendResult, Sent, SentKind, SentLog};
use crate::trust::Trust;

/// So many callbacks may wait for one target, and so many may be late at one time; more are dropped.
const LONGEST_LINE: usize = 10_000;

/// Where callbacks go.
#[derive(Clone, Debug)]
pub(crate) struct Registration {
    pub(crate) name: Option<String>,
    pub(crate) url: String,
    pub(crate) username: String,
    pub(crate) password: Secret,
}

/// One callback with all that is to go wrong with it.
pub(crate) struct Outgoing {
    pub(crate) targets: Vec<Registration>,
    pub(crate) callback: Message,
    /// What the callback itself is: plain, or one that was sent before.
    pub(crate) kind: SentKind,
    /// Counts the resets of the simulator: what was told before one is not sent after it.
    pub(crate) era: u64,
    pub(crate) copies: u32,
    pub(crate) late: Option<Duration>,
    pub(crate) dropped: bool,
    pub(crate) swapped: bool,
    /// Sent behind it.
    pub(crate) unknown: Vec<Message>,
}

impl Outgoing {
    /// A callback with which nothing goes wrong.
    pub(crate) fn new(targets: Vec<Registration>, callback: Message, kind: SentKind, era: u64) -> Self {
        let unknown = Vec::new();
        Self { targets, callback, kind, era, copies: 0, late: None, dropped: false, swapped: false, unknown }
    }
}

/// A body, and what its record says of it.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) body: Bytes,
    pub(crate) event: String,
    pub(crate) flow: Option<Flow>,
    pub(crate) outcome: Option<String>,
    pub(crate) subject: String,
}

/// A message to one target.
struct Job {
    target: Registration,
    message: Message,
    kind: SentKind,
    era: u64,
}

/// What waits for one target.
#[derive(Default)]
struct Line {
    waiting: VecDeque<Job>,
    /// Waits for the callback that follows it.
    held: Option<Job>,
    busy: bool,
}

/// Everything under way, each with the era that it belongs to.
type Sending = FuturesUnordered<BoxFuture<'static, (u64, Sent)>>;

/// The task that sends.
pub(crate) struct Sender {
    inbox: mpsc::Receiver<Outgoing>,
    trust: Arc<Trust>,
    log: Arc<SentLog>,
    clock: Clock,
    /// What is older than this is forgotten.
    era: Arc<AtomicU64>,
    lines: HashMap<String, Line>,
}

impl Sender {
    pub(crate) fn new(
        inbox: mpsc::Receiver<Outgoing>,
        trust: Arc<Trust>,
        log: Arc<SentLog>,
        clock: Clock,
        era: Arc<AtomicU64>,
    ) -> Self {
        Self { inbox, trust, log, clock, era, lines: HashMap::new() }
    }

    /// Sends until the shutdown; what is under way then is given up.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let mut sending: Sending = FuturesUnordered::new();
        let mut late: FuturesUnordered<BoxFuture<'static, Job>> = FuturesUnordered::new();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                Some((era, sent)) = sending.next() => {
                    if let Some(line) = self.lines.get_mut(&sent.url) {
                        line.busy = false;
                    }
                    let url = sent.url.clone();
                    if era == self.era.load(Ordering::Relaxed) {
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

    /// Makes one callback into jobs for each target.
    fn spread(&mut self, outgoing: &Outgoing, sending: &Sending, late: &FuturesUnordered<BoxFuture<'static, Job>>) {
        for target in &outgoing.targets {
            let era = outgoing.era;
            let job = |kind, message: &Message| Job { target: target.clone(), message: message.clone(), kind, era };
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
            for _ in 0..outgoing.copies {
                self.enqueue(job(SentKind::Copy, &outgoing.callback), sending);
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
        let era = self.era.load(Ordering::Relaxed);
        let Some(line) = self.lines.get_mut(url) else { return };
        if line.busy {
            return;
        }
        line.held.take_if(|job| job.era != era);
        while line.waiting.pop_front_if(|job| job.era != era).is_some() {}
        if let Some(job) = line.waiting.pop_front() {
            line.busy = true;
            sending.push(Box::pin(async move { (job.era, send(client, job).await) }));
        } else if line.held.is_none() {
            self.lines.remove(url);
        }
    }

    fn drop_job(&self, job: Job) {
        self.log.add(record(job, OffsetDateTime::now_utc(), SendResult::Dropped, Bytes::new(), Duration::ZERO));
    }
}

/// Sends one message and tells how that went.
async fn send(client: reqwest::Client, job: Job) -> Sent {
    let at = OffsetDateTime::now_utc();
    let basic = basic(&job.target.username, &job.target.password);
    let (result, answer, latency) = post(&client, &job.target.url, Some(basic), job.message.body.clone()).await;
    record(job, at, result, answer, latency)
}

/// Sends a body; answers how that ended, the beginning of the answer's body, and the time until the answer's head.
pub(crate) async fn post(
    client: &reqwest::Client,
    url: &str,
    authorization: Option<HeaderValue>,
    body: Bytes,
) -> (SendResult, Bytes, Duration) {
    let begun = Instant::now();
    let mut request = client.post(url).header(CONTENT_TYPE, HeaderValue::from_static("application/json")).body(body);
    if let Some(authorization) = authorization {
        request = request.header(AUTHORIZATION, authorization);
    }
    let answer = request.send().await;
    let latency = begun.elapsed();
    match answer {
        Ok(answer) => {
            let status = answer.status().as_u16();
            (SendResult::Answered(status), drain(answer).await, latency)
        }
        Err(error) if error.is_timeout() && !error.is_connect() => (SendResult::TimedOut, Bytes::new(), latency),
        Err(error) => (SendResult::Failed(told(&error.without_url())), Bytes::new(), latency),
    }
}

/// Reads the answer's body, so that the connection can be used again; at most 64 KiB of it. Its beginning is kept.
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

/// `Basic` and the base64 of `username:password`.
pub(crate) fn basic(username: &str, password: &Secret) -> HeaderValue {
    let encoded = STANDARD.encode(format!("{username}:{}", password.expose()));
    // Base64 holds nothing that a header may not.
    let mut value =
        HeaderValue::try_from(format!("Basic {encoded}")).unwrap_or_else(|_| HeaderValue::from_static("Basic Og=="));
    value.set_sensitive(true);
    value
}

/// An error with its causes.
fn told(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

fn record(job: Job, at: OffsetDateTime, result: SendResult, answer: Bytes, latency: Duration) -> Sent {
    let Message { body, event, flow, outcome, subject } = job.message;
    Sent {
        number: 0,
        at,
        url: job.target.url,
        event,
        flow,
        outcome,
        subject,
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
