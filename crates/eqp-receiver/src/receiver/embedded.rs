//! A receiver that is embedded in another service, which has its own listener and mounts the receiver's router.

use std::fmt;

use tokio_util::sync::{CancellationToken, DropGuard};

use super::operator;
use super::parts::{Parts, Running};
use crate::accept::Acceptor;
use crate::{Error, Metrics, Observer};

/// A receiver that runs in the background and answers through its router. Created by [`Builder::embed`](crate::Builder::embed).
///
/// Dropping it stops the receiver. [`stop`](Self::stop) also waits until everything that was accepted is stored.
///
/// ```no_run
/// # async fn example(pool: sqlx::PgPool, listener: tokio::net::TcpListener) -> Result<(), Box<dyn std::error::Error>> {
/// use eqp_receiver::{MasterKey, Receiver, Store};
///
/// Store::new(pool.clone()).migrate().await?;
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
        running.add(parts.writer.run(shutdown.clone()));
        Self { acceptor: parts.acceptor, metrics: parts.metrics, running, stop: shutdown.drop_guard() }
    }

    /// Returns the router that accepts callbacks, to be merged into the service's own router or nested under a prefix (which is
    /// then not part of an endpoint's path).
    ///
    /// It has only a fallback, so the service's own routes take precedence. A POST to any other path is a callback, because the
    /// credential decides which endpoint it belongs to. Other requests, and POSTs without a valid credential, are answered 404
    /// unless their path starts with `/callbacks/` or is registered.
    ///
    /// Serve it with [connect info](axum::extract::ConnectInfo). Otherwise the source addresses of callbacks are unknown, and
    /// all senders share one limit for failed authentication.
    pub fn router(&self) -> axum::Router {
        self.acceptor.clone().router()
    }

    /// Returns the metrics of the receiver.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Returns the observer for other parts of the service, such as the event handlers of `eqp-deliver`: the receiver's metrics
    /// include what they report.
    pub fn observer(&self) -> Observer {
        self.metrics.observer()
    }

    /// Returns a router for `/metrics`, `/healthz` and `/readyz`. Serve it on an address that only operators can reach.
    pub fn operator_router(&self) -> axum::Router {
        operator::router(self.acceptor.clone(), self.metrics.clone())
    }

    /// Stops the receiver after everything that was accepted is stored.
    ///
    /// # Errors
    /// [`Error::Panicked`] if a part of the receiver panicked and could not be restarted.
    pub async fn stop(self) -> Result<(), Error> {
        self.stop.disarm().cancel();
        self.running.join().await
    }
}
