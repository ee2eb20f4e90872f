//! The receiver as a whole: built, then run until shutdown, or taken as a router into another service.

mod beginning;
mod builder;
mod certificate;
mod embedded;
mod listener;
mod operator_listener;
mod parts;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub use builder::{Builder, Database};
pub use embedded::Embedded;
pub use tls::Tls;

use crate::Error;
use certificate::CertificateWatch;
use listener::Listener;
use operator_listener::OperatorListener;
use parts::Parts;

use crate::supervise::Part;

/// A receiver that listens by itself.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use eqp_receiver::{MasterKey, Receiver, Tls};
///
/// let receiver = Receiver::builder("postgres:///eqp".parse::<eqp_receiver::PgConnectOptions>()?)
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

impl Receiver {
    /// Starts from the database, which must have been [migrated](crate::migrate).
    pub fn builder(database: impl Into<Database>) -> Builder {
        Builder::new(database.into())
    }

    /// The address it listens on, with the port that the system chose where port 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.listener.address()
    }

    /// The paths at which it answers callbacks, as it knows them now, in order.
    pub fn endpoint_paths(&self) -> Vec<String> {
        self.parts.endpoint_paths()
    }

    /// The address of the operator's listener, if there is one.
    pub fn operator_addr(&self) -> Option<SocketAddr> {
        self.operator.as_ref().map(OperatorListener::address)
    }

    /// Serves until `shutdown`, then lets requests that have begun come to their end.
    ///
    /// # Errors
    /// The accepting side cannot be started. A part that panics is logged, counted and restarted; it ends nothing.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), Error> {
        let Self { parts, listener, operator, reload } = self;
        let Parts { acceptor, lane, limits, metrics, background } = parts;
        // Of our own, and cancelled with this future: whatever ends first takes the rest along, and not the caller.
        let shutdown = shutdown.child_token();
        let _stop = shutdown.clone().drop_guard();
        let mut running = background.start(&shutdown);
        if let Some(identity) = listener.identity() {
            let (identity, metrics, note) = (identity.clone(), metrics.clone(), acceptor.certificate_note());
            let watch = CertificateWatch { identity, reload, metrics, note };
            running.part(Part::Certificate, move |shutdown| watch.clone().run(shutdown));
        }
        if let Some(operator) = operator {
            running.add(operator.serve(acceptor.clone(), metrics.clone(), shutdown.clone()));
        }
        let serve = async {
            let served = listener.serve(acceptor, lane, limits, metrics, shutdown.clone()).await;
            shutdown.cancel();
            served
        };
        let (served, joined) = tokio::join!(serve, running.join());
        served.and(joined)
    }
}
