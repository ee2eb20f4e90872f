//! A listener: connections, TLS, HTTP/1.1, and the bounds on them.
//!
//! Accepts on hyper directly, because what must hold here has no hook in the servers made for it: when there is no
//! room, the connection that has waited longest is closed, and not the newest refused; ten thousand idle ones cost
//! nothing but their memory; and deadlines are kept for all connections together instead of by a timer for each
//! request.

mod connection;
mod head;
mod queue;
mod room;
mod seats;
mod watched;

use std::net::{IpAddr, SocketAddr, TcpListener as StdListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

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

use self::connection::{GRACE, connection};
use self::room::{Room, Seat};
use self::seats::Bounds;
use crate::supervise::Part;
use crate::{Limits, Metrics};

/// How often connections are looked through for those that wait too long.
const SWEEP: Duration = Duration::from_millis(500);
/// After the system let a connection not in, such as for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(20);
/// How often that is logged.
const COMPLAINT: Duration = Duration::from_secs(10);
/// File descriptors for everything but public connections: the database, the spool, logs, the operator's listener.
const FILES_BESIDE: usize = 128;
/// Of connections that hold a slot, one in so many more may be closing.
const CLOSING_SHARE: usize = 8;
/// What all connections together may have sent of requests that are not complete.
const PARTIAL_BYTES: usize = 8 * 1024 * 1024;

/// Answers requests.
pub(crate) trait Answer: Clone + Send + Sync + 'static {
    /// The answer to a request of `peer`. It may be dropped before it is ready, unless the peer is said to
    /// [store](Peer::stores) or to [work](Peer::works).
    fn answer(&self, peer: Peer, request: Request<Body>) -> impl Future<Output = Response> + Send + 'static;
}

/// Who sent a request, and what is to become of its connection where others need the slot.
#[derive(Clone)]
pub(crate) struct Peer {
    address: Option<IpAddr>,
    /// None where somebody else's server keeps the connection.
    seat: Option<Arc<Seat>>,
}

/// In the extensions of an answer: how long to hold it back, so that whoever asks again as soon as it is there takes
/// little from others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TarpitDelay(pub(crate) Duration);

impl Peer {
    /// One whose connection somebody else's server keeps.
    pub(crate) fn elsewhere(address: Option<IpAddr>) -> Self {
        Self { address, seat: None }
    }

    fn connected(address: SocketAddr, seat: Arc<Seat>) -> Self {
        Self { address: Some(address.ip()), seat: Some(seat) }
    }

    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// The request has shown a valid credential: from now on its connection is evicted only where every other one has
    /// too and is in the middle of a request. Never returns where it was evicted before.
    pub(crate) async fn receives(&self) {
        if self.seat.as_ref().is_some_and(|seat| !seat.receives()) {
            std::future::pending::<()>().await;
        }
    }

    /// The request has arrived whole and is being stored: its connection is not evicted before it is answered.
    pub(crate) fn stores(&self) {
        if let Some(seat) = &self.seat {
            seat.stores();
        }
    }

    /// The connection is not evicted before the request is answered. Never returns where it was evicted before.
    pub(crate) async fn works(&self) {
        if self.seat.as_ref().is_some_and(|seat| !seat.works()) {
            std::future::pending::<()>().await;
        }
    }
}

/// Serves a bound address until shutdown; requests that are at work then come to their end.
pub(crate) async fn serve<A: Answer>(
    socket: StdListener,
    tls: Option<Arc<ServerConfig>>,
    limits: Limits,
    metrics: Metrics,
    answer: A,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    socket.set_nonblocking(true)?;
    let listener = TcpListener::from_std(socket)?;
    let tls = tls.map(TlsAcceptor::from);
    let bounds = bounds(limits);
    let supervisor = metrics.supervisor().clone();
    let room = Room::new(bounds, bounds.all.div_ceil(CLOSING_SHARE), metrics);
    let connections = TaskTracker::new();
    // Deadlines shorter than usual are kept as well.
    let mut sweep =
        interval(SWEEP.min(limits.header_time / 4).min(limits.idle_time / 4).max(Duration::from_millis(10)));
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stopped = pin!(shutdown.cancelled());
    let mut complained: Option<Instant> = None;
    loop {
        // Where every connection stores a callback, new ones wait in the system's queue until one has been answered.
        let has_room = room.has_room();
        let accepted = tokio::select! {
            () = &mut stopped => break,
            _ = sweep.tick() => {
                room.sweep();
                continue;
            }
            () = room.is_freed(), if !has_room => continue,
            accepted = listener.accept(), if has_room => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                supervisor.fault_point(Part::Listener);
                let Some((seat, for_room)) = room.take(peer.ip()) else { continue };
                connections.spawn(connection(stream, peer, tls.clone(), seat, answer.clone()));
                if for_room {
                    // The one that was evicted closes its socket before another is opened.
                    yield_now().await;
                }
            }
            // The peer has gone already.
            Err(error) if matches!(error.kind(), std::io::ErrorKind::ConnectionAborted) => {}
            Err(error) => {
                if complained.is_none_or(|complained| complained.elapsed() >= COMPLAINT) {
                    complained = Some(Instant::now());
                    tracing::warn!(%error, "a connection could not be accepted; those that have waited longest are closed");
                }
                room.make_room();
                sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    room.close();
    connections.close();
    // Each ends by itself within its own time.
    let _ = timeout(2 * GRACE, connections.wait()).await;
    Ok(())
}

/// How many connections the files suffice for that this process may open.
pub(crate) fn possible_connections() -> usize {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let files = files.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX);
    // Beside those that hold a slot, some are closing.
    (files.saturating_sub(FILES_BESIDE) / (CLOSING_SHARE + 1) * CLOSING_SHARE).max(8)
}

fn bounds(limits: Limits) -> Bounds {
    let possible = possible_connections();
    let all = limits.connections.min(possible);
    if all < limits.connections {
        tracing::warn!(
            wanted = limits.connections,
            possible = all,
            "this process may open too few files for so many connections; raise its limit (ulimit -n)"
        );
    }
    // As large a part of the table as it was meant to be.
    let share = limits.connections_per_source.min(limits.connections);
    let per_source = all.saturating_mul(share).div_ceil(limits.connections.max(1));
    Bounds {
        all,
        per_source: per_source.max(1),
        partial_bytes: PARTIAL_BYTES,
        head: limits.header_time,
        idle: limits.idle_time,
    }
}
