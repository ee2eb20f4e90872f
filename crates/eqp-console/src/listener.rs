//! The operator listener: the API, metrics and health checks over plain HTTP.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use eqp_store::internal::{Part, Supervisor};
use eqp_tls::listener::{Answer, ConnectionLimits, Listener, Peer, possible_connections};
use futures_util::FutureExt;
use http::Request;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tracing::Instrument;

use crate::authenticate::PeerAddress;
use crate::problem::{Problem, ProblemCode};
use crate::request_id::RequestId;

/// The maximum number of connections.
const CONNECTIONS: usize = 1_024;
/// If the process may open only few files, this listener gets one connection for every four of the public one.
const CONNECTIONS_SHARE: usize = 4;
/// The maximum number of characters of a path that are logged.
const LOGGED_PATH: usize = 200;
/// The wait before the socket is duplicated again after this failed, for example because too many files are open.
const PAUSE: Duration = Duration::from_millis(250);

/// The operator listener, bound to its address.
///
/// ```no_run
/// use eqp_console::{OperatorListener, OperatorService};
///
/// # async fn example(store: eqp_store::Store) -> Result<(), Box<dyn std::error::Error>> {
/// let listener = OperatorListener::bind("127.0.0.1:8444".parse()?)?;
/// let router = OperatorService::new(store).network_router(&[]);
/// listener.serve(router, tokio_util::sync::CancellationToken::new()).await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct OperatorListener {
    socket: TcpListener,
    address: SocketAddr,
    supervisor: Supervisor,
}

impl OperatorListener {
    /// Binds the listener. It serves plain HTTP, so use a loopback address, or one that only operators and a TLS-terminating proxy can
    /// reach.
    ///
    /// # Errors
    ///
    /// Returns the error of the system, for example if another program uses the address.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpListener::bind(address)?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address, supervisor: Supervisor::default() })
    }

    /// Counts panics with this supervisor. Only for the crates of this project.
    #[doc(hidden)]
    #[must_use]
    pub fn supervised_by(self, supervisor: Supervisor) -> Self {
        Self { supervisor, ..self }
    }

    /// Returns the address, with the port that the system chose.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until shutdown, then finishes requests in progress.
    pub async fn serve(self, router: Router, shutdown: CancellationToken) {
        let connections = CONNECTIONS.min(possible_connections() / CONNECTIONS_SHARE);
        let mut limits = ConnectionLimits::default();
        (limits.connections, limits.connections_per_source) = (connections, connections);
        let service = OperatorRouter(router);
        let served = self.supervisor.run(Part::OperatorListener, &shutdown, || {
            let (service, shutdown) = (service.clone(), shutdown.clone());
            let (socket, supervisor) = (&self.socket, &self.supervisor);
            async move {
                supervisor.fault_point(Part::OperatorListener);
                let Some(socket) = duplicate(socket, &shutdown).await else { return Ok(()) };
                Listener::new(socket).limits(limits).serve(service, shutdown).await
            }
        });
        if let Some(Err(error)) = served.await {
            tracing::error!(%error, "operator listener stopped");
        }
    }
}

/// Returns another handle of the socket, because each run of a listener consumes one. Returns `None` at shutdown.
async fn duplicate(socket: &TcpListener, shutdown: &CancellationToken) -> Option<TcpListener> {
    loop {
        match socket.try_clone() {
            Ok(socket) => return Some(socket),
            Err(error) => tracing::warn!(%error, "cannot duplicate the listening socket, retrying"),
        }
        shutdown.run_until_cancelled(tokio::time::sleep(PAUSE)).await?;
    }
}

/// A router whose requests carry the address of their sender.
#[derive(Clone)]
struct OperatorRouter(Router);

async fn answered(router: Router, request: Request<Body>) -> Response {
    let (begun, method) = (Instant::now(), request.method().clone());
    let path: String = request.uri().path().chars().take(LOGGED_PATH).collect();
    // A panic would close the connection without a response.
    let response = match AssertUnwindSafe(router.oneshot(request)).catch_unwind().await {
        Ok(Ok(response)) => response,
        Err(_panic) => {
            tracing::error!("operator request panicked");
            Problem::new(ProblemCode::Internal).into_response()
        }
    };
    let status = response.status().as_u16();
    tracing::debug!(%method, path, status, duration = ?begun.elapsed(), "answered operator request");
    response
}

impl Answer for OperatorRouter {
    type Error = Infallible;

    fn answer(
        &self,
        peer: Peer,
        mut request: Request<Body>,
    ) -> impl Future<Output = Result<Response, Infallible>> + Send + 'static {
        let router = self.0.clone();
        async move {
            peer.processes().await;
            request.extensions_mut().insert(PeerAddress(peer.address()));
            let id = RequestId::of(request.headers(), peer.address());
            let mut response = answered(router, request).instrument(id.span()).await;
            id.add_to(&mut response);
            Ok(response)
        }
    }
}
