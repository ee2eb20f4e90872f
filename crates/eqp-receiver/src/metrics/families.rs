//! Building blocks of the metrics: metric families, and the two groups that other parts of the receiver set themselves.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use time::OffsetDateTime;

use eqp_store::internal::{OpenAlerts, ReconcileResult};

pub(super) type Label<Value> = [(&'static str, Value); 1];
pub(super) type Seconds = Gauge<f64, AtomicU64>;

/// Registers a family of counters, and returns one counter for each value of its label.
pub(super) fn counters<const N: usize>(
    registry: &mut Registry,
    (name, help): (&str, &str),
    label: &'static str,
    values: [&'static str; N],
) -> [Counter; N] {
    let family = Family::<Label<&'static str>, Counter>::default();
    registry.register(name, help, family.clone());
    values.map(|value| family.get_or_create_owned(&[(label, value)]))
}

pub(super) fn counter(registry: &mut Registry, name: &str, help: &str) -> Counter {
    let counter = Counter::default();
    registry.register(name, help, counter.clone());
    counter
}

pub(super) fn gauge(registry: &mut Registry, name: &str, help: &str) -> Gauge {
    let gauge = Gauge::default();
    registry.register(name, help, gauge.clone());
    gauge
}

pub(super) fn seconds(registry: &mut Registry, name: &str, help: &str) -> Seconds {
    let gauge = Seconds::default();
    registry.register(name, help, gauge.clone());
    gauge
}

/// Returns a time as Prometheus represents it: seconds since the Unix epoch.
pub(super) fn since_epoch(at: OffsetDateTime) -> f64 {
    time::Duration::as_seconds_f64(at - OffsetDateTime::UNIX_EPOCH)
}

/// The metrics of the public listener's certificate.
pub(crate) struct Certificate {
    expires: Seconds,
    reloads: [Counter; 2],
}

impl Certificate {
    pub(super) fn register(registry: &mut Registry) -> Self {
        Self {
            expires: seconds(
                registry,
                "certificate_expiry_timestamp_seconds",
                "Unix time at which the certificate of the public listener expires; 0 for plain HTTP",
            ),
            reloads: counters(
                registry,
                ("certificate_reloads", "Certificate reloads, by result"),
                "result",
                ["replaced", "failed"],
            ),
        }
    }

    /// Sets when the certificate in use expires.
    pub(crate) fn expires(&self, at: OffsetDateTime) {
        self.expires.set(since_epoch(at));
    }

    /// Counts a reload that put another certificate in use.
    pub(crate) fn replaced(&self) {
        self.reloads[0].inc();
    }

    /// Counts a reload that failed.
    pub(crate) fn failed(&self) {
        self.reloads[1].inc();
    }
}

/// The metrics of the handlers of an embedding service.
pub(crate) struct Handlers {
    lag: Family<Label<String>, Gauge>,
}

impl Handlers {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let lag = Family::default();
        registry.register(
            "handler_lag_events",
            "Events that a handler of the embedding service has not processed yet",
            lag.clone(),
        );
        Self { lag }
    }

    /// Sets how many events each handler has not processed yet.
    pub(crate) fn lags(&self, lags: impl IntoIterator<Item = (String, i64)>) {
        self.lag.clear();
        for (handler, events) in lags {
            self.lag.get_or_create_owned(&[("handler", handler)]).set(events);
        }
    }
}

/// The metrics of alerts.
pub(super) struct Alerts([Gauge; 3]);

impl Alerts {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let family = Family::<Label<&'static str>, Gauge>::default();
        let help = "Open alerts, including acknowledged ones; set by the process that evaluates alerts";
        registry.register("alerts_open", help, family.clone());
        Self(["page", "ticket", "info"].map(|severity| family.get_or_create_owned(&[("severity", severity)])))
    }

    /// Sets how many alerts are open.
    pub(super) fn open(&self, open: OpenAlerts) {
        for (gauge, count) in self.0.iter().zip([open.page, open.ticket, open.info]) {
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
}

/// The metrics of comparisons with the Marketplace.
pub(super) struct Reconciliation {
    runs: [Counter; 2],
    stored: Counter,
    last_success: Seconds,
}

impl Reconciliation {
    pub(super) fn register(registry: &mut Registry) -> Self {
        Self {
            runs: counters(
                registry,
                ("reconcile_runs", "Comparisons of accounts with the Marketplace, by result"),
                "result",
                ["succeeded", "failed"],
            ),
            stored: counter(
                registry,
                "reconcile_differences",
                "API responses that differed from the statuses reported by callbacks",
            ),
            last_success: seconds(
                registry,
                "last_reconcile_timestamp_seconds",
                "Unix time at which an account was last compared with the Marketplace; 0 before the first comparison",
            ),
        }
    }

    /// Counts a comparison that has ended.
    pub(super) fn ended(&self, result: ReconcileResult) {
        match result {
            ReconcileResult::Succeeded { stored } => {
                self.runs[0].inc();
                self.stored.inc_by(stored);
                self.last_success.set(since_epoch(OffsetDateTime::now_utc()));
            }
            ReconcileResult::Failed => {
                self.runs[1].inc();
            }
        }
    }
}
