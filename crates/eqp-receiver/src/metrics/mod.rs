//! The metrics of a receiver, in the Prometheus format.
//!
//! Counters that change with each callback are atomics that are looked up once at startup, so counting neither allocates
//! nor searches. Gauges that can be computed at any time (queue, last callbacks) are set when the metrics are read. No
//! label contains a secret, a source address or a resource ID.

mod deliveries;
mod families;

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use time::OffsetDateTime;

use self::deliveries::Deliveries;
use self::families::{
    Alerts, Certificate, Handlers, Label, Reconciliation, Seconds, counter, counters, gauge, seconds, since_epoch,
};
use crate::results::{RequestResult, Tally};
use eqp_store::Observer;
use eqp_store::internal::{Part, Supervisor};
#[cfg(feature = "listener")]
use eqp_tls::listener::{Closed, Events};

/// The label values for the reasons of the listener's `Closed`, in its order.
const CLOSED_REASONS: [&str; 3] = ["evicted", "timeout", "handshake"];

/// The content type of [`Metrics::text`].
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The metrics of one receiver. Cheap to clone; all clones share the same counters.
///
/// ```
/// let metrics = eqp_receiver::Metrics::default();
/// assert!(metrics.text().contains("eqp_callback_requests_total"));
/// ```
#[derive(Clone)]
pub struct Metrics(Arc<Shared>);

struct Shared {
    registry: Registry,
    requests: [Counter; RequestResult::LABELS.len()],
    path_mismatches: Counter,
    request_seconds: Histogram,
    batch_callbacks: Histogram,
    queued: Gauge,
    ready: Gauge,
    connections: Gauge,
    closed: [Counter; CLOSED_REASONS.len()],
    spool_callbacks: Gauge,
    spool_bytes: Gauge,
    spool_oldest: Seconds,
    quarantined: Gauge,
    projected: [Counter; 8],
    projection_panics: Counter,
    pending_batches: Gauge,
    oldest_pending: Seconds,
    database_up: Gauge,
    last_callback: Family<Label<String>, Seconds>,
    handlers: Handlers,
    certificate: Certificate,
    observer: Observer,
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
        let requests = counters(
            registry_ref,
            ("callback_requests", "Requests to store a callback, by result"),
            "result",
            RequestResult::LABELS,
        );
        let path_mismatches = counter(
            registry_ref,
            "callback_path_mismatches",
            "Callbacks that arrived at another path or query than the registered one, and were stored",
        );
        let closed = counters(
            registry_ref,
            ("connections_closed", "Connections closed by the receiver, by reason"),
            "reason",
            CLOSED_REASONS,
        );
        let projected = counters(
            registry_ref,
            (
                "callbacks_projected",
                "Results of projection: events, and duplicates and discarded API reads, which have no event; `late`, `ambiguous` and `corrected` events are also counted as `event`",
            ),
            "result",
            ["event", "duplicate", "late", "ambiguous", "corrected", "discarded", "unknown", "undecodable"],
        );
        let projection_panics = counter(
            registry_ref,
            "projection_panics",
            "Callbacks and API reads stored as undecodable because projecting them panicked",
        );
        let panics = counters(
            registry_ref,
            ("part_panics", "Panics of background tasks, each of which was restarted"),
            "part",
            Part::NAMES,
        );
        let request_seconds = Histogram::new(exponential_buckets(0.000_25, 2.0, 16));
        let batch_callbacks = Histogram::new(exponential_buckets(1.0, 2.0, 10));
        registry.register(
            "callback_request_duration_seconds",
            "Seconds from receiving the head of a request to sending its response, for stored callbacks",
            request_seconds.clone(),
        );
        registry.register("batch_callbacks", "Callbacks per commit", batch_callbacks.clone());
        Self(Arc::new(Shared {
            requests,
            path_mismatches,
            request_seconds,
            batch_callbacks,
            closed,
            projected,
            projection_panics,
            queued: gauge(&mut registry, "queued_callbacks", "Callbacks waiting to be committed"),
            ready: gauge(&mut registry, "ready", "1 while callbacks can be stored durably"),
            connections: gauge(&mut registry, "connections", "Open connections to the public listener"),
            spool_callbacks: gauge(
                &mut registry,
                "spool_callbacks",
                "Callbacks in the spool that are not in Postgres yet",
            ),
            spool_bytes: gauge(
                &mut registry,
                "spool_bytes",
                "Bytes of spooled and quarantined callbacks, which count towards the maximum spool size",
            ),
            spool_oldest: seconds(
                &mut registry,
                "spool_oldest_timestamp_seconds",
                "Unix time at which the oldest callback in the spool was received; 0 if the spool is empty",
            ),
            quarantined: gauge(
                &mut registry,
                "quarantined_callbacks",
                "Callbacks in quarantine, because Postgres rejects their data",
            ),
            pending_batches: gauge(&mut registry, "pending_batches", "Batches of callbacks that are not projected yet"),
            oldest_pending: seconds(
                &mut registry,
                "oldest_pending_timestamp_seconds",
                "Unix time at which the oldest callback that is not projected yet was received; 0 if there is none",
            ),
            database_up: gauge(&mut registry, "database_up", "1 while the database answers queries"),
            last_callback: {
                let family: Family<Label<String>, Seconds> = Family::default();
                registry.register(
                    "last_callback_timestamp_seconds",
                    "Unix time at which the last callback of an endpoint was received; absent before the first one",
                    family.clone(),
                );
                family
            },
            observer: observer(&mut registry, panics),
            handlers: Handlers::register(&mut registry),
            certificate: Certificate::register(&mut registry),
            registry,
        }))
    }
}

/// Counts the panics and failures that other parts of the process report.
fn observer(registry: &mut Registry, panics: [Counter; Part::NAMES.len()]) -> Observer {
    let supervisor = Supervisor::observed_by(move |part| {
        panics[part as usize].inc();
    });
    let failures = counters(
        registry,
        ("handler_failures", "Failures of handlers: failed attempts, and events that became dead letters"),
        "kind",
        // In the order of `HandlerFailure`.
        ["attempt", "dead_letter"],
    );
    let reconciliation = Reconciliation::register(registry);
    let on_failure = move |how| {
        failures[how as usize].inc();
    };
    let alerts = Alerts::register(registry);
    let deliveries = Deliveries::register(registry);
    Observer::new(
        supervisor,
        on_failure,
        move |result| reconciliation.ended(result),
        move |open| alerts.open(open),
        move |measured| deliveries.measured(measured),
    )
}

impl Metrics {
    /// Returns all metrics in the `OpenMetrics` text format, which Prometheus reads.
    pub fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.0.registry).expect("writing into a string does not fail");
        text
    }

    /// Returns the supervisor whose restarts are counted here. For the programs and tests of this workspace.
    #[doc(hidden)]
    pub fn supervisor(&self) -> &Supervisor {
        self.0.observer.supervisor()
    }

    /// Returns the observer for other parts of the process, such as the event handlers of `eqp-deliver`. The panics and
    /// failures that they report to it are counted here.
    pub fn observer(&self) -> Observer {
        self.0.observer.clone()
    }

    /// Counts a request that was answered this long after its head had been read.
    pub(crate) fn answered(&self, result: RequestResult, after: Duration) {
        self.0.requests[result.index()].inc();
        if matches!(result, RequestResult::Stored | RequestResult::StoredInvalidJson) {
            self.0.request_seconds.observe(after.as_secs_f64());
        }
    }

    /// Counts a callback that arrived at another path than registered.
    pub(crate) fn path_mismatch(&self) {
        self.0.path_mismatches.inc();
    }

    /// Returns the metrics of the handlers.
    pub(crate) fn handlers(&self) -> &Handlers {
        &self.0.handlers
    }

    /// Returns the metrics of the certificate.
    pub(crate) fn certificate(&self) -> &Certificate {
        &self.0.certificate
    }

    /// Records the size of a committed batch.
    pub(crate) fn batch(&self, callbacks: usize) {
        self.0.batch_callbacks.observe(as_f64(callbacks));
    }

    /// Sets the length of the batch writer's queue, and whether callbacks can be stored.
    pub(crate) fn writer(&self, queued: usize, ready: bool) {
        self.0.queued.set(as_i64(queued));
        self.0.ready.set(i64::from(ready));
    }

    /// Returns how many connections to the public listener are open.
    pub fn open_connections(&self) -> usize {
        usize::try_from(self.0.connections.get()).unwrap_or(0)
    }

    /// Sets what is in the spool; `oldest` is when its first callback was received.
    pub(crate) fn spool(&self, callbacks: u64, bytes: u64, oldest: Option<OffsetDateTime>) {
        self.0.spool_callbacks.set(i64::try_from(callbacks).unwrap_or(i64::MAX));
        self.0.spool_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        self.0.spool_oldest.set(oldest.map_or(0.0, since_epoch));
    }

    /// Sets how many callbacks are in quarantine.
    pub(crate) fn quarantine(&self, callbacks: u64) {
        self.0.quarantined.set(i64::try_from(callbacks).unwrap_or(i64::MAX));
    }

    /// Counts how a batch of callbacks was projected.
    pub(crate) fn projected(&self, tally: Tally) {
        let Tally { events, duplicates, late, ambiguous, corrected, discarded, unknown, undecodable, panicked } = tally;
        self.0.projection_panics.inc_by(panicked);
        let counts = [events, duplicates, late, ambiguous, corrected, discarded, unknown, undecodable];
        for (counter, count) in self.0.projected.iter().zip(counts) {
            counter.inc_by(count);
        }
    }

    /// Sets how many batches are pending; `oldest` is when the first pending callback was received.
    pub(crate) fn pending(&self, batches: i64, oldest: Option<OffsetDateTime>) {
        self.0.pending_batches.set(batches);
        self.0.oldest_pending.set(oldest.map_or(0.0, since_epoch));
    }

    /// Sets whether the database answers queries.
    pub(crate) fn database(&self, up: bool) {
        self.0.database_up.set(i64::from(up));
    }

    /// Sets when the last callback of each endpoint was received.
    pub(crate) fn last_callbacks(&self, last: impl IntoIterator<Item = (String, OffsetDateTime)>) {
        self.0.last_callback.clear();
        for (endpoint, at) in last {
            // An endpoint can have two credentials, each with its own last callback.
            let gauge = self.0.last_callback.get_or_create_owned(&[("endpoint", endpoint)]);
            gauge.set(gauge.get().max(since_epoch(at)));
        }
    }
}

/// Counts the connections of the public listener.
#[cfg(feature = "listener")]
impl Events for Metrics {
    fn accepted(&self) {
        self.supervisor().fault_point(Part::Listener);
    }

    fn open(&self, connections: usize) {
        self.0.connections.set(as_i64(connections));
    }

    fn closed(&self, why: Closed, connections: usize) {
        self.0.closed[why as usize].inc_by(connections as u64);
    }
}

fn as_i64(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn as_f64(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

#[cfg(all(test, feature = "listener"))]
mod tests {
    use super::*;
    use crate::results::Refusal;

    #[test]
    fn every_label_is_counted_separately() {
        let metrics = Metrics::default();
        metrics.answered(RequestResult::Refused(Refusal::TooLarge), Duration::from_secs(1));
        metrics.answered(RequestResult::Stored, Duration::from_millis(3));
        metrics.closed(Closed::TooSlow, 2);
        metrics.projected(Tally { duplicates: 4, late: 1, panicked: 2, ..Tally::default() });
        let at = OffsetDateTime::from_unix_timestamp(1_700_000_000).unwrap();
        let earlier = at - time::Duration::SECOND;
        metrics.last_callbacks([("main".to_owned(), at), ("main".to_owned(), earlier)]);
        metrics.spool(3, 700, Some(at));
        let text = metrics.text();
        for line in [
            r#"eqp_callback_requests_total{result="too_large"} 1"#,
            r#"eqp_callback_requests_total{result="stored"} 1"#,
            r#"eqp_callback_requests_total{result="busy"} 0"#,
            "eqp_callback_request_duration_seconds_count 1",
            r#"eqp_callback_request_duration_seconds_bucket{le="0.004"} 1"#,
            r#"eqp_connections_closed_total{reason="timeout"} 2"#,
            r#"eqp_callbacks_projected_total{result="duplicate"} 4"#,
            r#"eqp_callbacks_projected_total{result="late"} 1"#,
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
