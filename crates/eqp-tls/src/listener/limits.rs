//! Limits on the connections of a listener, and the bounds of its connection table that follow from them.

use std::time::Duration;

use super::table::Bounds;

/// File descriptors that are reserved for the database, the spool, logs and the operator listener.
const RESERVED_FILES: usize = 128;
/// One lingering close is allowed per this many connections.
pub(super) const CLOSING_SHARE: usize = 8;
/// The maximum size of incomplete requests, all connections together.
const PARTIAL_BYTES: usize = 8 * 1024 * 1024;
/// A connection that has sent less than this of an incomplete request, including the handshake, uses no more memory than an
/// idle one. The head of a callback is far shorter.
const LONG_HEAD: usize = 4 * 1024;
/// The maximum size of incomplete requests that are longer, all connections together. Enough for about 60 connections.
const LONG_BYTES: usize = 1024 * 1024;

/// Limits on the connections of a listener.
///
/// ```
/// let mut limits = eqp_tls::listener::ConnectionLimits::default();
/// limits.connections = 256;
/// limits.connections_per_source = 64;
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ConnectionLimits {
    /// The maximum number of open connections. When it is reached, a new connection replaces the one that has waited
    /// longest, preferably one that has never sent a valid credential. The maximum is lower if the process may not open
    /// enough files (see [`possible_connections`]).
    pub connections: usize,
    /// The maximum number of open connections from one source (an IPv4 address or an IPv6 /64 network). When it is reached,
    /// a new connection from this source replaces its longest waiting one. It is reduced in proportion if `connections` is.
    pub connections_per_source: usize,
    /// The time limit for the TLS handshake, and for the head of each request.
    pub header_time: Duration,
    /// The time limit for the next request of a connection. A response that is still being sent counts as waiting.
    pub idle_time: Duration,
    /// The time for which a request in progress may continue after shutdown.
    pub grace_time: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections: 16 * 1024,
            connections_per_source: 12 * 1024,
            header_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(75),
            grace_time: Duration::from_secs(25),
        }
    }
}

/// Returns how many connections the open-file limit of this process allows.
///
/// ```
/// assert!(eqp_tls::listener::possible_connections() >= 8);
/// ```
pub fn possible_connections() -> usize {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let files = files.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX);
    // Connections in their lingering close need a file, too, but hold no slot.
    (files.saturating_sub(RESERVED_FILES) / (CLOSING_SHARE + 1) * CLOSING_SHARE).max(8)
}

/// Returns the bounds of the connection table, which the open-file limit may reduce.
pub(super) fn bounds(limits: ConnectionLimits) -> Bounds {
    let possible = possible_connections();
    let all = limits.connections.min(possible);
    if all < limits.connections {
        tracing::warn!(
            wanted = limits.connections,
            possible = all,
            "the open-file limit of the process reduces the maximum number of connections; raise it (ulimit -n)"
        );
    }
    // The limit per source is reduced in the same proportion.
    let share = limits.connections_per_source.min(limits.connections);
    let per_source = all.saturating_mul(share).div_ceil(limits.connections.max(1));
    Bounds {
        all,
        per_source: per_source.max(1),
        partial_bytes: PARTIAL_BYTES,
        long_head: LONG_HEAD,
        long_bytes: LONG_BYTES,
        head: limits.header_time,
        idle: limits.idle_time,
    }
}
