//! The builder of a receiver: its settings, and the checks before it starts.

use std::fmt;
#[cfg(feature = "listener")]
use std::net::{Ipv4Addr, SocketAddr};
#[cfg(feature = "listener")]
use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
#[cfg(feature = "listener")]
use tokio::sync::Notify;

use super::embedded::Embedded;
use super::parts::Parts;
#[cfg(feature = "listener")]
use super::{Receiver, Tls, listener::Listener, operator::OperatorListener};
use crate::spool::SpoolSettings;
use crate::{Error, Limits, MasterKey, Metrics, Observer};

/// The maximum number of connections of the receiver's own pool.
const CONNECTIONS: u32 = 5;
/// The time limit for getting a connection from the pool.
const ACQUIRE_DEADLINE: Duration = Duration::from_secs(5);

/// The Postgres database of a receiver: an existing pool, or options to connect with.
///
/// ```
/// let options: eqp_receiver::sqlx::postgres::PgConnectOptions = "postgres:///eqp".parse()?;
/// let database = eqp_receiver::Database::from(options);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Database {
    /// A pool that is shared with the rest of the service. The batch writer opens its own connection with the same options.
    Pool(PgPool),
    /// Options for a small pool of the receiver itself.
    Options(Box<PgConnectOptions>),
}

impl From<PgPool> for Database {
    fn from(pool: PgPool) -> Self {
        Self::Pool(pool)
    }
}

impl From<PgConnectOptions> for Database {
    fn from(options: PgConnectOptions) -> Self {
        Self::Options(Box::new(options))
    }
}

/// Builds a [`Receiver`] with its own listener, or an [`Embedded`] receiver. Created by [`Receiver::builder`].
///
/// One process can project callbacks while others only accept them:
///
/// ```no_run
/// # async fn example(key: eqp_receiver::MasterKey) -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use eqp_receiver::sqlx::PgPool;
/// use eqp_receiver::{CancellationToken, Limits, Receiver, Tls};
///
/// let pool = PgPool::connect("postgres:///eqp").await?;
/// let accepting = Receiver::builder(pool.clone())
///     .master_key(key.clone())
///     .listen("127.0.0.1:8080".parse()?)
///     .behind_proxy(true)
///     .limits(Limits::default())
///     .accept_only()
///     .build()
///     .await?;
///
/// let reload = Arc::new(tokio::sync::Notify::new());
/// let tls = Tls::Files { certificate: "fullchain.pem".into(), key: "privkey.pem".into() };
/// let projecting = Receiver::builder(pool)
///     .master_key(key)
///     .listen("0.0.0.0:8443".parse()?)
///     .operator_listen("127.0.0.1:8444".parse()?)
///     .tls(tls)
///     .reload_certificate(Arc::clone(&reload))
///     .retention(Duration::from_secs(400 * 24 * 60 * 60))
///     .project()
///     .build()
///     .await?;
///
/// let shutdown = CancellationToken::new();
/// tokio::try_join!(accepting.run(shutdown.clone()), projecting.run(shutdown))?;
/// # Ok(())
/// # }
/// ```
pub struct Builder {
    database: Database,
    master_key: Option<MasterKey>,
    #[cfg(feature = "listener")]
    listen: SocketAddr,
    #[cfg(feature = "listener")]
    operator: Option<SocketAddr>,
    #[cfg(feature = "listener")]
    tls: Tls,
    #[cfg(feature = "listener")]
    reload: Arc<Notify>,
    behind_proxy: bool,
    limits: Limits,
    spool: Option<SpoolSettings>,
    projects: bool,
    retention: Option<Duration>,
    metrics: Metrics,
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Builder {
    pub(super) fn new(database: Database) -> Self {
        Self {
            database,
            master_key: None,
            #[cfg(feature = "listener")]
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            #[cfg(feature = "listener")]
            operator: None,
            #[cfg(feature = "listener")]
            tls: Tls::Off,
            #[cfg(feature = "listener")]
            reload: Arc::default(),
            behind_proxy: false,
            limits: Limits::default(),
            spool: None,
            projects: true,
            retention: None,
            metrics: Metrics::default(),
        }
    }

    /// Sets the key that the credentials in the database were created with. Required.
    #[must_use]
    pub fn master_key(mut self, key: MasterKey) -> Self {
        self.master_key = Some(key);
        self
    }

    /// Sets the address to listen on. Default: 127.0.0.1:8080. With port 0 the system chooses a port.
    #[cfg(feature = "listener")]
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Sets the address of the operator listener: `/metrics`, `/healthz` and `/readyz` over plain HTTP. Off by default. Use a
    /// loopback address, or one that only operators can reach.
    #[cfg(feature = "listener")]
    #[must_use]
    pub fn operator_listen(mut self, address: SocketAddr) -> Self {
        self.operator = Some(address);
        self
    }

    /// Sets the server certificate. By default the receiver speaks plain HTTP, which is for loopback addresses and proxies only.
    #[cfg(feature = "listener")]
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// Reloads the certificate whenever `when` is notified, for example on SIGHUP. Without it, changed files are noticed within
    /// five seconds.
    #[cfg(feature = "listener")]
    #[must_use]
    pub fn reload_certificate(mut self, when: Arc<Notify>) -> Self {
        self.reload = when;
        self
    }

    /// Declares that the receiver is behind a TLS-terminating proxy. Plain HTTP is then allowed on any address, and the source
    /// of a request is the last address in `X-Forwarded-For` or, if that is missing, in `Forwarded`.
    #[must_use]
    pub fn behind_proxy(mut self, behind_proxy: bool) -> Self {
        self.behind_proxy = behind_proxy;
        self
    }

    /// Replaces the default limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Stores callbacks on the local disk while Postgres does not accept them, and a snapshot of the endpoints for a start
    /// without the database. Without a spool, callbacks are answered 503 in an outage.
    #[cfg(feature = "spool")]
    #[must_use]
    pub fn spool(mut self, settings: SpoolSettings) -> Self {
        self.spool = Some(settings);
        self
    }

    /// Sets the metrics to count into, for programs that need them before the receiver is built.
    #[must_use]
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        self.metrics = metrics;
        self
    }

    /// Returns the observer for other parts of the process, such as the event handlers of `eqp-deliver`: the receiver's
    /// metrics include what they report. Call [`metrics`](Self::metrics) first, if at all, because it replaces the observer.
    pub fn observer(&self) -> Observer {
        self.metrics.observer()
    }

    /// Deletes projected callbacks that are older than `age`. By default they are never deleted. Events and the
    /// statuses of submissions and files are not affected.
    #[must_use]
    pub fn retention(mut self, age: Duration) -> Self {
        self.retention = Some(age);
        self
    }

    /// Projects callbacks into events, which is the default.
    #[must_use]
    pub fn project(mut self) -> Self {
        self.projects = true;
        self
    }

    /// Accepts callbacks without projecting them. Another process with the same database must project them. There can be any
    /// number of both.
    #[must_use]
    pub fn accept_only(mut self) -> Self {
        self.projects = false;
        self
    }

    /// Checks the database and binds the listeners. Requests are answered once the receiver [runs](Receiver::run).
    ///
    /// # Errors
    /// - [`Error::NoMasterKey`] if no master key was set.
    /// - [`Error::Listen`] if a listener cannot be bound.
    /// - [`Error::PlainHttp`] if plain HTTP would be served to other machines without `behind_proxy`.
    /// - [`Error::Tls`] if the certificate or its key cannot be used.
    /// - [`Error::Store`] if the database cannot be used and there is no spool with stored endpoints, or if the database is not
    ///   migrated or belongs to another master key.
    /// - [`Error::SpoolFolder`], [`Error::SpoolUnsafe`], [`Error::SpoolHeld`] or [`Error::SpoolDamaged`] if the spool cannot be
    ///   opened.
    /// - [`Error::SpoolOfAnotherDatabase`] or [`Error::SnapshotOfAnotherKey`] if it belongs to another database or master key.
    #[cfg(feature = "listener")]
    pub async fn build(mut self) -> Result<Receiver, Error> {
        if self.behind_proxy {
            // All connections come from the proxy's address.
            self.limits.listener.connections_per_source = self.limits.listener.connections;
        }
        // The listeners come first: their errors are reported without waiting for a database.
        let listener = Listener::bind(self.listen, &self.tls, self.behind_proxy)?;
        let operator = self.operator.map(OperatorListener::bind).transpose()?;
        let reload = Arc::clone(&self.reload);
        let parts = self.parts().await?;
        Ok(Receiver { parts, listener, operator, reload })
    }

    /// Checks the database and starts a receiver that answers through its [router](Embedded::router), inside a service that
    /// has its own listener.
    ///
    /// # Errors
    /// - [`Error::NoMasterKey`] if no master key was set.
    /// - [`Error::Store`] if the database cannot be used and there is no spool with stored endpoints, or if the database is not
    ///   migrated or belongs to another master key.
    /// - [`Error::SpoolFolder`], [`Error::SpoolUnsafe`], [`Error::SpoolHeld`] or [`Error::SpoolDamaged`] if the spool cannot be
    ///   opened.
    /// - [`Error::SpoolOfAnotherDatabase`] or [`Error::SnapshotOfAnotherKey`] if it belongs to another database or master key.
    pub async fn embed(self) -> Result<Embedded, Error> {
        Ok(Embedded::start(self.parts().await?))
    }

    async fn parts(self) -> Result<Parts, Error> {
        let key = self.master_key.ok_or(Error::NoMasterKey)?;
        let pool = match self.database {
            Database::Pool(pool) => pool,
            Database::Options(options) => {
                let pool = PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(ACQUIRE_DEADLINE);
                pool.connect_lazy_with(*options)
            }
        };
        let mut parts =
            Parts::assemble(pool, key, self.limits, self.behind_proxy, self.spool.as_ref(), self.metrics).await?;
        if self.projects {
            parts.background.project();
        }
        if let Some(age) = self.retention {
            parts.background.retain_for(age);
        }
        Ok(parts)
    }
}
