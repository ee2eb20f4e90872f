//! Reports panics and failures of handlers to the metrics of a receiver.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::model::DeliveryQueue;
use crate::reconcile_requests::ReconcileRequests;
use crate::supervise::Supervisor;

/// Counts panics and failures of code that runs next to a receiver, such as handlers, in the metrics of the receiver.
///
/// A receiver provides its observer through `observer()` of its builder, of the embedded receiver, or of its metrics. The default
/// observer counts nothing. Cheap to clone; all clones report to the same metrics.
///
/// ```
/// let uncounted = eqp_store::Observer::default();
/// # drop(uncounted);
/// ```
#[derive(Clone)]
pub struct Observer {
    supervisor: Supervisor,
    on_handler_failure: Arc<dyn Fn(HandlerFailure) + Send + Sync>,
    on_reconciled: Arc<dyn Fn(ReconcileResult) + Send + Sync>,
    on_alerts: Arc<dyn Fn(OpenAlerts) + Send + Sync>,
    on_deliveries: Arc<dyn Fn(DeliveryMeasurement<'_>) + Send + Sync>,
    alert_facts_changed: Arc<Notify>,
    reconcile_requests: ReconcileRequests,
}

/// How a handler failed on an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandlerFailure {
    /// An attempt failed, and another attempt follows.
    Attempt,
    /// The event became a dead letter.
    DeadLetter,
}

/// How a comparison of an account with the Marketplace ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReconcileResult {
    /// It ended, and stored this number of answers that differ from the tracks.
    Succeeded {
        /// The number of stored answers.
        stored: u64,
    },
    /// It failed.
    Failed,
}

/// The number of open alerts of each severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenAlerts {
    /// Requires action now.
    pub page: u64,
    /// Requires action within days.
    pub ticket: u64,
    /// Worth knowing.
    pub info: u64,
}

/// A measurement of deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryMeasurement<'a> {
    /// An attempt has ended.
    Attempt {
        /// Its duration.
        duration: Duration,
    },
    /// The result of an attempt was recorded, or a delivery ended without one.
    Recorded(DeliveryResult),
    /// The queue was measured.
    Queue(&'a DeliveryQueue),
}

/// The result of a delivery, or of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryResult {
    /// The handler accepted it.
    Delivered,
    /// The attempt failed, but the delivery is not dead.
    Failed,
    /// The attempt failed, and no other one follows.
    Dead,
    /// It ended without being sent.
    Skipped,
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observer").finish_non_exhaustive()
    }
}

impl Default for Observer {
    fn default() -> Self {
        Self::new(Supervisor::default(), |_| {}, |_| {}, |_| {}, |_| {})
    }
}

impl Observer {
    /// Creates an observer that restarts parts with `supervisor`, and calls `on_handler_failure` for each failure of a handler,
    /// `on_reconciled` for each finished comparison of an account with the Marketplace, `on_alerts` after alerts were evaluated, and
    /// `on_deliveries` for each measurement of deliveries.
    #[doc(hidden)]
    pub fn new(
        supervisor: Supervisor,
        on_handler_failure: impl Fn(HandlerFailure) + Send + Sync + 'static,
        on_reconciled: impl Fn(ReconcileResult) + Send + Sync + 'static,
        on_alerts: impl Fn(OpenAlerts) + Send + Sync + 'static,
        on_deliveries: impl Fn(DeliveryMeasurement<'_>) + Send + Sync + 'static,
    ) -> Self {
        Self {
            supervisor,
            on_handler_failure: Arc::new(on_handler_failure),
            on_reconciled: Arc::new(on_reconciled),
            on_alerts: Arc::new(on_alerts),
            on_deliveries: Arc::new(on_deliveries),
            alert_facts_changed: Arc::default(),
            reconcile_requests: ReconcileRequests::default(),
        }
    }

    /// Returns the requests to reconcile accounts, which the receiver makes and the reconcile part takes.
    #[doc(hidden)]
    pub fn reconcile_requests(&self) -> &ReconcileRequests {
        &self.reconcile_requests
    }

    /// Reports that an account was compared with the Marketplace.
    #[doc(hidden)]
    pub fn reconciled(&self, result: ReconcileResult) {
        (self.on_reconciled)(result);
    }

    /// Requests that alerts are evaluated, because something has changed that they depend on.
    #[doc(hidden)]
    pub fn request_alerts(&self) {
        self.alert_facts_changed.notify_one();
    }

    /// Waits until an evaluation of alerts is requested.
    #[doc(hidden)]
    pub async fn alerts_requested(&self) {
        self.alert_facts_changed.notified().await;
    }

    /// Reports how many alerts are open.
    #[doc(hidden)]
    pub fn alerts(&self, open: OpenAlerts) {
        (self.on_alerts)(open);
    }

    /// Reports a measurement of deliveries.
    #[doc(hidden)]
    pub fn deliveries(&self, measured: DeliveryMeasurement<'_>) {
        (self.on_deliveries)(measured);
    }

    /// Returns the supervisor of the parts that use this observer.
    #[doc(hidden)]
    pub fn supervisor(&self) -> &Supervisor {
        &self.supervisor
    }

    /// Reports that a handler failed on an event.
    #[doc(hidden)]
    pub fn handler_failed(&self, how: HandlerFailure) {
        (self.on_handler_failure)(how);
    }
}
