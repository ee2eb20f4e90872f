//! A listener: connections, TLS, HTTP/1.1, and the bounds on them.
//!
//! Accepts on hyper directly, because what must hold here has no hook in the servers made for it: when there is no
//! room, the connection that has waited longest is closed, and not the newest refused; ten thousand idle ones cost
//! nothing but their memory; and deadlines are kept for all connections together instead of by a timer for each
//! request.

mod connection;
mod queue;
mod room;
mod seats;
mod watched;

use std::net::{SocketAddr, TcpListener as StdListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::Request;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::connection::{GRACE, connection};
use self::room::Room;
use self::seats::Bounds;
use crate::supervise::Part;
use crate::{Limits, Metrics};

/// How often connections are looked through for those that wait too long.
const SWEEP: Duration = Duration::from_millis(500);
/// After the system let a connection not in, such as for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(20);
/// File descriptors for everything but connections: the database, the spool, logs.
const FILES_BESIDE: usize = 128;

/// Answers requests.
pub(crate) trait Answer: Clone + Send + Sync + 'static {
    /// The answer to a request of `peer`.
    fn answer(&self, peer: SocketAddr, request: Request<Body>) -> impl Future<Output = Response> + Send + 'static;
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
    let supervisor = metrics.supervisor().clone();
    let room = Room::new(bounds(limits), metrics);
    let connections = TaskTracker::new();
    // Deadlines shorter than usual are kept as well.
    let mut sweep =
        interval(SWEEP.min(limits.header_time / 4).min(limits.idle_time / 4).max(Duration::from_millis(10)));
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stopped = pin!(shutdown.cancelled());
    loop {
        let accepted = tokio::select! {
            () = &mut stopped => break,
            _ = sweep.tick() => {
                room.sweep();
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                supervisor.fault_point(Part::Listener);
                if let Some(seat) = room.take(peer.ip()) {
                    connections.spawn(connection(stream, peer, tls.clone(), seat, answer.clone()));
                }
            }
            // The peer has gone already.
            Err(error) if matches!(error.kind(), std::io::ErrorKind::ConnectionAborted) => {}
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted; the one that has waited longest is closed");
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

fn bounds(limits: Limits) -> Bounds {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let files = files.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX);
    // Those that were asked to go may be an eighth more for a moment.
    let possible = (files.saturating_sub(FILES_BESIDE) / 9 * 8).max(8);
    let all = limits.connections.min(possible);
    if all < limits.connections {
        tracing::warn!(
            wanted = limits.connections,
            possible = all,
            "this process may open too few files for so many connections; raise its limit (ulimit -n)"
        );
    }
    Bounds { all, per_source: limits.connections_per_source.min(all), head: limits.header_time, idle: limits.idle_time }
}
