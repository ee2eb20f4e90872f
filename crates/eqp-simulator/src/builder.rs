//! How a simulator is set up and started.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use axum::ServiceExt;
use axum::extract::Request;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use eqp_tls::LocalCa;
use eqp_types::{ApiKey, Environment, MageId, Secret};
use hyper::body::Incoming;
use time::OffsetDateTime;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::callback_form::CallbackForm;
use crate::clock::Clock;
use crate::market::{Account, CallbackList, Manners, Market, NewVersions};
use crate::script::Script;
use crate::sender::Sender;
use crate::sent::SentLog;
use crate::shared::Shared;
use crate::simulator::{Simulator, Tasks, base_url};
use crate::spelling::{Empty, Spelling, Style};
use crate::trust::Trust;
use crate::{Error, FaultRule, control, fault, review_clock, routes};

/// So many callbacks may wait to be handed to the sender.
const OUTBOX: usize = 16_384;

/// Sets up a simulator; everything has a default.
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
    /// Whose manners it has: the sandbox has no manual QA and reads listings by itself. Default: production.
    #[must_use]
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = environment;
        self
    }

    /// How many times shorter than real ones its waits are: scans, reviews, launches. Its stamps show the wall clock at any speed.
    /// Default: 1.
    #[must_use]
    pub fn speed(mut self, speed: f64) -> Self {
        self.speed = speed;
        self
    }

    /// What ids and all chance come from; the same seed gives the same ids and the same course. Default: 0.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How scans and reviews end, and what goes wrong with callbacks. Default: everything passes, nothing goes wrong.
    #[must_use]
    pub fn script(mut self, script: Script) -> Self {
        self.script = script;
        self
    }

    /// The form of callbacks. Default: the later one, which is sent today.
    #[must_use]
    pub fn form(mut self, form: CallbackForm) -> Self {
        self.form = form;
        self
    }

    /// What a `PUT` does to the list of callbacks. Default: replaces it.
    #[must_use]
    pub fn callback_list(mut self, callback_list: CallbackList) -> Self {
        self.callback_list = callback_list;
        self
    }

    /// What a new version does with fields that it lacks and the version in the store has. Default: it takes them over.
    #[must_use]
    pub fn new_versions(mut self, new_versions: NewVersions) -> Self {
        self.new_versions = new_versions;
        self
    }

    /// The longest life of a session token, in real time; longer wishes are capped silently. Default: 7200 seconds.
    #[must_use]
    pub fn longest_token_life(mut self, life: Duration) -> Self {
        self.longest_token_life = life;
        self
    }

    /// Whether two changes of a package never bear the same `modified_at`. Default: yes. Without it they can, as at
    /// the Marketplace: whoever receives them cannot tell which was later.
    #[must_use]
    pub fn distinct_seconds(mut self, distinct: bool) -> Self {
        self.distinct_seconds = distinct;
        self
    }

    /// Trusts this CA (PEM), beside the platform's roots, when callbacks are sent.
    #[must_use]
    pub fn trust_pem(mut self, pem: &str) -> Self {
        self.trusted.push(pem.to_owned());
        self
    }

    /// Adds an account. Without any there is one, with a random key.
    #[must_use]
    pub fn account(mut self, mage_id: MageId, api_key: ApiKey) -> Self {
        self.accounts.push((mage_id, api_key));
        self
    }

    /// Keeps the CA of its server certificate in this folder. Default: a new CA at every start.
    #[must_use]
    pub fn ca_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.ca_folder = Some(folder.into());
        self
    }

    /// A further host name or address that its certificate is good for, beside `localhost` and the loopback ones.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.names.push(name.into());
        self
    }

    /// Where it listens. Default: a free port of 127.0.0.1.
    #[must_use]
    pub fn bind(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Lets something go wrong with calls or callbacks, from the start; the same as [`Script::rule`].
    #[must_use]
    pub fn fault(mut self, rule: FaultRule) -> Self {
        self.script = self.script.rule(rule);
        self
    }

    /// Which form it uses wherever the API is known to spell something in two ways. Default: the usual one.
    #[must_use]
    pub fn spelling(mut self, spelling: Spelling) -> Self {
        self.style.spelling = spelling;
        self
    }

    /// How it writes an object with nothing in it, in profiles and packages. Default: `[]`.
    #[must_use]
    pub fn empty(mut self, empty: Empty) -> Self {
        self.style.empty = empty;
        self
    }

    /// Gives the first account so many packages from the start, each at rest somewhere in its review. Default: none.
    #[must_use]
    pub fn packages(mut self, count: usize) -> Self {
        self.packages = count;
        self
    }

    /// The bearer token of its control API. Default: a random one.
    #[must_use]
    pub fn control_token(mut self, token: Secret) -> Self {
        self.control_token = Some(token);
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// An address that cannot be listened on, a CA folder that cannot be used, a text to trust that is no certificate,
    /// a speed that is not positive, an account given twice.
    #[allow(clippy::unused_async, reason = "it spawns tasks: only a runtime can be the place for it")]
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
        // Its own CA among the trusted ones costs nothing, and a machine without any roots can start.
        let trusted = self.trusted.iter().map(String::as_str).chain([ca_pem.as_str()]);
        let trust = Arc::new(Trust::new(trusted)?);
        let failed = |source| Error::Bind { address: self.address, source };
        let listener = TcpListener::bind(self.address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let tls = RustlsConfig::from_config(ca.issue(&self.certificate_names(address.ip()))?.server_config()?);

        let (revision, _) = watch::channel(0);
        let log = Arc::new(SentLog::new(revision.clone()));
        let clock = Clock::start(OffsetDateTime::now_utc(), self.speed);
        let era = Arc::new(AtomicU64::new(0));
        let (outbox, inbox) = mpsc::channel(OUTBOX);
        let manners = Manners {
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
        let market = Market::new(owned, manners, clock.clone(), outbox, Arc::clone(&era));
        let shared = Arc::new(Shared::new(market, revision, Arc::clone(&log)));

        let shutdown = CancellationToken::new();
        let handle = Handle::new();
        let control_token = self.control_token.unwrap_or_else(|| Secret::new(random()));
        let control = control::router(Arc::clone(&shared), control_token.clone());
        let app = fault::cutting(routes::router(Arc::clone(&shared)).merge(control));
        let mut server = axum_server::from_tcp_rustls(listener, tls).map_err(failed)?.handle(handle.clone());
        server.http_builder().http1().timer(hyper_util::rt::TokioTimer::new());
        let tasks = Tasks {
            server: tokio::spawn(server.serve(ServiceExt::<Request<Incoming>>::into_make_service(app))),
            clock: tokio::spawn(review_clock::run(Arc::clone(&shared), shutdown.clone())),
            sender: tokio::spawn(Sender::new(inbox, Arc::clone(&trust), log, clock, era).run(shutdown.clone())),
        };
        let environment = self.environment;
        Ok(Simulator::new(
            address,
            ca_pem,
            accounts,
            environment,
            control_token,
            shared,
            trust,
            shutdown,
            handle,
            tasks,
        ))
    }

    fn accounts(&self) -> Vec<(MageId, ApiKey)> {
        if !self.accounts.is_empty() {
            return self.accounts.clone();
        }
        let application_id = format!("app-{}", &random()[..12]);
        let api_key = ApiKey { application_id, application_secret: Secret::new(random()) };
        // The account id of the documentation's examples, which can always be one.
        MageId::new("MAG123456789").map(|mage_id| vec![(mage_id, api_key)]).unwrap_or_default()
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
