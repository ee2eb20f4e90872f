//! What one request, and all of them together, may take.

use std::time::Duration;

/// Bounds of the accepting side; the defaults are meant to be kept.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// The longest body, in bytes; documented callbacks have some 200.
    pub body_bytes: usize,
    /// How many connections may be open; where there is no room, the one that has waited longest is closed for a new
    /// one, first among those that have never shown a valid credential. Fewer, where the process may not open so many
    /// files.
    pub connections: usize,
    /// How many of them one source may have before its own longest waiting one is closed for each new one; the same share
    /// of fewer. Behind a proxy all come from one address, and this holds for nobody.
    pub connections_per_source: usize,
    /// How long a sender may take for the TLS handshake, and for the head of its request.
    pub header_time: Duration,
    /// How long a connection may wait for its next request.
    pub idle_time: Duration,
    /// How long a sender may take for its body.
    pub body_time: Duration,
    /// Bytes of all bodies that are being read or not yet stored. One endpoint gets at most three quarters of them.
    pub bytes_in_flight: usize,
    /// How many callbacks may wait to be stored.
    pub queued: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 256 * 1024,
            connections: 16 * 1024,
            connections_per_source: 12 * 1024,
            header_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(75),
            body_time: Duration::from_secs(20),
            bytes_in_flight: 16 * 1024 * 1024,
            queued: 16 * 1024,
        }
    }
}
