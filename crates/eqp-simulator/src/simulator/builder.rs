//! The settings of a simulator, and its start.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use eqp_tls::LocalCa;
use eqp_tls::listener::{ConnectionLimits, Listener, possible_connections};
use eqp_types::{ApiKey, Environment, MageId, Secret};
use time::OffsetDateTime;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{Simulator, Tasks, base_url};
use crate::callback_form::CallbackForm;
use crate::clock::Clock;
use crate::composer::{self, ComposerHosts};
use crate::marketplace::{Account, BehaviourProfile, CallbackList, Marketplace, NewVersions};
use crate::script::Script;
use crate::sender::Sender;
use crate::sent::SentLog;
use crate::shared::Shared;
use crate::spelling::{Empty, Spelling, Style};
use crate::trust::Trust;
use crate::{Error, FaultRule, control, fault, review_clock, routes};

/// The maximum number of callbacks that wait to be sent.
const OUTBOX: usize = 16_384;
/// The largest number of open connections; the limit on file descriptors can make it smaller.
const CONNECTIONS: usize = 4096;
/// The time within which a client has to send the head of its request.
const HEADER_TIME: Duration = Duration::from_secs(30);
/// The time that a connection may be idle: longer than clients keep connections open.
const IDLE_TIME: Duration = Duration::from_mins(10);
/// The time that open requests have to finish during a shutdown.
const GRACE: Duration = Duration::from_secs(2);

/// The settings of a simulator; each has a default. Created by [`Simulator::builder`].
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// use eqp_simulator::{CallbackForm, CallbackList, Empty, NewVersions, Simulator, Spelling};
/// use eqp_types::{ApiKey, MageId, Secret};
///
/// let key = ApiKey { application_id: "my-application".to_owned(), application_secret: Secret::new("secret") };
/// let simulator = Simulator::builder()
///     // Where to listen, and which clients can connect.
///     .bind("0.0.0.0:7443".parse()?)
///     .name("marketplace.test")
///     .ca_folder("/var/lib/simulator")
///     .account(MageId::new("MAG123456789")?, key)
///     .control_token(Secret::new("control"))
///     .longest_token_life(Duration::from_secs(60))
///     // The receiver's CA.
///     .trust_pem(&std::fs::read_to_string("receiver-ca.pem")?)
///     // Variants of the API: a program should work with each of them.
///     .form(CallbackForm::First)
///     .spelling(Spelling::Other)
///     .empty(Empty::Null)
///     .callback_list(CallbackList::Merge)
///     .new_versions(NewVersions::Strict)
///     .distinct_seconds(false)
///     // A rule as text.
///     .fault("status=503 call=packages.list times=1".parse()?)
///     .packages(100)
///     .seed(7)
///     .start()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct SimulatorBuilder {
    environment: Environment,
    speed: f64,
    seed: u64,
    script: Script,
    form: CallbackForm,
    callback_list: CallbackList,
    new_versions: NewVersions,
    longest_token_life: Duration,
    distinct_seconds: bool,
    trusted: Vec<String>,
    accounts: Vec<(MageId, ApiKey)>,
    ca_folder: Option<PathBuf>,
    names: Vec<String>,
    address: SocketAddr,
    control_token: Option<Secret>,
    packages: usize,
    style: Style,
}

impl Default for SimulatorBuilder {
    fn default() -> Self {
        Self {
            environment: Environment::Production,
            speed: 1.0,
            seed: 0,
            script: Script::new(),
            form: CallbackForm::Later,
            callback_list: CallbackList::Replace,
            new_versions: NewVersions::Inherit,
            longest_token_life: Duration::from_hours(2),
            distinct_seconds: true,
            trusted: Vec::new(),
            accounts: Vec::new(),
            ca_folder: None,
            names: Vec::new(),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            control_token: None,
            packages: 0,
            style: Style::default(),
        }
    }
}

impl SimulatorBuilder {
    /// Sets the environment whose behaviour is simulated: the sandbox has no manual QA and reviews listings
    /// automatically. Default: production.
    #[must_use]
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = environment;
        self
    }

    /// Sets how many times faster than real time scans, reviews and launches run. Timestamps show the wall clock at any
    /// speed. Default: 1.
    #[must_use]
    pub fn speed(mut self, speed: f64) -> Self {
        self.speed = speed;
        self
    }

    /// Sets the seed of IDs and of everything random; the same seed gives the same run. Default: 0.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets how scans and reviews end, and which faults are injected. Default: everything passes, without faults.
    #[must_use]
    pub fn script(mut self, script: Script) -> Self {
        self.script = script;
        self
    }

    /// Sets the published format of callbacks. Default: the newer one, which the Marketplace sends today.
    #[must_use]
    pub fn form(mut self, form: CallbackForm) -> Self {
        self.form = form;
        self
    }

    /// Sets whether a `PUT` of a profile replaces the list of registered callbacks or merges into it. Default: it
    /// replaces the list.
    #[must_use]
    pub fn callback_list(mut self, callback_list: CallbackList) -> Self {
        self.callback_list = callback_list;
        self
    }

    /// Sets whether a new version inherits missing fields from the version in the store. Default: it inherits them.
    #[must_use]
    pub fn new_versions(mut self, new_versions: NewVersions) -> Self {
        self.new_versions = new_versions;
        self
    }

    /// Sets the longest lifetime of a session token, in real time; longer requests are silently capped. Default: 7,200
    /// seconds.
    #[must_use]
    pub fn longest_token_life(mut self, life: Duration) -> Self {
        self.longest_token_life = life;
        self
    }

    /// Sets whether each change of a package has its own `modified_at`. Default: yes. Otherwise two changes can share a
    /// second, as at the Marketplace, and a receiver cannot know which came later.
    #[must_use]
    pub fn distinct_seconds(mut self, distinct: bool) -> Self {
        self.distinct_seconds = distinct;
        self
    }

    /// Trusts this CA (PEM) for callback targets, in addition to the platform's roots.
    #[must_use]
    pub fn trust_pem(mut self, pem: &str) -> Self {
        self.trusted.push(pem.to_owned());
        self
    }

    /// Adds an account. Default: one account with a random access key.
    #[must_use]
    pub fn account(mut self, mage_id: MageId, api_key: ApiKey) -> Self {
        self.accounts.push((mage_id, api_key));
        self
    }

    /// Stores the CA of the server certificate in this folder and uses it again at the next start. Default: a new CA at
    /// every start.
    #[must_use]
    pub fn ca_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.ca_folder = Some(folder.into());
        self
    }

    /// Adds a host name or IP address to the server certificate, which always covers `localhost` and the loopback
    /// addresses.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.names.push(name.into());
        self
    }

    /// Sets the address to listen on. Default: a free port of 127.0.0.1.
    #[must_use]
    pub fn bind(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Injects a fault into calls or callbacks from the start. Equivalent to [`Script::rule`].
    #[must_use]
    pub fn fault(mut self, rule: FaultRule) -> Self {
        self.script = self.script.rule(rule);
        self
    }

    /// Sets the variant to use for fields that the API writes in two ways (default: [`Spelling::Usual`]).
    #[must_use]
    pub fn spelling(mut self, spelling: Spelling) -> Self {
        self.style.spelling = spelling;
        self
    }

    /// Sets how empty objects are written in profiles and packages. Default: `[]`.
    #[must_use]
    pub fn empty(mut self, empty: Empty) -> Self {
        self.style.empty = empty;
        self
    }

    /// Creates this many packages for the first account at the start, each in a state that does not change on its own.
    /// Default: 0.
    #[must_use]
    pub fn packages(mut self, count: usize) -> Self {
        self.packages = count;
        self
    }

    /// Sets the bearer token of the control API. Default: a random token.
    #[must_use]
    pub fn control_token(mut self, token: Secret) -> Self {
        self.control_token = Some(token);
        self
    }

    /// Starts the simulator: the HTTPS server, the clock of the reviews, and the task that sends callbacks.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// use eqp_simulator::Simulator;
    ///
    /// let simulator = Simulator::builder().speed(30.0).seed(7).start().await?;
    /// assert!(simulator.base_url().starts_with("https://127.0.0.1:"));
    /// # simulator.shutdown().await;
    /// # Ok::<(), eqp_simulator::Error>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// - [`Error::Speed`] if the speed is not a positive, finite number
    /// - [`Error::AccountTwice`] if two accounts share an ID
    /// - [`Error::Certificate`] if the CA folder cannot be used
    /// - [`Error::TrustedCertificate`] if a trusted CA is not PEM
    /// - [`Error::Sender`] if the HTTP client cannot be set up
    /// - [`Error::Bind`] if the address cannot be listened on
    #[allow(clippy::unused_async, reason = "it spawns tasks, which requires a runtime")]
    pub async fn start(self) -> Result<Simulator, Error> {
        if !(self.speed.is_finite() && self.speed > 0.0) {
            return Err(Error::Speed(self.speed));
        }
        let accounts = self.accounts();
        check_accounts(&accounts)?;
        let ca = match &self.ca_folder {
            Some(folder) => LocalCa::open(folder)?,
            None => LocalCa::ephemeral()?,
        };
        let ca_pem = ca.certificate_pem().to_owned();
        // A client without any trusted root cannot be built: with our own CA, it works on a machine that has none.
        let trusted = self.trusted.iter().map(String::as_str).chain([ca_pem.as_str()]);
        let trust = Arc::new(Trust::new(trusted)?);
        let failed = |source| Error::Bind { address: self.address, source };
        let listener = TcpListener::bind(self.address).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let tls = ca.issue(&self.certificate_names(address.ip()))?.server_config()?;

        let (revision, _) = watch::channel(0);
        let log = Arc::new(SentLog::new(revision.clone()));
        let clock = Clock::start(OffsetDateTime::now_utc(), self.speed);
        let generation = Arc::new(AtomicU64::new(0));
        let (outbox, inbox) = mpsc::channel(OUTBOX);
        let behaviour = BehaviourProfile {
            environment: self.environment,
            form: self.form,
            script: self.script,
            seed: self.seed,
            longest_token_life: self.longest_token_life,
            callback_list: self.callback_list,
            new_versions: self.new_versions,
            base_url: base_url(address),
            packages: self.packages,
            style: self.style,
            distinct_seconds: self.distinct_seconds,
        };
        let owned = accounts.iter().map(|(mage_id, key)| Account::new(mage_id.clone(), key.clone())).collect();
        let marketplace = Marketplace::new(owned, behaviour, clock.clone(), outbox, Arc::clone(&generation));
        let shared = Arc::new(Shared::new(marketplace, revision, Arc::clone(&log)));

        let shutdown = CancellationToken::new();
        let control_token = self.control_token.unwrap_or_else(|| Secret::new(random()));
        let control = control::router(Arc::clone(&shared), control_token.clone());
        let composer = Arc::new(ComposerHosts::default());
        let hosts = composer::router(Arc::clone(&shared), Arc::clone(&composer));
        let app = fault::cutting(routes::router(Arc::clone(&shared)).merge(control).merge(hosts));
        let server = Listener::new(listener).tls(tls).limits(limits());
        let tasks = Tasks {
            server: tokio::spawn(server.serve(app, shutdown.clone())),
            clock: tokio::spawn(review_clock::run(Arc::clone(&shared), shutdown.clone())),
            sender: tokio::spawn(Sender::new(inbox, Arc::clone(&trust), log, clock, generation).run(shutdown.clone())),
        };
        let environment = self.environment;
        Ok(Simulator::new(
            address,
            ca_pem,
            accounts,
            environment,
            control_token,
            shared,
            composer,
            trust,
            shutdown,
            tasks,
        ))
    }

    fn accounts(&self) -> Vec<(MageId, ApiKey)> {
        if !self.accounts.is_empty() {
            return self.accounts.clone();
        }
        let application_id = format!("app-{}", &random()[..12]);
        let api_key = ApiKey { application_id, application_secret: Secret::new(random()) };
        // The account ID of the documentation's examples.
        let mage_id = MageId::new("MAG123456789").expect("it is short text without control characters");
        vec![(mage_id, api_key)]
    }

    fn certificate_names(&self, address: IpAddr) -> Vec<String> {
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        if !address.is_unspecified() {
            names.push(address.to_string());
        }
        names.extend(self.names.iter().cloned());
        names.dedup();
        names
    }
}

/// Returns the limits of the listener. One source may use all connections, because every client may be on one machine.
fn limits() -> ConnectionLimits {
    let mut limits = ConnectionLimits::default();
    // A receiver in the same process needs file descriptors, too.
    limits.connections = CONNECTIONS.min(possible_connections() / 2);
    limits.connections_per_source = limits.connections;
    limits.header_time = HEADER_TIME;
    limits.idle_time = IDLE_TIME;
    limits.grace_time = GRACE;
    limits
}

fn random() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

fn check_accounts(accounts: &[(MageId, ApiKey)]) -> Result<(), Error> {
    let (mut mage_ids, mut application_ids) = (HashSet::new(), HashSet::new());
    for (mage_id, key) in accounts {
        if !mage_ids.insert(mage_id) || !application_ids.insert(&key.application_id) {
            return Err(Error::AccountTwice(mage_id.to_string()));
        }
    }
    Ok(())
}
