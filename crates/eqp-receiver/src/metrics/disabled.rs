//! Replaces the metrics in builds without the feature `metrics`: nothing is counted.

use std::time::Duration;

use time::OffsetDateTime;

use crate::results::{RequestResult, Tally};
use eqp_store::Observer;
use eqp_store::internal::Supervisor;
#[cfg(feature = "listener")]
use eqp_tls::listener::Events;

/// The metrics of one receiver. Without the feature `metrics`, nothing is counted.
#[derive(Clone, Debug, Default)]
pub struct Metrics(Observer);

impl Metrics {
    /// Returns the supervisor of the receiver's parts. For the programs and tests of this workspace.
    #[doc(hidden)]
    pub fn supervisor(&self) -> &Supervisor {
        self.0.supervisor()
    }

    /// Returns the observer for other parts of the process, such as the event handlers of `eqp-deliver`.
    pub fn observer(&self) -> Observer {
        self.0.clone()
    }

    pub(crate) fn answered(&self, _: RequestResult, _: Duration) {}

    pub(crate) fn path_mismatch(&self) {}

    pub(crate) fn handlers(&self) -> &Self {
        self
    }

    pub(crate) fn lags(&self, _: impl IntoIterator<Item = (String, i64)>) {}

    pub(crate) fn batch(&self, _: usize) {}

    pub(crate) fn projected(&self, _: Tally) {}

    pub(crate) fn pending(&self, _: i64, _: Option<OffsetDateTime>) {}

    pub(crate) fn database(&self, _: bool) {}
}

#[cfg(feature = "listener")]
impl Metrics {
    pub(crate) fn certificate(&self) -> &Self {
        self
    }

    pub(crate) fn expires(&self, _: OffsetDateTime) {}

    pub(crate) fn replaced(&self) {}

    pub(crate) fn failed(&self) {}
}

#[cfg(feature = "listener")]
impl Events for Metrics {
    fn accepted(&self) {
        self.supervisor().fault_point(eqp_store::internal::Part::Listener);
    }
}
