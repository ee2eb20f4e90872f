//! What is counted of the public listener's certificate.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use time::OffsetDateTime;

use super::{Seconds, counters, seconds, since_epoch};

/// The numbers of one certificate.
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
                "When the certificate of the public listener expires; 0 where it speaks plain HTTP",
            ),
            reloads: counters(
                registry,
                (
                    "certificate_reloads",
                    "Certificates that were replaced while the receiver ran, and files that could not be used",
                ),
                "result",
                ["replaced", "failed"],
            ),
        }
    }

    /// When the certificate in use expires.
    pub(crate) fn expires(&self, at: OffsetDateTime) {
        self.expires.set(since_epoch(at));
    }

    /// Another certificate is in use.
    pub(crate) fn replaced(&self) {
        self.reloads[0].inc();
    }

    /// Its files changed and cannot be used.
    pub(crate) fn failed(&self) {
        self.reloads[1].inc();
    }
}
