//! The operator's listener: plain HTTP, on a loopback address unless told otherwise.

use std::net::{SocketAddr, TcpListener};

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::Request;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::listener::another;
use crate::accept::Acceptor;
use crate::serve::{Answer, Peer, possible_connections, serve};
use crate::supervise::Part;
use crate::{Error, Limits, Metrics, operator};

/// A few tools ask here, some of them over connections that stay.
const CONNECTIONS: usize = 128;
/// Where there are few files, one for so many of the public listener.
const FILES_SHARE: usize = 4;

/// A bound address with the means to serve it.
#[derive(Debug)]
pub(super) struct OperatorListener {
    socket: TcpListener,
    address: SocketAddr,
}

impl OperatorListener {
    pub(super) fn bind(address: SocketAddr) -> Result<Self, Error> {
        let bound = TcpListener::bind(address).and_then(|socket| Ok((socket.local_addr()?, socket)));
        let (local, socket) = bound.map_err(|source| Error::Listen { address, source })?;
        Ok(Self { socket, address: local })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until shutdown. Its connections are not among those that the metrics count.
    pub(super) async fn serve(self, acceptor: Acceptor, metrics: Metrics, shutdown: CancellationToken) {
        let connections = CONNECTIONS.min(possible_connections() / FILES_SHARE);
        let limits = Limits { connections, connections_per_source: connections, ..Limits::default() };
        let supervisor = metrics.supervisor().clone();
        let answers = operator::router(acceptor, metrics);
        let served = supervisor.run(Part::OperatorListener, &shutdown, || {
            let (answers, shutdown) = (answers.clone(), shutdown.clone());
            let (socket, supervisor) = (&self.socket, &supervisor);
            async move {
                supervisor.fault_point(Part::OperatorListener);
                let Some(socket) = another(socket, &shutdown).await else { return Ok(()) };
                serve(socket, None, limits, Metrics::default(), answers, shutdown).await
            }
        });
        if let Some(Err(error)) = served.await {
            tracing::error!(%error, "the operator's listener stopped");
        }
    }
}

impl Answer for Router {
    fn answer(&self, peer: Peer, request: Request<Body>) -> impl Future<Output = Response> + Send + 'static {
        let router = self.clone();
        async move {
            // Nobody asks here for a credential, so every request counts as a valid one.
            peer.works().await;
            router.oneshot(request).await.unwrap_or_else(|never| match never {})
        }
    }
}
