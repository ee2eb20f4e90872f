//! A receiver inside somebody's service: their listener, our router.

use std::fmt;

use tokio_util::sync::{CancellationToken, DropGuard};

use super::parts::{Parts, Running};
use crate::accept::Acceptor;
use crate::{Error, Metrics, operator};

/// A receiver that runs in the background and answers through its router. It stops when this is dropped, and is waited
/// for with [`stop`](Self::stop).
///
/// ```no_run
/// # async fn example(pool: sqlx::PgPool, listener: tokio::net::TcpListener) -> Result<(), Box<dyn std::error::Error>> {
/// use eqp_receiver::{MasterKey, Receiver};
///
/// eqp_receiver::migrate(&pool).await?;
/// let eqp = Receiver::builder(pool).master_key(MasterKey::open("eqp.key".as_ref())?).embed().await?;
/// let app = axum::Router::new().merge(eqp.router());
/// axum::serve(listener, app.into_make_service_with_connect_info::<std::net::SocketAddr>()).await?;
/// eqp.stop().await?;
/// # Ok(())
/// # }
/// ```
pub struct Embedded {
    acceptor: Acceptor,
    metrics: Metrics,
    running: Running,
    stop: DropGuard,
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").finish_non_exhaustive()
    }
}

impl Embedded {
    pub(super) fn start(parts: Parts) -> Self {
        let shutdown = CancellationToken::new();
        let mut running = parts.background.start(&shutdown);
        running.add(parts.lane.run(shutdown.clone()));
        Self { acceptor: parts.acceptor, metrics: parts.metrics, running, stop: shutdown.drop_guard() }
    }

    /// Takes callbacks at every path, since their credential decides whose they are; anything else is answered 404 except
    /// under `/callbacks/` and where endpoints are registered. It belongs behind one's own routes: merged into a router, as
    /// its fallback, or nested under a prefix (which is then not part of an endpoint's path). Without
    /// [connect info](axum::extract::ConnectInfo) the source of callbacks is unknown.
    pub fn router(&self) -> axum::Router {
        self.acceptor.clone().router()
    }

    /// What it counts.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Answers `/metrics`, `/healthz` and `/readyz`, for whoever runs the service: not to be merged into public routes.
    pub fn operator_router(&self) -> axum::Router {
        operator::router(self.acceptor.clone(), self.metrics.clone())
    }

    /// Stops it: what was handed over is stored first.
    ///
    /// # Errors
    /// A part of it had failed.
    pub async fn stop(self) -> Result<(), Error> {
        self.stop.disarm().cancel();
        self.running.join().await
    }
}
