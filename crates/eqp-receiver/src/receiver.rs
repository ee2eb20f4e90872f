//! Builds a receiver from its parts, and runs it with its own listeners or embeds it in another service.

mod bootstrap;
mod builder;
#[cfg(feature = "listener")]
mod certificate;
mod embedded;
#[cfg(feature = "listener")]
mod listener;
mod operator;
mod parts;

#[cfg(feature = "listener")]
use std::net::SocketAddr;
#[cfg(feature = "listener")]
use std::sync::Arc;

#[cfg(feature = "listener")]
use tokio::sync::Notify;
#[cfg(feature = "listener")]
use tokio_util::sync::CancellationToken;

pub use builder::{Builder, Database};
#[cfg(feature = "listener")]
pub use certificate::Tls;
pub use embedded::Embedded;

#[cfg(feature = "listener")]
use self::{certificate::CertificateWatch, listener::Listener, operator::OperatorListener, parts::Parts};
#[cfg(feature = "listener")]
use crate::{Error, Observer};
#[cfg(feature = "listener")]
use eqp_store::internal::Part;

#[cfg(feature = "listener")]
/// A receiver with its own HTTPS listener.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use eqp_receiver::{MasterKey, Receiver, Tls};
///
/// let receiver = Receiver::builder("postgres:///eqp".parse::<eqp_receiver::sqlx::postgres::PgConnectOptions>()?)
///     .master_key(MasterKey::open("master.key".as_ref())?)
///     .listen(([0, 0, 0, 0], 8443).into())
///     .tls(Tls::Files { certificate: "fullchain.pem".into(), key: "privkey.pem".into() })
///     .build()
///     .await?;
/// receiver.run(eqp_receiver::CancellationToken::new()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Receiver {
    parts: Parts,
    listener: Listener,
    operator: Option<OperatorListener>,
    reload: Arc<Notify>,
}

/// The entry point for an embedded receiver. Without the feature `listener`, only [`builder`](Self::builder) is available.
#[cfg(not(feature = "listener"))]
#[derive(Debug)]
pub enum Receiver {}

impl Receiver {
    /// Returns a builder for a receiver that uses this database, which must have been [migrated](crate::Store::migrate).
    pub fn builder(database: impl Into<Database>) -> Builder {
        Builder::new(database.into())
    }

    /// Returns the router of [`operator_router`](Self::operator_router) for a process that only works on a database and does not
    /// accept callbacks.
    #[doc(hidden)]
    pub fn worker_router(pool: sqlx::PgPool, metrics: crate::Metrics) -> axum::Router {
        operator::worker_router(pool, metrics)
    }
}

#[cfg(feature = "listener")]
impl Receiver {
    /// Returns the address that the public listener is bound to. If port 0 was configured, it contains the port that the system
    /// chose.
    pub fn local_addr(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Returns the observer for other parts of the process, such as the event handlers of `eqp-deliver`: the receiver's metrics
    /// include what they report.
    pub fn observer(&self) -> Observer {
        self.parts.metrics.observer()
    }

    /// Returns the paths of the endpoints that are currently loaded, sorted.
    pub fn endpoint_paths(&self) -> Vec<String> {
        self.parts.endpoint_paths()
    }

    /// Returns the address that the operator listener is bound to, if there is one.
    pub fn operator_addr(&self) -> Option<SocketAddr> {
        self.operator.as_ref().map(OperatorListener::address)
    }

    /// Returns a router for `/healthz`, `/readyz` and, with the feature `metrics`, `/metrics`, for a listener that also serves other
    /// paths. Without such a listener, use [`Builder::operator_listen`].
    pub fn operator_router(&self) -> axum::Router {
        operator::router(self.parts.acceptor.clone(), self.parts.metrics.clone())
    }

    /// Returns a function that reports the content of the spool while the receiver runs, or `None` if it has no spool.
    #[doc(hidden)]
    pub fn spool_level(&self) -> impl Fn() -> Option<crate::SpoolLevel> + Send + Sync + 'static {
        let acceptor = self.parts.acceptor.clone();
        move || acceptor.spooled()
    }

    /// Serves until `shutdown`, then finishes requests in progress and stores everything that was accepted. A part that panics
    /// is logged, counted and restarted.
    ///
    /// # Errors
    /// - [`Error::Stopped`] if the listener cannot be started or the socket fails.
    /// - [`Error::Panicked`] if a part panicked and could not be restarted.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), Error> {
        let Self { parts, listener, operator, reload } = self;
        let Parts { acceptor, writer, limits, metrics, background } = parts;
        // A child token, so that the first part to end stops the others, and dropping this future stops all of them.
        let shutdown = shutdown.child_token();
        let _stop = shutdown.clone().drop_guard();
        let expiry = background.certificate_expiry();
        let mut running = background.start(&shutdown);
        if let Some(identity) = listener.identity() {
            let (identity, metrics, note) = (identity.clone(), metrics.clone(), acceptor.certificate_note());
            let watch = CertificateWatch { identity, reload, metrics, note, expiry };
            running.part(Part::Certificate, move |shutdown| watch.clone().run(shutdown));
        }
        if let Some(operator) = operator {
            running.add(operator.serve(acceptor.clone(), metrics.clone(), shutdown.clone()));
        }
        let serve = async {
            let served = listener.serve(acceptor, writer, limits, metrics, shutdown.clone()).await;
            shutdown.cancel();
            served
        };
        let (served, joined) = tokio::join!(serve, running.join());
        served.and(joined)
    }
}
