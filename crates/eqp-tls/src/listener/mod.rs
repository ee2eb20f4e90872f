//! An HTTPS listener that stays responsive when it is flooded with connections.
//!
//! When the connection table is full, a new connection replaces the one that has waited longest instead of being refused.
//! Idle connections cost only their memory, and one periodic sweep enforces the time limits of all connections. The usual
//! server crates have no hooks for this, so it is built directly on hyper. It serves HTTP/1.1 only.

mod connection;
mod head;
mod limits;
mod long_body;
mod queue;
mod shared_table;
mod table;
mod tracked_socket;

use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, SocketAddr, TcpListener as StdListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::Request;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::yield_now;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use self::connection::{Times, connection};
use self::limits::{CLOSING_SHARE, bounds};
pub use self::limits::{ConnectionLimits, possible_connections};
use self::shared_table::{ConnectionSlot, SharedTable};

/// The interval at which connections are checked for exceeded time limits.
const SWEEP: Duration = Duration::from_millis(500);
/// The wait after an accept error, such as no free file descriptor.
const PAUSE: Duration = Duration::from_millis(20);
/// The minimum time between two log lines about accept errors.
const LOG_PERIOD: Duration = Duration::from_secs(10);
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

/// A response extension for a body that is produced over a long time, such as a stream of events. The connection is in use, and not
/// waiting, until the body ends. If the peer reads nothing of it for [`ConnectionLimits::idle_time`], its connection ends.
///
/// ```
/// use axum::response::IntoResponse;
/// use eqp_tls::listener::LongResponse;
///
/// let mut response = axum::body::Body::from("…").into_response();
/// response.extensions_mut().insert(LongResponse);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct LongResponse;

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
/// use eqp_tls::LocalCa;
/// use eqp_tls::listener::{ConnectionLimits, Listener};
///
/// let identity = LocalCa::ephemeral()?.issue(&["localhost".to_owned()])?;
/// let listener = Listener::new(std::net::TcpListener::bind("127.0.0.1:8443")?)
///     .tls(identity.server_config()?)
///     .limits(ConnectionLimits::default());
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
        let times = Times { grace: limits.grace_time, idle: limits.idle_time };
        // Shorter for short time limits, so that they are enforced precisely enough.
        let mut sweep =
            interval(SWEEP.min(limits.header_time / 4).min(limits.idle_time / 4).max(Duration::from_millis(10)));
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stopped = pin!(shutdown.cancelled());
        let mut logged_at: Option<Instant> = None;
        // Accepted before the table was full, and waiting for a slot.
        let mut accepted_early: Option<(TcpStream, SocketAddr)> = None;
        loop {
            // If every connection stores a callback, new ones wait in the backlog of the socket until one has been answered.
            let has_capacity = table.has_capacity();
            let accepted = tokio::select! {
                biased;
                () = &mut stopped => break,
                _ = sweep.tick() => {
                    table.sweep();
                    continue;
                }
                () = table.is_freed(), if !has_capacity => continue,
                accepted = next_connection(&listener, &mut accepted_early, &table), if has_capacity => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let Some((slot, has_evicted)) = table.take(peer.ip()) else {
                        // While it was awaited, the last connection that could be evicted began to store a callback.
                        accepted_early = Some((stream, peer));
                        continue;
                    };
                    connections.spawn(connection(stream, peer, tls.clone(), slot, answer.clone(), times));
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

/// Returns the connection that was accepted early, or accepts the next one.
async fn next_connection(
    listener: &TcpListener,
    accepted_early: &mut Option<(TcpStream, SocketAddr)>,
    table: &SharedTable,
) -> std::io::Result<(TcpStream, SocketAddr)> {
    if let Some(accepted) = accepted_early.take() {
        return Ok(accepted);
    }
    let accepted = listener.accept().await?;
    table.events().accepted();
    Ok(accepted)
}
