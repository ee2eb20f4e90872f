//! What one request, and all of them together, may take.

use std::time::Duration;

/// Bounds of the accepting side; the defaults are meant to be kept.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// The longest body, in bytes; documented callbacks have some 200.
    pub body_bytes: usize,
    /// How long a sender may take for its headers.
    pub header_time: Duration,
    /// How long a sender may take for its body.
    pub body_time: Duration,
    /// Bytes of all bodies that are being read or not yet stored.
    pub bytes_in_flight: usize,
    /// How many callbacks may wait to be stored.
    pub queued: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 256 * 1024,
            header_time: Duration::from_secs(10),
            body_time: Duration::from_secs(20),
            bytes_in_flight: 16 * 1024 * 1024,
            queued: 16 * 1024,
        }
    }
}
