//! A running simulator: its addresses and keys, its state, and its shutdown.

mod builder;
mod composer_hosts;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use eqp_types::{ApiKey, Environment, MageId, Secret};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::composer::ComposerHosts;
use crate::sent::Sent;
use crate::shared::Shared;
use crate::snapshot::Snapshot;
use crate::trust::Trust;
use crate::walkthrough::{Destination, Walkthrough};

pub use builder::SimulatorBuilder;

/// A running local Marketplace. Dropping it stops it; [`Simulator::shutdown`] also waits until its tasks have ended.
///
/// ```
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// use eqp_simulator::Simulator;
///
/// let simulator = Simulator::builder().start().await?;
/// assert!(simulator.snapshot().accounts[0].packages.is_empty());
/// simulator.shutdown().await;
/// # Ok::<(), eqp_simulator::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Simulator {
    address: SocketAddr,
    base_url: String,
    ca_pem: String,
    accounts: Vec<(MageId, ApiKey)>,
    environment: Environment,
    control_token: Secret,
    pub(crate) shared: Arc<Shared>,
    pub(crate) composer: Arc<ComposerHosts>,
    trust: Arc<Trust>,
    shutdown: CancellationToken,
    tasks: Option<Tasks>,
}

/// The tasks of a simulator.
pub(crate) struct Tasks {
    pub(crate) server: JoinHandle<std::io::Result<()>>,
    pub(crate) clock: JoinHandle<()>,
    pub(crate) sender: JoinHandle<()>,
}

/// Returns the base URL of a server that listens on this address.
pub(crate) fn base_url(address: SocketAddr) -> String {
    let host =
        if address.ip().is_unspecified() { format!("localhost:{}", address.port()) } else { address.to_string() };
    format!("https://{host}")
}

impl Simulator {
    /// Returns a builder with the default settings.
    pub fn builder() -> SimulatorBuilder {
        SimulatorBuilder::default()
    }

    #[allow(clippy::too_many_arguments, reason = "it has a single caller, which has all the parts as variables")]
    pub(crate) fn new(
        address: SocketAddr,
        ca_pem: String,
        accounts: Vec<(MageId, ApiKey)>,
        environment: Environment,
        control_token: Secret,
        shared: Arc<Shared>,
        composer: Arc<ComposerHosts>,
        trust: Arc<Trust>,
        shutdown: CancellationToken,
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
            composer,
            trust,
            shutdown,
            tasks: Some(tasks),
        }
    }

    /// Returns the address that the simulator listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the base URL of the API, `https://…` without a trailing slash; paths below it start with `/rest/v1`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Returns the CA certificate (PEM) that clients have to trust.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Returns the ID of the first account.
    pub fn mage_id(&self) -> &MageId {
        &self.accounts[0].0
    }

    /// Returns the access key of the first account.
    pub fn api_key(&self) -> &ApiKey {
        &self.accounts[0].1
    }

    /// Returns every account with its access key.
    pub fn accounts(&self) -> &[(MageId, ApiKey)] {
        &self.accounts
    }

    /// Returns the bearer token of the control API, which is at [`CONTROL_PATH`](crate::CONTROL_PATH) below the base
    /// URL.
    pub fn control_token(&self) -> &Secret {
        &self.control_token
    }

    /// Returns the environment whose behaviour is simulated.
    pub fn environment(&self) -> Environment {
        self.environment
    }

    /// Trusts another CA (PEM) for callback targets from now on.
    ///
    /// # Errors
    /// [`Error::TrustedCertificate`] if the text is not a certificate in PEM format.
    pub fn trust_pem(&self, pem: &str) -> Result<(), Error> {
        self.trust.add(pem)
    }

    /// Returns the callbacks sent so far (the newest 10,000), in the order in which their requests ended.
    pub fn sent(&self) -> Vec<Sent> {
        self.shared.log.all()
    }

    /// Returns the number of callbacks that were sent or dropped so far.
    pub fn sent_count(&self) -> u64 {
        self.shared.log.count()
    }

    /// Returns a channel of every callback sent from now on. A receiver that is more than 1,024 callbacks behind misses
    /// some.
    pub fn subscribe_sent(&self) -> broadcast::Receiver<Sent> {
        self.shared.log.subscribe()
    }

    /// Returns a number that grows with every change of the state and with every callback sent.
    pub fn revision(&self) -> watch::Receiver<u64> {
        self.shared.revision.subscribe()
    }

    /// Returns the current state: accounts with their files and packages, and the callbacks sent.
    pub fn snapshot(&self) -> Snapshot {
        let sent = self.shared.log.all();
        Snapshot::of(&self.shared.marketplace(), sent)
    }

    /// Waits until the state fulfils a condition, for at most `patience` in real time.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// use std::time::Duration;
    ///
    /// use eqp_simulator::Simulator;
    ///
    /// let simulator = Simulator::builder().packages(3).start().await?;
    /// let patience = Duration::from_secs(10);
    /// let snapshot = simulator.wait_until(patience, |snapshot| snapshot.accounts[0].packages.len() == 3).await?;
    /// assert_eq!(snapshot.accounts[0].packages.len(), 3);
    /// # Ok::<(), eqp_simulator::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::TimedOut`] if the condition is not fulfilled in time.
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

    /// Returns curl commands that walk through the API of this simulator. `ca_file` is the file that its CA was written
    /// to.
    pub fn walkthrough(&self, ca_file: &std::path::Path) -> Walkthrough {
        Walkthrough::new(&Destination {
            base_url: &self.base_url,
            mage_id: self.mage_id(),
            api_key: self.api_key(),
            control_token: &self.control_token,
            ca_file,
        })
    }

    /// Stops the simulator and waits until its tasks have ended. Callbacks in flight are cancelled.
    pub async fn shutdown(mut self) {
        self.shutdown.cancel();
        if let Some(Tasks { server, clock, sender }) = self.tasks.take() {
            let (server, clock, sender) = tokio::join!(server, clock, sender);
            for failed in [server.map(drop), clock, sender].into_iter().filter_map(Result::err) {
                tracing::error!(error = %failed, "simulator task failed");
            }
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl std::fmt::Debug for Simulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Simulator").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}
