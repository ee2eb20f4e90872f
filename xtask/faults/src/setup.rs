//! The setup of a run: a temporary Postgres, two receivers, two workers, a sender, and a handler.

use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use eqp_deliver::{HandlerDefinition, NewSubscription, Subscriptions, WebhookDefinition};
use eqp_store::{Endpoints, MasterKey, NewEndpoint};
use eqp_test_support::{OwnPostgres, Proxy, SmallDisk, TestDatabase};
use eqp_types::{Environment, MageId, Secret};
use reqwest::{Certificate, Client};
use serde_json::Value;
use sqlx::{ConnectOptions, Connection, PgConnection};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::Mutex;
use tokio::time::sleep;
use uuid::Uuid;

use crate::Failure;
use crate::deadline::{PATIENCE, until, within};
use crate::deliveries;
use crate::fault::Kind;
use crate::handler::{Handler, PATHS};
use crate::journal::{Entry, Journal};
use crate::quiesce;
use crate::receiver::{Clock, Process, Receiver, free_address};
use crate::report::Report;
use crate::sender::{Orders, Sender};

/// The size of a spool's disk: enough for some thousand callbacks, but soon full.
const DISK_MEBIBYTES: u32 = 8;
const ENDPOINT: &str = "/callbacks/main";
const USERNAME: &str = "faults";
/// The time for a receiver to report its state.
const ANSWER: Duration = Duration::from_secs(5);
/// The time in which the handler notices that a client has disconnected.
const NOTICED: Duration = Duration::from_millis(50);

/// A process that delivers, with its own proxy to Postgres.
#[derive(Debug)]
pub(crate) struct Worker {
    /// Locked by a fault that stops or freezes the process, until it runs again.
    pub(crate) process: Mutex<Process>,
    pub(crate) proxy: Proxy,
}

/// The whole setup. Dropping it stops every process, the last started first.
pub(crate) struct TestSetup {
    /// `None` after its end.
    pub(crate) sender: Option<Sender>,
    pub(crate) receivers: [Receiver; 2],
    pub(crate) workers: [Worker; 2],
    /// `None` after its end.
    handler: Option<Handler>,
    pub(crate) handler_journal: PathBuf,
    pub(crate) journal: Journal,
    /// The journal entries of all rounds.
    pub(crate) answered: Vec<Entry>,
    client: Client,
    pub(crate) database: TestDatabase,
    /// Locked by a fault that changes Postgres, until it is repaired.
    pub(crate) postgres: Mutex<OwnPostgres>,
    /// The temporary folder; `None` if it is not to be removed.
    folder: Option<TempDir>,
}

impl TestSetup {
    pub(crate) async fn open(eqp: &Path) -> Result<Self, Failure> {
        if !eqp.is_file() {
            return Err(format!("{} does not exist; build it: cargo build --package eqp-cli", eqp.display()).into());
        }
        // Every user may enter it, because as root Postgres runs as another user.
        let folder =
            tempfile::Builder::new().prefix("eqp-faults-").permissions(Permissions::from_mode(0o755)).tempdir()?;
        let postgres = OwnPostgres::start().await;
        let database = postgres.database().await;
        let data = folder.path().join("data");
        let tool = async |arguments: &[&str]| run(eqp, arguments, &data, &database.url()).await;
        tool(&["migrate"]).await?;
        let ca_pem = tool(&["ca"]).await?;
        let password = register(&database, &data).await?;

        let mut addresses: Vec<SocketAddr> = Vec::new();
        let mut receivers = Vec::new();
        for number in 1..=2 {
            let address = free_address(&addresses)?;
            addresses.push(address);
            let receiver = receiver(number, address, eqp, folder.path(), &database).await?;
            receiver.process.lock().await.start()?;
            receivers.push(receiver);
        }
        let receivers = receivers.try_into().map_err(|_| "there are two")?;
        let handler_journal = folder.path().join("handler-journal");
        let handler = Handler::start(&handler_journal).await?;
        subscribe(&database, handler.address).await?;
        let mut workers = Vec::new();
        for number in 1..=2 {
            let worker = worker(number, eqp, folder.path(), &database).await?;
            worker.process.lock().await.start()?;
            workers.push(worker);
        }
        let workers = workers.try_into().map_err(|_| "there are two")?;
        let client = Client::builder()
            .tls_certs_only([Certificate::from_pem(ca_pem.as_bytes())?])
            .timeout(ANSWER)
            .no_proxy()
            .build()?;
        let orders = Orders {
            targets: addresses.iter().map(|address| format!("https://{address}{ENDPOINT}")).collect(),
            ca_pem,
            username: USERNAME.to_owned(),
            password,
            journal: folder.path().join("journal"),
        };
        let sender = Sender::start(&orders).await?;
        let setup = Self {
            sender: Some(sender),
            receivers,
            workers,
            handler: Some(handler),
            handler_journal,
            journal: Journal::at(&orders.journal),
            answered: Vec::new(),
            client,
            database,
            postgres: Mutex::new(postgres),
            folder: Some(folder),
        };
        if !until(PATIENCE, async || setup.is_healthy().await).await {
            return Err(setup.complaint("the receivers did not start").await.into());
        }
        Ok(setup)
    }

    /// Returns the faults that cannot be injected on this machine.
    pub(crate) fn unavailable(&self) -> Vec<String> {
        let reasons = [
            (Kind::FullDisk, "a small disk can be mounted by root only"),
            (Kind::ClockJump, "libfaketime is not installed"),
        ];
        let unavailable = reasons.into_iter().filter(|(kind, _)| !self.can(*kind));
        unavailable.map(|(kind, why)| format!("{}: {why}", kind.name())).collect()
    }

    /// Returns whether this machine supports a fault.
    pub(crate) fn can(&self, kind: Kind) -> bool {
        match kind {
            Kind::FullDisk => self.receivers.iter().all(|receiver| receiver.disk.is_some()),
            Kind::ClockJump => self.receivers.iter().all(|receiver| receiver.clock.is_some()),
            _ => true,
        }
    }

    /// Connects to Postgres without a proxy.
    pub(crate) async fn connect(&self) -> Result<PgConnection, Failure> {
        // Postgres may still be replaying its log.
        let connect = async {
            loop {
                match PgConnection::connect_with(&self.database.options).await {
                    Ok(connection) => return Ok(connection),
                    Err(error) if error.as_database_error().is_none() => return Err(error.into()),
                    Err(_) => sleep(Duration::from_millis(20)).await,
                }
            }
        };
        within("connecting to Postgres", connect).await
    }

    /// Returns the handler of the subscriptions.
    pub(crate) fn handler(&self) -> Result<&Handler, Failure> {
        self.handler.as_ref().ok_or_else(|| "the handler has ended".into())
    }

    /// Returns whether more requests to the handler were interrupted than this number, once it has noticed.
    pub(crate) async fn has_aborted(&self, more_than: u64) -> Result<bool, Failure> {
        sleep(NOTICED).await;
        Ok(self.handler()?.seen().await?.aborted > more_than)
    }

    /// Returns whether every receiver stores callbacks directly in the database and has an empty spool.
    pub(crate) async fn is_healthy(&self) -> bool {
        for receiver in &self.receivers {
            if self.readiness(receiver).await.is_none_or(|said| said["status"] != "ready") {
                return false;
            }
        }
        true
    }

    async fn readiness(&self, receiver: &Receiver) -> Option<Value> {
        let answer = self.client.get(format!("https://{}/readyz", receiver.address)).send().await.ok()?;
        answer.json().await.ok()
    }

    /// Returns a problem together with the state that each receiver reports.
    pub(crate) async fn complaint(&self, what: &str) -> String {
        let mut text = what.to_owned();
        for (receiver, number) in self.receivers.iter().zip(1_u8..) {
            let said = match self.readiness(receiver).await {
                Some(said) => said.to_string(),
                None if receiver.process.lock().await.has_ended() => "has ended".to_owned(),
                None => "does not answer".to_owned(),
            };
            text.extend(["; receiver ", &number.to_string(), ": ", &said]);
        }
        text
    }

    /// Stops every process, which must succeed, and compares everything.
    pub(crate) async fn end(&mut self, report: &mut Report) -> Result<(), Failure> {
        if let Some(sender) = self.sender.take() {
            sender.end().await?;
        }
        for receiver in &self.receivers {
            receiver.process.lock().await.terminate().await?;
            let process = receiver.process.lock().await;
            let arguments = ["spool".as_ref(), "show".as_ref(), "--json".as_ref(), "--spool-dir".as_ref()];
            let shown = Command::new(&process.program)
                .args(arguments.into_iter().chain([receiver.spool.as_os_str()]))
                .env_clear()
                .envs(process.environment.iter().map(|(name, value)| (name, value)))
                .output()
                .await?;
            let said: Value = serde_json::from_slice(&shown.stdout).unwrap_or_default();
            if said["callbacks"] != 0 || said["quarantined"] != 0 {
                let said = [said.to_string(), String::from_utf8_lossy(&shown.stderr).into_owned()];
                report.wrong(None, "a spool is not empty at the end", said);
            }
        }
        for worker in &self.workers {
            worker.process.lock().await.terminate().await?;
        }
        if let Some(handler) = self.handler.take() {
            handler.end().await?;
        }
        deliveries::check_all(self, report).await?;
        quiesce::check_all_rounds(self, report).await
    }

    /// Keeps the folder.
    pub(crate) fn keep(mut self) -> PathBuf {
        self.folder.take().map(TempDir::keep).unwrap_or_default()
    }
}

impl Drop for TestSetup {
    fn drop(&mut self) {
        // A frozen receiver would block the removal of the database.
        self.postgres.get_mut().thaw();
    }
}

/// Runs the tool to its end and returns its output.
async fn run(eqp: &Path, arguments: &[&str], data: &Path, database_url: &str) -> Result<String, Failure> {
    let ended = Command::new(eqp)
        .args(arguments)
        .env("EQP_DATA_DIR", data)
        .env("EQP_DATABASE_URL", database_url)
        .kill_on_drop(true)
        .output()
        .await?;
    if ended.status.success() {
        return Ok(String::from_utf8(ended.stdout)?);
    }
    Err(format!("eqp {}: {}", arguments.join(" "), String::from_utf8_lossy(&ended.stderr)).into())
}

/// Creates the endpoint and returns the password for senders.
async fn register(database: &TestDatabase, data: &Path) -> Result<String, Failure> {
    let endpoints = Endpoints::open(database.pool.clone(), MasterKey::open(&data.join("master.key"))?).await?;
    let account = endpoints.ensure_account(Environment::Sandbox, &MageId::new("MAG000000000")?).await?;
    let public_url = format!("https://localhost{ENDPOINT}").parse()?;
    let new = NewEndpoint::new(account, "main", public_url);
    let endpoint = endpoints.create(&new).await?;
    let password = Uuid::new_v4().simple().to_string();
    endpoints.import_credential(endpoint, USERNAME, &Secret::new(password.clone())).await?;
    Ok(password)
}

/// Creates a subscription for each path of the handler, which receives the overall statuses.
async fn subscribe(database: &TestDatabase, handler: SocketAddr) -> Result<(), Failure> {
    let subscriptions = Subscriptions::new(database.pool.clone());
    for path in PATHS {
        let webhook = WebhookDefinition::new(format!("http://{handler}{path}"));
        let mut new = NewSubscription::new(path.trim_start_matches('/'), HandlerDefinition::Webhook(webhook));
        new.filter.flows = vec!["overall".to_owned()];
        subscriptions.add(&new, None).await?;
    }
    Ok(())
}

async fn worker(number: usize, eqp: &Path, folder: &Path, database: &TestDatabase) -> Result<Worker, Failure> {
    let own = folder.join(format!("worker-{number}"));
    std::fs::create_dir(&own)?;
    let config = own.join("worker.toml");
    std::fs::write(&config, "[deliver]\nallow_networks = [\"127.0.0.0/8\"]\n")?;
    let proxy = Proxy::to(database.options.clone()).await;
    let mut process = Process::new(eqp, &own, own.join("log"));
    process.arguments = ["serve", "--role", "deliver", "--operator-listen", "off"].map(Into::into).to_vec();
    process.environment = vec![
        ("HOME", own.into()),
        ("EQP_CONFIG", config.into()),
        ("EQP_DATA_DIR", folder.join("data").into()),
        ("EQP_DATABASE_URL", proxy.options().to_url_lossy().to_string().into()),
    ];
    Ok(Worker { process: Mutex::new(process), proxy })
}

async fn receiver(
    number: usize,
    address: SocketAddr,
    eqp: &Path,
    folder: &Path,
    database: &TestDatabase,
) -> Result<Receiver, Failure> {
    let own = folder.join(format!("receiver-{number}"));
    std::fs::create_dir(&own)?;
    let disk = SmallDisk::mount(DISK_MEBIBYTES);
    let spool = disk.as_ref().map_or_else(|| own.clone(), |disk| disk.folder().to_owned()).join("spool");
    let clock = Clock::find(&own);
    let proxy = Proxy::to(database.options.clone()).await;
    let mut process = Process::new(eqp, &own, own.join("log"));
    let listen = address.to_string();
    process.arguments =
        ["serve", "--role", "accept,project,reconcile", "--listen", &listen, "--operator-listen", "off", "--spool-dir"]
            .map(Into::into)
            .to_vec();
    process.arguments.push(spool.clone().into());
    process.environment = vec![
        ("HOME", own.clone().into()),
        ("EQP_DATA_DIR", folder.join("data").into()),
        ("EQP_DATABASE_URL", proxy.options().to_url_lossy().to_string().into()),
    ];
    process.environment.extend(clock.iter().flat_map(Clock::environment));
    Ok(Receiver { process: Mutex::new(process), network: Mutex::new(()), proxy, disk, clock, spool, address })
}
