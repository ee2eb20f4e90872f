//! An HTTPS listener that stays responsive when it is flooded with connections.
//!
//! When the connection table is full, a new connection replaces the one that has waited longest instead of being refused.
//! Idle connections cost only their memory, and one periodic sweep enforces the time limits of all connections. The usual
//! server crates have no hooks for this, so it is built directly on hyper. It serves HTTP/1.1 only.

mod connection;
mod head;
mod queue;
mod shared_table;
mod table;
mod tracked_socket;

use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, TcpListener as StdListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::Request;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::task::yield_now;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use self::connection::connection;
use self::shared_table::{ConnectionSlot, SharedTable};
use self::table::Bounds;

/// The interval at which connections are checked for exceeded time limits.
const SWEEP: Duration = Duration::from_millis(500);
/// The wait after an accept error, such as no free file descriptor.
const PAUSE: Duration = Duration::from_millis(20);
/// The minimum time between two log lines about accept errors.
const LOG_PERIOD: Duration = Duration::from_secs(10);
/// File descriptors that are reserved for the database, the spool, logs and the operator listener.
const RESERVED_FILES: usize = 128;
/// One lingering close is allowed per this many connections.
const CLOSING_SHARE: usize = 8;
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

/// The reason why a listener closed a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// It was evicted because its slot, or the memory for incomplete requests, was needed for others.
    Evicted,
    /// It did not send a request in time.
    TooSlow,
    /// The TLS handshake failed.
    Handshake,
}

/// Observes the connections of a listener, for example to count them. The default methods do nothing.
///
/// ```
/// struct Log;
///
/// impl eqp_tls::listener::Events for Log {
///     fn open(&self, connections: usize) {
///         println!("{connections} open connections");
///     }
/// }
/// ```
pub trait Events: Send + Sync + 'static {
    /// Called for each accepted connection, before it gets a slot. A panic here ends the listener.
    fn accepted(&self) {}

    /// Called when the number of open connections has changed.
    fn open(&self, connections: usize) {
        let _ = connections;
    }

    /// Called when the listener has closed connections, possibly none.
    fn closed(&self, why: Closed, connections: usize) {
        let _ = (why, connections);
    }
}

/// Observes nothing.
impl Events for () {}

/// Answers requests. Implemented by [`axum::Router`]; other implementations can control when a connection may be evicted.
///
/// ```
/// use std::convert::Infallible;
///
/// use axum::body::Body;
/// use axum::response::{IntoResponse, Response};
/// use eqp_tls::listener::{Answer, Peer};
///
/// #[derive(Clone)]
/// struct Hello;
///
/// impl Answer for Hello {
///     type Error = Infallible;
///
///     fn answer(
///         &self,
///         peer: Peer,
///         _request: http::Request<Body>,
///     ) -> impl Future<Output = Result<Response, Infallible>> + Send + 'static {
///         async move { Ok(format!("hello {}", peer.address()).into_response()) }
///     }
/// }
/// ```
pub trait Answer: Clone + Send + Sync + 'static {
    /// The error that ends a connection without a response. [`Infallible`] if every request is answered.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Answers a request. The future may be dropped when the connection is evicted, unless [`Peer::stores`] or
    /// [`Peer::processes`] was called.
    ///
    /// # Errors
    /// [`Self::Error`] closes the connection without a response.
    fn answer(
        &self,
        peer: Peer,
        request: Request<Body>,
    ) -> impl Future<Output = Result<Response, Self::Error>> + Send + 'static;
}

/// A router answers every request, and its connections are not evicted before that.
impl Answer for Router {
    type Error = Infallible;

    fn answer(
        &self,
        peer: Peer,
        request: Request<Body>,
    ) -> impl Future<Output = Result<Response, Infallible>> + Send + 'static {
        let router = self.clone();
        async move {
            // A router does not report credentials, so every request counts as authenticated.
            peer.processes().await;
            router.oneshot(request).await
        }
    }
}

/// The peer that sent a request. Its methods control whether the connection may be evicted.
#[derive(Clone)]
pub struct Peer {
    address: IpAddr,
    slot: Arc<ConnectionSlot>,
}

/// A response extension that delays the response, to slow down clients that ignore their limits.
///
/// ```
/// use axum::response::IntoResponse;
/// use eqp_tls::listener::TarpitDelay;
///
/// let mut response = http::StatusCode::UNAUTHORIZED.into_response();
/// response.extensions_mut().insert(TarpitDelay(std::time::Duration::from_millis(100)));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TarpitDelay(pub Duration);

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Peer {
    /// Returns the address that the connection came from.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Records that the request has a valid credential. From now on its connection is only evicted if all others have one, too,
    /// and are in the middle of a request. Never returns if it was evicted before.
    pub async fn receives(&self) {
        if !self.slot.receives() {
            std::future::pending::<()>().await;
        }
    }

    /// Records that the request was received completely and is being stored. From now on its connection is not evicted before it
    /// is answered.
    pub fn stores(&self) {
        self.slot.stores();
    }

    /// Protects the connection from eviction until the request is answered. Never returns if it was evicted before.
    pub async fn processes(&self) {
        if !self.slot.processes() {
            std::future::pending::<()>().await;
        }
    }
}

/// A listener on a bound socket.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use eqp_tls::{LocalCa, listener::Listener};
///
/// let identity = LocalCa::ephemeral()?.issue(&["localhost".to_owned()])?;
/// let listener = Listener::new(std::net::TcpListener::bind("127.0.0.1:8443")?).tls(identity.server_config()?);
/// listener.serve(axum::Router::new(), tokio_util::sync::CancellationToken::new()).await?;
/// # Ok(())
/// # }
/// ```
pub struct Listener {
    socket: StdListener,
    tls: Option<Arc<ServerConfig>>,
    limits: ConnectionLimits,
    events: Box<dyn Events>,
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("socket", &self.socket).field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Listener {
    /// Creates a listener for plain HTTP, with the default limits.
    pub fn new(socket: StdListener) -> Self {
        Self { socket, tls: None, limits: ConnectionLimits::default(), events: Box::new(()) }
    }

    /// Serves HTTPS with this configuration.
    #[must_use]
    pub fn tls(mut self, config: Arc<ServerConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// Sets the limits.
    #[must_use]
    pub fn limits(mut self, limits: ConnectionLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the observer of the connections.
    #[must_use]
    pub fn observed_by(mut self, events: impl Events) -> Self {
        self.events = Box::new(events);
        self
    }

    /// Serves until shutdown, then finishes requests in progress within their grace time.
    ///
    /// # Errors
    /// The error of the system if the socket cannot be registered with the runtime.
    pub async fn serve<A: Answer>(self, answer: A, shutdown: CancellationToken) -> std::io::Result<()> {
        let Self { socket, tls, limits, events } = self;
        socket.set_nonblocking(true)?;
        let listener = TcpListener::from_std(socket)?;
        let tls = tls.map(TlsAcceptor::from);
        let bounds = bounds(limits);
        let table = SharedTable::new(bounds, bounds.all.div_ceil(CLOSING_SHARE), events);
        let connections = TaskTracker::new();
        // Shorter for short time limits, so that they are enforced precisely enough.
        let mut sweep =
            interval(SWEEP.min(limits.header_time / 4).min(limits.idle_time / 4).max(Duration::from_millis(10)));
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stopped = pin!(shutdown.cancelled());
        let mut logged_at: Option<Instant> = None;
        loop {
            // If every connection stores a callback, new ones wait in the backlog of the socket until one has been answered.
            let has_capacity = table.has_capacity();
            let accepted = tokio::select! {
                () = &mut stopped => break,
                _ = sweep.tick() => {
                    table.sweep();
                    continue;
                }
                () = table.is_freed(), if !has_capacity => continue,
                accepted = listener.accept(), if has_capacity => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    table.events().accepted();
                    let Some((slot, has_evicted)) = table.take(peer.ip()) else { continue };
                    connections.spawn(connection(stream, peer, tls.clone(), slot, answer.clone(), limits.grace_time));
                    if has_evicted {
                        // Lets the evicted connection close its socket before another one is accepted.
                        yield_now().await;
                    }
                }
                // The peer has disconnected already.
                Err(error) if matches!(error.kind(), std::io::ErrorKind::ConnectionAborted) => {}
                Err(error) => {
                    if logged_at.is_none_or(|logged_at| logged_at.elapsed() >= LOG_PERIOD) {
                        logged_at = Some(Instant::now());
                        tracing::warn!(%error, "cannot accept a connection, closing the longest-waiting ones");
                    }
                    table.shed();
                    sleep(PAUSE).await;
                }
            }
        }
        drop(listener);
        table.close();
        connections.close();
        // Each connection ends within its own time limit.
        let _ = timeout(2 * limits.grace_time, connections.wait()).await;
        Ok(())
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

fn bounds(limits: ConnectionLimits) -> Bounds {
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
