//! What a receiver is made of.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::sync::Notify;

use super::embedded::Embedded;
use super::listener::Listener;
use super::operator_listener::OperatorListener;
use super::parts::Parts;
use super::{Receiver, Tls};
use crate::{Error, Handler, Limits, MasterKey, Metrics, SpoolSettings};

/// Connections of the receiver's own pool; each handler adds one.
const CONNECTIONS: u32 = 5;
/// How long the receiver waits for one of them.
const ACQUIRE_DEADLINE: Duration = Duration::from_secs(5);

/// The Postgres that a receiver stores in: a pool of one's own, or how to connect.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Database {
    /// A pool, shared with whoever made it. The lane connects beside it, with the same options.
    Pool(PgPool),
    /// The receiver makes a small pool for itself.
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

/// Makes a [`Receiver`] or an [`Embedded`] one.
pub struct Builder {
    database: Database,
    master_key: Option<MasterKey>,
    listen: SocketAddr,
    operator: Option<SocketAddr>,
    tls: Tls,
    reload: Arc<Notify>,
    behind_proxy: bool,
    limits: Limits,
    spool: Option<SpoolSettings>,
    projects: bool,
    keep: Option<Duration>,
    handlers: Vec<(String, Arc<dyn Handler>)>,
    metrics: Metrics,
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("listen", &self.listen).field("tls", &self.tls).finish_non_exhaustive()
    }
}

impl Builder {
    pub(super) fn new(database: Database) -> Self {
        Self {
            database,
            master_key: None,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            operator: None,
            tls: Tls::Off,
            reload: Arc::default(),
            behind_proxy: false,
            limits: Limits::default(),
            spool: None,
            projects: true,
            keep: None,
            handlers: Vec::new(),
            metrics: Metrics::default(),
        }
    }

    /// The key that the credentials in the database were made with. Needed.
    #[must_use]
    pub fn master_key(mut self, key: MasterKey) -> Self {
        self.master_key = Some(key);
        self
    }

    /// Where to listen; 127.0.0.1:8080 unless told, port 0 for one that the system chooses.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Where the operator is answered, over plain HTTP: `/metrics`, `/healthz`, `/readyz`. Nowhere unless told; a
    /// loopback address, or one that only those reach who run the receiver.
    #[must_use]
    pub fn operator_listen(mut self, address: SocketAddr) -> Self {
        self.operator = Some(address);
        self
    }

    /// How to prove itself; plain HTTP unless told, which is for loopback addresses and proxies only.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// Reads the certificate again whenever this is notified, such as on a signal. Files that change are noticed within
    /// seconds without it.
    #[must_use]
    pub fn reload_certificate(mut self, when: Arc<Notify>) -> Self {
        self.reload = when;
        self
    }

    /// Says that a proxy in front speaks TLS and adds its peer's address to `X-Forwarded-For`, or to `Forwarded`. The last
    /// address of the former counts, of the latter where there is none of the former.
    #[must_use]
    pub fn behind_proxy(mut self, behind_proxy: bool) -> Self {
        self.behind_proxy = behind_proxy;
        self
    }

    /// Other bounds than the default ones.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Keeps callbacks on this machine's disk while Postgres does not take them, and endpoints to start with while it
    /// cannot be reached. Without it senders are told to come again.
    #[must_use]
    pub fn spool(mut self, settings: SpoolSettings) -> Self {
        self.spool = Some(settings);
        self
    }

    /// Counts into these metrics, for a program that has to know them before the receiver is built.
    #[must_use]
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        self.metrics = metrics;
        self
    }

    /// Brings every event to `handler`, from the first one on. How far it came is remembered under `name` (1 to 100
    /// bytes), over restarts and over all receivers of the database.
    #[must_use]
    pub fn handler(mut self, name: impl Into<String>, handler: impl Handler + 'static) -> Self {
        self.handlers.push((name.into(), Arc::new(handler)));
        self
    }

    /// Deletes callbacks that are older than this, once they are projected; they are kept for ever unless told. Events
    /// and the state of submissions and files stay.
    #[must_use]
    pub fn keep(mut self, keep: Duration) -> Self {
        self.keep = Some(keep);
        self
    }

    /// Makes events of what comes, as it does unless told to [only accept](Self::accept_only).
    #[must_use]
    pub fn project(mut self) -> Self {
        self.projects = true;
        self
    }

    /// Only accepts: another process of the same database makes events of what comes. There can be any number of both.
    #[must_use]
    pub fn accept_only(mut self) -> Self {
        self.projects = false;
        self
    }

    /// Checks the database and listens; requests are answered once it [runs](Receiver::run).
    ///
    /// # Errors
    /// Each thing that is not as it should be has its own variant, which says what to do.
    pub async fn build(mut self) -> Result<Receiver, Error> {
        if self.behind_proxy {
            // All come from the proxy's address.
            self.limits.connections_per_source = self.limits.connections;
        }
        // What needs no database first: it is quicker to say.
        let listener = Listener::bind(self.listen, &self.tls, self.behind_proxy)?;
        let operator = self.operator.map(OperatorListener::bind).transpose()?;
        let reload = Arc::clone(&self.reload);
        let parts = self.parts().await?;
        Ok(Receiver { parts, listener, operator, reload })
    }

    /// Checks the database and starts a receiver that answers through its [router](Embedded::router), in a service
    /// that listens by itself.
    ///
    /// # Errors
    /// As for [`build`](Self::build), without those about listening.
    pub async fn embed(self) -> Result<Embedded, Error> {
        Ok(Embedded::start(self.parts().await?))
    }

    async fn parts(self) -> Result<Parts, Error> {
        let key = self.master_key.ok_or(Error::NoMasterKey)?;
        let pool = match self.database {
            Database::Pool(pool) => pool,
            Database::Options(options) => {
                let connections = CONNECTIONS + u32::try_from(self.handlers.len()).unwrap_or_default();
                let pool = PgPoolOptions::new().max_connections(connections).acquire_timeout(ACQUIRE_DEADLINE);
                pool.connect_lazy_with(*options)
            }
        };
        let mut parts =
            Parts::assemble(pool, key, self.limits, self.behind_proxy, self.spool.as_ref(), self.metrics).await?;
        if self.projects {
            parts.background.project();
        }
        if let Some(keep) = self.keep {
            parts.background.keep(keep);
        }
        for (name, handler) in self.handlers {
            parts.background.handle(name, handler);
        }
        Ok(parts)
    }
}
