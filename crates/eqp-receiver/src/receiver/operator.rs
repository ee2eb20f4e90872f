//! The operator listener: metrics and health checks over plain HTTP. It does not serve callbacks.

#[cfg(feature = "listener")]
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
#[cfg(feature = "metrics")]
use axum::response::IntoResponse;
use axum::response::Response;
use axum::routing::get;
#[cfg(feature = "metrics")]
use http::header::{CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use sqlx::PgPool;
#[cfg(feature = "listener")]
use tokio_util::sync::CancellationToken;

#[cfg(feature = "listener")]
use super::listener::BoundSocket;
#[cfg(feature = "listener")]
use crate::Error;
use crate::Metrics;
use crate::accept::Acceptor;
#[cfg(feature = "metrics")]
use crate::metrics;
#[cfg(feature = "listener")]
use eqp_store::internal::Part;
use eqp_store::internal::within;
#[cfg(feature = "listener")]
use eqp_tls::listener::{ConnectionLimits, Listener, possible_connections};

/// The time within which the database has to answer a process that only works on it.
const DATABASE_DEADLINE: Duration = Duration::from_secs(5);
/// The maximum number of connections. A few monitoring tools connect here, some of them with keep-alive.
#[cfg(feature = "listener")]
const CONNECTIONS: usize = 128;
/// If the process may open only few files, this listener gets one connection for every four of the public one.
#[cfg(feature = "listener")]
const CONNECTIONS_SHARE: usize = 4;

#[derive(Clone)]
struct Operator {
    acceptor: Acceptor,
    #[cfg_attr(not(feature = "metrics"), allow(dead_code, reason = "only `/metrics` reads it"))]
    metrics: Metrics,
}

/// Returns a router for `/healthz`, `/readyz` and, with the feature `metrics`, `/metrics`.
pub(super) fn router(acceptor: Acceptor, metrics: Metrics) -> Router {
    let router = Router::new().route("/healthz", get(alive)).route("/readyz", get(ready));
    #[cfg(feature = "metrics")]
    let router = router.route("/metrics", get(metrics_text));
    router.with_state(Operator { acceptor, metrics })
}

/// Returns the same routes for a process that does not accept callbacks. It is ready while the database answers.
pub(super) fn worker_router(pool: PgPool, metrics: Metrics) -> Router {
    let ready = move || {
        let pool = pool.clone();
        async move { Acceptor::worker_ready(within(DATABASE_DEADLINE, pool.acquire()).await.is_ok()) }
    };
    let router = Router::new().route("/healthz", get(alive)).route("/readyz", get(ready));
    #[cfg(feature = "metrics")]
    let router = router.route("/metrics", get(async move || text(&metrics)));
    router
}

#[cfg(feature = "metrics")]
async fn metrics_text(State(Operator { acceptor, metrics }): State<Operator>) -> Response {
    acceptor.observe(&metrics);
    text(&metrics)
}

/// Returns the metrics, which contain names that others have chosen. A browser must not take them for a page.
#[cfg(feature = "metrics")]
fn text(metrics: &Metrics) -> Response {
    let headers = [(CONTENT_TYPE, metrics::CONTENT_TYPE), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (headers, metrics.text()).into_response()
}

async fn alive() -> Response {
    Acceptor::alive()
}

async fn ready(State(operator): State<Operator>) -> Response {
    operator.acceptor.ready()
}

/// The operator listener, bound to its address.
#[cfg(feature = "listener")]
#[derive(Debug)]
pub(super) struct OperatorListener(BoundSocket);

#[cfg(feature = "listener")]
impl OperatorListener {
    pub(super) fn bind(address: SocketAddr) -> Result<Self, Error> {
        BoundSocket::bind(address).map(Self)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// Serves until shutdown. The metrics do not count its connections.
    pub(super) async fn serve(self, acceptor: Acceptor, metrics: Metrics, shutdown: CancellationToken) {
        let connections = CONNECTIONS.min(possible_connections() / CONNECTIONS_SHARE);
        let mut limits = ConnectionLimits::default();
        (limits.connections, limits.connections_per_source) = (connections, connections);
        let supervisor = metrics.supervisor().clone();
        let router = router(acceptor, metrics);
        let served = supervisor.run(Part::OperatorListener, &shutdown, || {
            let (router, shutdown) = (router.clone(), shutdown.clone());
            let (socket, supervisor) = (&self.0, &supervisor);
            async move {
                supervisor.fault_point(Part::OperatorListener);
                let Some(socket) = socket.try_clone(&shutdown).await else { return Ok(()) };
                Listener::new(socket).limits(limits).serve(router, shutdown).await
            }
        });
        if let Some(Err(error)) = served.await {
            tracing::error!(%error, "operator listener stopped");
        }
    }
}
