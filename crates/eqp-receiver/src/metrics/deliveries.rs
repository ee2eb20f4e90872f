//! The metrics of deliveries, which the part that delivers reports.

use eqp_store::internal::{DeliveryMeasurement, DeliveryQueue, DeliveryResult};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::families::{Label, Seconds, counters, gauge, seconds, since_epoch};

/// The metrics of deliveries.
pub(super) struct Deliveries {
    results: [Counter; 4],
    attempt_seconds: Histogram,
    waiting: Family<Label<String>, Gauge>,
    dead: Family<Label<String>, Gauge>,
    oldest_waiting: Seconds,
    paused: Gauge,
    open: Gauge,
    fan_out_lag: Gauge,
}

impl Deliveries {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let results = counters(
            registry,
            ("deliveries", "Deliveries by result; `failed` counts failed attempts that will be retried"),
            "result",
            // In the order of `DeliveryResult`.
            ["delivered", "failed", "dead", "skipped"],
        );
        // From a millisecond to a minute: an attempt has at most 30 seconds, and a program a few more to stop.
        let attempt_seconds = Histogram::new(exponential_buckets(0.001, 2.0, 17));
        registry.register(
            "delivery_attempt_duration_seconds",
            "Duration of delivery attempts in seconds, successful or not",
            attempt_seconds.clone(),
        );
        let mut per_subscription = |name: &str, help: &str| {
            let family: Family<Label<String>, Gauge> = Family::default();
            registry.register(name, help, family.clone());
            family
        };
        let waiting = per_subscription(
            "deliveries_waiting",
            "Waiting deliveries of each of the first 100 subscriptions by name, counted up to 10,000",
        );
        let dead = per_subscription(
            "deliveries_dead",
            "Dead deliveries of each of the first 100 subscriptions by name, counted up to 10,000",
        );
        Self {
            results,
            attempt_seconds,
            waiting,
            dead,
            oldest_waiting: seconds(
                registry,
                "oldest_waiting_delivery_timestamp_seconds",
                "Unix time at which the oldest waiting delivery of these subscriptions was created; 0 if none is waiting",
            ),
            paused: gauge(registry, "subscriptions_paused", "Subscriptions that are paused"),
            open: gauge(
                registry,
                "subscriptions_circuit_open",
                "Subscriptions whose handler is down, so that only probes are sent",
            ),
            fan_out_lag: gauge(registry, "fan_out_lag_events", "Events that are not matched against subscriptions yet"),
        }
    }

    /// Records a measurement.
    pub(super) fn measured(&self, measured: DeliveryMeasurement<'_>) {
        match measured {
            DeliveryMeasurement::Attempt { duration } => self.attempt_seconds.observe(duration.as_secs_f64()),
            DeliveryMeasurement::Recorded(result) => {
                self.results[result_index(result)].inc();
            }
            DeliveryMeasurement::Queue(queue) => self.queue(queue),
        }
    }

    fn queue(&self, queue: &DeliveryQueue) {
        // A subscription that was removed must not keep its last values.
        self.waiting.clear();
        self.dead.clear();
        for subscription in &queue.subscriptions {
            let label = [("subscription", subscription.name.clone())];
            self.waiting.get_or_create_owned(&label).set(bounded(subscription.waiting));
            self.dead.get_or_create_owned(&label).set(bounded(subscription.dead));
        }
        self.oldest_waiting.set(queue.oldest_waiting_at().map_or(0.0, since_epoch));
        self.paused.set(bounded(queue.paused));
        self.open.set(bounded(queue.open));
        self.fan_out_lag.set(bounded(queue.fan_out_lag));
    }
}

fn result_index(result: DeliveryResult) -> usize {
    match result {
        DeliveryResult::Delivered => 0,
        DeliveryResult::Failed => 1,
        DeliveryResult::Dead => 2,
        DeliveryResult::Skipped => 3,
    }
}

fn bounded(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
