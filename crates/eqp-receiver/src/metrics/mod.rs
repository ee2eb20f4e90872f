//! What a receiver counts, as Prometheus reads it.
//!
//! Every number that is counted on the way of a callback is an atomic that was looked up when the receiver started:
//! counting allocates nothing and looks nothing up. What can be asked for at any time (queue, last callbacks) is asked
//! when somebody reads. Secrets, sources and subjects are in no label.

mod certificate;
mod handlers;
mod outcome;
mod tally;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use time::OffsetDateTime;

pub(crate) use self::certificate::Certificate;
pub(crate) use self::handlers::Handlers;
pub(crate) use self::outcome::{Accept, Closed};
pub(crate) use self::tally::Tally;
use crate::supervise::{Part, Supervisor};

/// The content type of [`Metrics::text`].
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Label<Value> = [(&'static str, Value); 1];
type Counters = Family<Label<&'static str>, Counter>;
type Seconds = Gauge<f64, AtomicU64>;

/// The numbers of one receiver. Cheap to clone; all clones count together.
#[derive(Clone)]
pub struct Metrics(Arc<Numbers>);

struct Numbers {
    registry: Registry,
    accepts: [Counter; Accept::ALL.len()],
    elsewhere: Counter,
    accept_seconds: Histogram,
    batch_callbacks: Histogram,
    queued: Gauge,
    ready: Gauge,
    connections: Gauge,
    closed: [Counter; Closed::ALL.len()],
    spool_callbacks: Gauge,
    spool_bytes: Gauge,
    spool_oldest: Seconds,
    quarantined: Gauge,
    projected: [Counter; 6],
    projection_panics: Counter,
    pending_batches: Gauge,
    oldest_pending: Seconds,
    database_up: Gauge,
    last_callback: Family<Label<String>, Seconds>,
    handlers: Handlers,
    certificate: Certificate,
    supervisor: Supervisor,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("eqp");
        let registry_ref = &mut registry;
        let accepts = counters(
            registry_ref,
            ("accepts", "Requests for callbacks, by what became of them"),
            "outcome",
            Accept::ALL.map(|(_, word)| word),
        );
        let elsewhere = Counter::default();
        registry_ref.register(
            "callbacks_elsewhere",
            "Callbacks that were stored although they came to another path or query than registered",
            elsewhere.clone(),
        );
        let closed = counters(
            registry_ref,
            ("connections_closed", "Connections that the receiver closed, by reason"),
            "reason",
            Closed::ALL.map(|(_, word)| word),
        );
        let projected = counters(
            registry_ref,
            ("projected", "What this process made of callbacks: events, copies, and some kinds of events"),
            "as",
            ["event", "copy", "late", "tied", "unknown", "undecodable"],
        );
        let projection_panics = Counter::default();
        registry_ref.register(
            "projection_panics",
            "Callbacks stored as undecodable because projecting them panicked",
            projection_panics.clone(),
        );
        let panics = counters(
            registry_ref,
            ("part_panics", "Panics of parts of the receiver, each of which was restarted"),
            "part",
            Part::NAMES,
        );
        let accept_seconds = Histogram::new(exponential_buckets(0.000_25, 2.0, 16));
        let batch_callbacks = Histogram::new(exponential_buckets(1.0, 2.0, 10));
        registry.register(
            "accept_seconds",
            "Seconds from the head of a request to its answer, of callbacks that were stored",
            accept_seconds.clone(),
        );
        registry.register("batch_callbacks", "Callbacks that shared one commit", batch_callbacks.clone());
        Self(Arc::new(Numbers {
            accepts,
            elsewhere,
            accept_seconds,
            batch_callbacks,
            closed,
            projected,
            projection_panics,
            queued: gauge(&mut registry, "queued_callbacks", "Callbacks that wait for their commit"),
            ready: gauge(&mut registry, "ready", "1 while callbacks can be made durable"),
            connections: gauge(&mut registry, "connections", "Connections that are open"),
            spool_callbacks: gauge(&mut registry, "spool_callbacks", "Callbacks in the spool, not in Postgres yet"),
            spool_bytes: gauge(
                &mut registry,
                "spool_bytes",
                "What callbacks in the spool and in quarantine weigh against its bound",
            ),
            spool_oldest: seconds(
                &mut registry,
                "spool_oldest_timestamp_seconds",
                "When the oldest callback in the spool arrived; 0 while it is empty",
            ),
            quarantined: gauge(&mut registry, "quarantined_callbacks", "Callbacks that Postgres refuses as data"),
            pending_batches: gauge(&mut registry, "pending_batches", "Commits of callbacks that are not projected yet"),
            oldest_pending: seconds(
                &mut registry,
                "oldest_pending_timestamp_seconds",
                "When the oldest callback arrived that is not projected yet; 0 while there is none",
            ),
            database_up: gauge(&mut registry, "database_up", "1 while the database answers questions"),
            last_callback: {
                let family: Family<Label<String>, Seconds> = Family::default();
                registry.register(
                    "last_callback_timestamp_seconds",
                    "When the last callback of an endpoint arrived; none before its first",
                    family.clone(),
                );
                family
            },
            handlers: Handlers::register(&mut registry),
            certificate: Certificate::register(&mut registry),
            supervisor: Supervisor::counting(panics),
            registry,
        }))
    }
}

fn counters<const N: usize>(
    registry: &mut Registry,
    (name, help): (&str, &str),
    label: &'static str,
    values: [&'static str; N],
) -> [Counter; N] {
    let family = Counters::default();
    registry.register(name, help, family.clone());
    values.map(|value| family.get_or_create_owned(&[(label, value)]))
}

fn gauge(registry: &mut Registry, name: &str, help: &str) -> Gauge {
    let gauge = Gauge::default();
    registry.register(name, help, gauge.clone());
    gauge
}

fn seconds(registry: &mut Registry, name: &str, help: &str) -> Seconds {
    let gauge = Seconds::default();
    registry.register(name, help, gauge.clone());
    gauge
}

impl Metrics {
    /// All of it in the text format of `OpenMetrics`, which Prometheus reads.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a string does not fail.
        let _ = encode(&mut text, &self.0.registry);
        text
    }

    /// Restarts the parts that count here. For the programs and tests of this workspace.
    #[doc(hidden)]
    pub fn supervisor(&self) -> &Supervisor {
        &self.0.supervisor
    }

    /// A request for a callback was answered, so long after its head was read.
    pub(crate) fn accepted(&self, what: Accept, after: Duration) {
        self.0.accepts[what as usize].inc();
        if matches!(what, Accept::Stored | Accept::StoredNotJson) {
            self.0.accept_seconds.observe(after.as_secs_f64());
        }
    }

    /// A callback was stored that came to another path than registered.
    pub(crate) fn elsewhere(&self) {
        self.0.elsewhere.inc();
    }

    /// The numbers of handlers.
    pub(crate) fn handlers(&self) -> &Handlers {
        &self.0.handlers
    }

    /// The numbers of the certificate.
    pub(crate) fn certificate(&self) -> &Certificate {
        &self.0.certificate
    }

    /// So many callbacks shared one commit.
    pub(crate) fn batch(&self, callbacks: usize) {
        self.0.batch_callbacks.observe(as_f64(callbacks));
    }

    /// How the lane stands now.
    pub(crate) fn lane(&self, queued: usize, ready: bool) {
        self.0.queued.set(as_i64(queued));
        self.0.ready.set(i64::from(ready));
    }

    /// How many connections there are now.
    pub(crate) fn connections(&self, open: usize) {
        self.0.connections.set(as_i64(open));
    }

    /// So many connections were closed by the receiver.
    pub(crate) fn closed(&self, why: Closed, connections: usize) {
        self.0.closed[why as usize].inc_by(connections as u64);
    }

    /// What is in the spool now; `oldest` is when the first of it arrived.
    pub(crate) fn spool(&self, callbacks: u64, bytes: u64, oldest: Option<OffsetDateTime>) {
        self.0.spool_callbacks.set(i64::try_from(callbacks).unwrap_or(i64::MAX));
        self.0.spool_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        self.0.spool_oldest.set(oldest.map_or(0.0, since_epoch));
    }

    /// How many callbacks are in the quarantine now.
    pub(crate) fn quarantine(&self, callbacks: u64) {
        self.0.quarantined.set(i64::try_from(callbacks).unwrap_or(i64::MAX));
    }

    /// What a batch of callbacks became.
    pub(crate) fn projected(&self, tally: Tally) {
        let Tally { events, copies, late, tied, unknown, undecodable, panicked } = tally;
        self.0.projection_panics.inc_by(panicked);
        for (counter, count) in self.0.projected.iter().zip([events, copies, late, tied, unknown, undecodable]) {
            counter.inc_by(count);
        }
    }

    /// What waits for its projection; `oldest` is when the first of it arrived.
    pub(crate) fn pending(&self, batches: i64, oldest: Option<OffsetDateTime>) {
        self.0.pending_batches.set(batches);
        self.0.oldest_pending.set(oldest.map_or(0.0, since_epoch));
    }

    /// Whether the database answers.
    pub(crate) fn database(&self, up: bool) {
        self.0.database_up.set(i64::from(up));
    }

    /// When the last callback of each endpoint arrived.
    pub(crate) fn last_callbacks(&self, last: impl IntoIterator<Item = (String, OffsetDateTime)>) {
        self.0.last_callback.clear();
        for (endpoint, at) in last {
            // An endpoint can have two credentials.
            let gauge = self.0.last_callback.get_or_create_owned(&[("endpoint", endpoint)]);
            gauge.set(gauge.get().max(since_epoch(at)));
        }
    }
}

fn as_i64(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn as_f64(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

fn since_epoch(at: OffsetDateTime) -> f64 {
    time::Duration::as_seconds_f64(at - OffsetDateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_counts_for_itself() {
        for (at, (what, _)) in Accept::ALL.into_iter().enumerate() {
            assert_eq!(what as usize, at);
        }
        for (at, (why, _)) in Closed::ALL.into_iter().enumerate() {
            assert_eq!(why as usize, at);
        }
        let metrics = Metrics::default();
        metrics.accepted(Accept::TooLarge, Duration::from_secs(1));
        metrics.accepted(Accept::Stored, Duration::from_millis(3));
        metrics.closed(Closed::TooSlow, 2);
        metrics.projected(Tally { copies: 4, late: 1, panicked: 2, ..Tally::default() });
        let at = OffsetDateTime::from_unix_timestamp(1_700_000_000).unwrap();
        let earlier = at - time::Duration::SECOND;
        metrics.last_callbacks([("main".to_owned(), at), ("main".to_owned(), earlier)]);
        metrics.spool(3, 700, Some(at));
        let text = metrics.text();
        for line in [
            r#"eqp_accepts_total{outcome="too_large"} 1"#,
            r#"eqp_accepts_total{outcome="stored"} 1"#,
            r#"eqp_accepts_total{outcome="busy"} 0"#,
            "eqp_accept_seconds_count 1",
            r#"eqp_accept_seconds_bucket{le="0.004"} 1"#,
            r#"eqp_connections_closed_total{reason="too_slow"} 2"#,
            r#"eqp_projected_total{as="copy"} 4"#,
            r#"eqp_projected_total{as="late"} 1"#,
            "eqp_projection_panics_total 2",
            r#"eqp_last_callback_timestamp_seconds{endpoint="main"} 1700000000.0"#,
            "eqp_spool_callbacks 3",
            "eqp_spool_oldest_timestamp_seconds 1700000000.0",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
        metrics.last_callbacks([]);
        metrics.spool(0, 0, None);
        assert!(!metrics.text().contains("endpoint=") && metrics.text().contains("spool_oldest_timestamp_seconds 0.0"));
    }
}
