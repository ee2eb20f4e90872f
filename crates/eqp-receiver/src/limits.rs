//! The limits of the accepting side, per request and for all requests together.

use std::time::Duration;

#[cfg(feature = "listener")]
use eqp_tls::listener::ConnectionLimits;

/// Limits on the time and memory that senders can use. The defaults suit almost every receiver.
///
/// ```
/// let mut limits = eqp_receiver::Limits::default();
/// limits.body_bytes = 64 * 1024;
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// The maximum size of a body in bytes. Documented callbacks have about 200.
    pub body_bytes: usize,
    /// The time limit for receiving a body.
    pub body_time: Duration,
    /// The maximum total size of the bodies that are being received or are not stored yet. One endpoint can use at most three
    /// quarters of it.
    pub bytes_in_flight: usize,
    /// The maximum number of callbacks that wait to be stored.
    pub queued: usize,
    /// Limits on the connections of the public listener. An embedded receiver has no listener and ignores them. Behind a
    /// proxy, all connections have the same source, so the limit per source is not applied.
    #[cfg(feature = "listener")]
    pub listener: ConnectionLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 256 * 1024,
            body_time: Duration::from_secs(20),
            bytes_in_flight: 16 * 1024 * 1024,
            queued: 16 * 1024,
            #[cfg(feature = "listener")]
            listener: ConnectionLimits::default(),
        }
    }
}
