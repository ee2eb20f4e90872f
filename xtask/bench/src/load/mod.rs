//! A sender that is cheap enough not to be the bottleneck: hand-written HTTP on persistent connections, with minimal
//! parsing.

mod body;
mod request;
mod stream;
mod trust;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use uuid::Uuid;

pub(crate) use body::{Bodies, file_body};
pub(crate) use request::{PATH, RIGHT, get, post, read_id, read_status};
pub(crate) use stream::{Stream, Wire};
pub(crate) use trust::Certificate;

use crate::Failure;

/// A load of callbacks.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) connections: usize,
    pub(crate) bodies: Bodies,
    pub(crate) wire: Wire,
    /// Whether each callback has a new connection, from different local addresses, because one address has too few
    /// ports.
    pub(crate) fresh: bool,
    /// The number of threads, which share the connections.
    pub(crate) threads: usize,
    /// The time between two callbacks of one connection. Without it, the next one is sent once the last one is answered.
    pub(crate) pace: Option<Duration>,
    pub(crate) span: Span,
}

/// When a load ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Span {
    /// After this time, of which the first part is not measured.
    Time { warm_up: Duration, time: Duration },
    /// After this number of callbacks.
    Count(usize),
}

impl Load {
    /// Returns a load of the documented callback over persistent plain connections.
    pub(crate) fn plain(connections: usize, warm_up: Duration, time: Duration) -> Self {
        let span = Span::Time { warm_up, time };
        Self { connections, bodies: Bodies::Documented, wire: Wire::Plain, fresh: false, threads: 1, pace: None, span }
    }
}

/// The result of a sample.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) per_second: f64,
    /// The time from the first request to the last response.
    pub(crate) took: Duration,
    /// The time of the last response.
    pub(crate) ended: Instant,
    /// The sorted latencies of the measured part.
    latencies: Vec<Duration>,
    /// All answered IDs, including those before the measured part.
    pub(crate) answered: Vec<Uuid>,
}

impl Outcome {
    /// Returns a percentile of the latencies in milliseconds.
    pub(crate) fn percentile(&self, share: f64) -> f64 {
        let milliseconds: Vec<f64> = self.latencies.iter().map(|latency| latency.as_secs_f64() * 1000.0).collect();
        percentile(&milliseconds, share)
    }
}

/// Returns a percentile of sorted values; NaN if there are none.
pub(crate) fn percentile(sorted: &[f64], share: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let place = (sorted.len().saturating_sub(1) as f64 * share) as usize;
    sorted.get(place).copied().unwrap_or(f64::NAN)
}

/// Sends a load to `address`. Any unsuccessful response is an error.
pub(crate) fn run(address: SocketAddr, load: &Load) -> Result<Outcome, Failure> {
    let threads = load.threads.clamp(1, load.connections);
    let taken = Arc::new(AtomicUsize::new(0));
    let together = Arc::new(Barrier::new(threads));
    let begun = Instant::now();
    let outcomes = std::thread::scope(|scope| {
        let started: Vec<_> = (0..threads)
            .map(|thread| {
                let (taken, together) = (Arc::clone(&taken), Arc::clone(&together));
                scope.spawn(move || {
                    // Each thread has its own runtime, so that nothing else runs between requests.
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                    together.wait();
                    runtime?.block_on(share(address, load, thread, threads, &taken))
                })
            })
            .collect();
        started.into_iter().map(|thread| thread.join().map_err(|_| "a sender panicked")?).collect::<Result<Vec<_>, _>>()
    })?;
    let (mut latencies, mut answered) = (Vec::new(), Vec::new());
    for (some_latencies, some_answered) in outcomes {
        latencies.extend(some_latencies);
        answered.extend(some_answered);
    }
    latencies.sort_unstable();
    let (took, ended) = (begun.elapsed(), Instant::now());
    let counted = match load.span {
        Span::Time { time, .. } => time,
        Span::Count(_) => took,
    };
    #[expect(clippy::cast_precision_loss)]
    let per_second = latencies.len() as f64 / counted.as_secs_f64();
    Ok(Outcome { per_second, took, ended, latencies, answered })
}

type Sent = (Vec<Duration>, Vec<Uuid>);

/// Runs one thread's share of the connections.
async fn share(
    address: SocketAddr,
    load: &Load,
    thread: usize,
    threads: usize,
    taken: &Arc<AtomicUsize>,
) -> Result<Sent, Failure> {
    let mut senders = JoinSet::new();
    for connection in (thread..load.connections).step_by(threads) {
        senders.spawn(Sender { address, load: load.clone(), connection, taken: Arc::clone(taken) }.send());
    }
    let (mut latencies, mut answered) = (Vec::new(), Vec::new());
    while let Some(sender) = senders.join_next().await {
        let (some_latencies, some_answered) = sender??;
        latencies.extend(some_latencies);
        answered.extend(some_answered);
    }
    Ok((latencies, answered))
}

/// Sends over one connection, or over a new one for each callback.
struct Sender {
    address: SocketAddr,
    load: Load,
    connection: usize,
    /// The number of started callbacks, if the load has a fixed number.
    taken: Arc<AtomicUsize>,
}

impl Sender {
    async fn send(self) -> Result<Sent, Failure> {
        let from = Instant::now();
        let (measured_from, until) = match self.load.span {
            Span::Time { warm_up, time } => (from + warm_up, Some(from + warm_up + time)),
            Span::Count(_) => (from, None),
        };
        let mut bodies = self.load.bodies.of(self.connection);
        let mut stream = None;
        let (mut latencies, mut answered) = (Vec::new(), Vec::new());
        let mut buffer = [0; 2048];
        // The connections do not all send at once.
        let mut pace = self.load.pace.map(|pace| {
            let place = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
            let offset = pace * place(self.connection) / place(self.load.connections).max(1);
            tokio::time::interval_at(tokio::time::Instant::now() + offset, pace)
        });
        loop {
            if let Some(pace) = &mut pace {
                pace.tick().await;
            }
            let request = post(RIGHT, bodies.next(), !self.load.fresh);
            let begun = Instant::now();
            if self.ended(begun, until) {
                break;
            }
            let mut open = match stream.take() {
                Some(open) => open,
                None => Stream::open(self.address, &self.load.wire, self.load.fresh).await?,
            };
            open.write(request.as_bytes()).await?;
            answered.push(read_id(&mut open, &mut buffer).await?);
            let ended = Instant::now();
            if begun >= measured_from && until.is_none_or(|until| ended <= until) {
                latencies.push(ended - begun);
            }
            if !self.load.fresh {
                stream = Some(open);
            }
        }
        Ok((latencies, answered))
    }

    fn ended(&self, now: Instant, until: Option<Instant>) -> bool {
        match self.load.span {
            Span::Time { .. } => until.is_some_and(|until| now >= until),
            Span::Count(count) => self.taken.fetch_add(1, Ordering::Relaxed) >= count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_value_that_was_seen() {
        let sorted: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(
            (percentile(&sorted, 0.5), percentile(&sorted, 0.99), percentile(&sorted, 1.0)),
            (50.0, 99.0, 100.0)
        );
        assert!(percentile(&[], 0.5).is_nan());
    }
}
