//! What is counted of the handlers of an embedding service.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{Label, counters};

/// The numbers of all handlers.
pub(crate) struct Handlers {
    failures: [Counter; 2],
    lag: Family<Label<String>, Gauge>,
}

impl Handlers {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let failures = counters(
            registry,
            (
                "handler_failures",
                "Failures of handlers: attempts that failed, and events that were given up as dead letters",
            ),
            "what",
            ["attempt", "dead_letter"],
        );
        let lag = Family::default();
        registry.register(
            "handler_lag_events",
            "Events that a handler of the embedding service has still to work on",
            lag.clone(),
        );
        Self { failures, lag }
    }

    /// How many events each handler has still to work on.
    pub(crate) fn lags(&self, lags: impl IntoIterator<Item = (String, i64)>) {
        self.lag.clear();
        for (handler, events) in lags {
            self.lag.get_or_create_owned(&[("handler", handler)]).set(events);
        }
    }

    /// One failed on an event, and is given it again.
    pub(crate) fn failed(&self) {
        self.failures[0].inc();
    }

    /// One failed on an event for good.
    pub(crate) fn gave_up(&self) {
        self.failures[1].inc();
    }
}
