//! A running simulator.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum_server::Handle;
use eqp_types::{ApiKey, Environment, MageId, Secret};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::builder::SimulatorBuilder;
use crate::sent::Sent;
use crate::shared::Shared;
use crate::snapshot::Snapshot;
use crate::trust::Trust;
use crate::walk::{Route, Walk};

/// How long open requests may take to end at a shutdown.
const GRACE: Duration = Duration::from_secs(2);

/// A running stand-in of the Marketplace. Dropping it stops it; [`Simulator::shutdown`] also waits for the end.
pub struct Simulator {
    address: SocketAddr,
    base_url: String,
    ca_pem: String,
    accounts: Vec<(MageId, ApiKey)>,
    environment: Environment,
    control_token: Secret,
    pub(crate) shared: Arc<Shared>,
    trust: Arc<Trust>,
    shutdown: CancellationToken,
    handle: Handle<SocketAddr>,
    tasks: Option<Tasks>,
}

/// Everything that runs.
pub(crate) struct Tasks {
    pub(crate) server: JoinHandle<std::io::Result<()>>,
    pub(crate) clock: JoinHandle<()>,
    pub(crate) sender: JoinHandle<()>,
}

/// The base URL of a server that listens there.
pub(crate) fn base_url(address: SocketAddr) -> String {
    let host =
        if address.ip().is_unspecified() { format!("localhost:{}", address.port()) } else { address.to_string() };
    format!("https://{host}")
}

impl Simulator {
    /// Begins to set one up.
    pub fn builder() -> SimulatorBuilder {
        SimulatorBuilder::default()
    }

    #[allow(clippy::too_many_arguments, reason = "called in one place, with everything that was just made")]
    pub(crate) fn new(
        address: SocketAddr,
        ca_pem: String,
        accounts: Vec<(MageId, ApiKey)>,
        environment: Environment,
        control_token: Secret,
        shared: Arc<Shared>,
        trust: Arc<Trust>,
        shutdown: CancellationToken,
        handle: Handle<SocketAddr>,
        tasks: Tasks,
    ) -> Self {
        Self {
            address,
            base_url: base_url(address),
            ca_pem,
            accounts,
            environment,
            control_token,
            shared,
            trust,
            shutdown,
            handle,
            tasks: Some(tasks),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL of its API, `https://…` without a slash at the end; paths below it start with `/rest/v1`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The CA (PEM) that whoever calls it has to trust.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The first account.
    pub fn mage_id(&self) -> &MageId {
        &self.accounts[0].0
    }

    /// The access key of the first account.
    pub fn api_key(&self) -> &ApiKey {
        &self.accounts[0].1
    }

    /// Every account with its access key.
    pub fn accounts(&self) -> &[(MageId, ApiKey)] {
        &self.accounts
    }

    /// The bearer token of its control API, which is below `/simulator/v1` of its base URL.
    pub fn control_token(&self) -> &Secret {
        &self.control_token
    }

    /// Whose manners it has.
    pub fn environment(&self) -> Environment {
        self.environment
    }

    /// Trusts a further CA (PEM) when callbacks are sent, from now on.
    ///
    /// # Errors
    /// A text that is no certificate.
    pub fn trust_pem(&self, pem: &str) -> Result<(), Error> {
        self.trust.add(pem)
    }

    /// The callbacks sent so far (the newest 10,000), in the order in which the sends ended.
    pub fn sent(&self) -> Vec<Sent> {
        self.shared.log.all()
    }

    /// How many callbacks were sent, or dropped, so far.
    pub fn sent_count(&self) -> u64 {
        self.shared.log.count()
    }

    /// Every callback sent from now on; whoever lies more than 1,024 behind misses some.
    pub fn subscribe_sent(&self) -> broadcast::Receiver<Sent> {
        self.shared.log.subscribe()
    }

    /// A number that grows with every change, and with every callback sent.
    pub fn revision(&self) -> watch::Receiver<u64> {
        self.shared.revision.subscribe()
    }

    /// What it looks like now.
    pub fn snapshot(&self) -> Snapshot {
        let sent = self.shared.log.all();
        Snapshot::of(&self.shared.market(), sent)
    }

    /// Waits until it looks as wanted, at most `patience` in real time.
    ///
    /// # Errors
    /// [`Error::TimedOut`].
    pub async fn wait_until(
        &self,
        patience: Duration,
        wanted: impl Fn(&Snapshot) -> bool + Send,
    ) -> Result<Snapshot, Error> {
        let mut revision = self.revision();
        let look = async {
            loop {
                revision.mark_unchanged();
                let snapshot = self.snapshot();
                if wanted(&snapshot) {
                    return snapshot;
                }
                if revision.changed().await.is_err() {
                    return std::future::pending().await;
                }
            }
        };
        tokio::time::timeout(patience, look).await.map_err(|_| Error::TimedOut(patience))
    }

    /// Commands (curl) that walk through the API of this simulator; `ca_file` is where its CA was written.
    pub fn walk(&self, ca_file: &std::path::Path) -> Walk {
        Walk::new(&Route {
            base_url: &self.base_url,
            mage_id: self.mage_id(),
            api_key: self.api_key(),
            control_token: &self.control_token,
            ca_file,
        })
    }

    /// Stops it and waits for the end of all that runs. Callbacks under way are given up.
    pub async fn shutdown(mut self) {
        self.shutdown.cancel();
        self.handle.graceful_shutdown(Some(GRACE));
        if let Some(Tasks { server, clock, sender }) = self.tasks.take() {
            let (server, clock, sender) = tokio::join!(server, clock, sender);
            for failed in [server.map(drop), clock, sender].into_iter().filter_map(Result::err) {
                tracing::error!(error = %failed, "a task of the simulator failed");
            }
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.shutdown.cancel();
        self.handle.shutdown();
    }
}

impl std::fmt::Debug for Simulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Simulator").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}
