//! Sets up the demo: a folder, Postgres, a receiver, a simulated Marketplace, and a registered callback.

use std::fs::{self, File};
use std::io;
use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use eqp_client::Client;
use eqp_postgres::EmbeddedPostgres;
use eqp_receiver::{Limits, LocalCa};
use eqp_simulator::{Script, Simulator};
use eqp_store::{Endpoints, PublicUrl, Reader};
use eqp_sync::{
    Confirmation, NewRegistration, ReconcileError, ReconcileScope, ReconcileTarget, Reconciler, Registrations,
};
use eqp_types::{Environment, Secret, SubmissionId};
use rustix::fs::OFlags;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::deliveries::Deliveries;
use super::pages::Pages;
use super::screen::Screen;
use crate::compose::database::Database;
use crate::compose::receiver::{ReceiverSetup, master_key};
use crate::config::{DataFolder, DataOptions, OperatorListen, ReceiverOptions};
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::Output;

/// The time limit for removing the folder.
const REMOVE_DEADLINE: Duration = Duration::from_secs(5);
/// The time for which the database may be down before the demo fails.
pub(super) const OUTAGE_DEADLINE: Duration = Duration::from_secs(20);
pub(super) const OUTAGE_POLL: Duration = Duration::from_millis(100);
const ENDPOINT: &str = "demo";
const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The running programs of the demo. Fields are dropped in this order.
pub(super) struct Setup {
    client: Client,
    simulator: Simulator,
    deliveries: Deliveries,
    pages: Option<Pages>,
    running: Running,
    database: Database,
    folder: Folder,
}

/// A running receiver.
struct Running {
    task: JoinHandle<Result<(), eqp_receiver::Error>>,
    shutdown: CancellationToken,
}

impl Setup {
    /// Starts everything and registers the callback.
    pub(super) async fn start(context: &Context, screen: &Screen, speed: f64, with_pages: bool) -> Result<Self> {
        remove_abandoned(context.output).await;
        let folder = Folder::make()?;
        let data = folder.data()?;

        let begun = Instant::now();
        let database = Database::embedded(&data.postgres(), context.output).await?;
        screen.up("Postgres", "embedded, in a temporary folder", begun.elapsed());

        let begun = Instant::now();
        let options = ReceiverOptions { operator_listen: Some(OperatorListen::Off), ..ReceiverOptions::default() };
        let setup = ReceiverSetup {
            database: &database,
            data: &data,
            listen: ANY_PORT,
            options: &options,
            limits: few_connections(),
            projects: true,
            reload: &Arc::default(),
        };
        let receiver = setup.build().await?;
        let address = receiver.local_addr();
        let shutdown = CancellationToken::new();
        let running = Running { task: tokio::spawn(receiver.run(shutdown.clone())), shutdown };
        screen.up("Receiver", &format!("https://{address}"), begun.elapsed());

        let begun = Instant::now();
        let simulator = start_simulator(&data, speed).await?;
        let client = connect(&simulator)?;
        screen.up("Marketplace", &format!("{}, simulated", simulator.base_url()), begun.elapsed());

        let begun = Instant::now();
        let endpoints = Endpoints::open(database.pool().clone(), master_key(&database, &data).await?).await?;
        let url = format!("https://{address}/callbacks/{ENDPOINT}")
            .parse::<PublicUrl>()
            .map_err(|error| Failure::new(Exit::Failed, "the receiver's URL cannot be registered").because(&error))?;
        let mut registrations = Registrations::new(client.clone(), endpoints);
        let plan = registrations.observe().await?.add(&NewRegistration::new(ENDPOINT).url(url))?;
        let username = plan.username().expect("a plan to register has a user name").to_owned();
        // Needs no confirmation, because both sides belong to the demo.
        registrations.apply(&plan, Confirmation::given()).await?;
        screen.up(
            "Registered",
            &format!("user name {username}, by PUT /users/{}", simulator.mage_id()),
            begun.elapsed(),
        );
        let begun = Instant::now();
        let deliveries = Deliveries::start(&database, master_key(&database, &data).await?).await?;
        screen.up("Subscribed", &format!("{}, and a chat", deliveries.webhook_url()), begun.elapsed());
        let pages = if with_pages { Some(start_pages(&database, screen).await?) } else { None };
        folder.write_configuration(&simulator, pages.as_ref().map(Pages::address))?;
        Ok(Self { client, simulator, deliveries, pages, running, database, folder })
    }

    /// Runs `work`, and restarts Postgres if it ends, until `shutdown`.
    pub(super) async fn keeping_up<T>(&self, shutdown: &CancellationToken, work: impl Future<Output = T>) -> T {
        self.database.keeping_up(shutdown, work).await
    }

    /// Returns the vendor's client.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Returns the simulated Marketplace.
    pub(super) fn simulator(&self) -> &Simulator {
        &self.simulator
    }

    /// Returns a reader of the receiver's database.
    pub(super) fn reader(&self) -> Reader {
        self.database.reader()
    }

    /// Returns the deliveries of the demo.
    pub(super) fn deliveries(&self) -> &Deliveries {
        &self.deliveries
    }

    /// Returns the address of the pages, if they are served.
    pub(super) fn pages(&self) -> Option<SocketAddr> {
        self.pages.as_ref().map(Pages::address)
    }

    /// Reads the details of submissions from the Marketplace, as a server does periodically. Returns false if they cannot be read.
    pub(super) async fn read_details(&self, submissions: impl IntoIterator<Item = SubmissionId>) -> bool {
        let reconciler = Reconciler::new(self.client.clone(), self.database.pool().clone());
        let scope = ReconcileScope::Selected(submissions.into_iter().map(ReconcileTarget::Submission).collect());
        let begun = Instant::now();
        loop {
            match reconciler.run(&scope, &CancellationToken::new(), &mut |_| {}).await {
                Ok(_) => return true,
                // Postgres was killed, and is restarted.
                Err(error) if begun.elapsed() > OUTAGE_DEADLINE || matches!(error, ReconcileError::AlreadyRunning) => {
                    tracing::debug!(error = &error as &dyn std::error::Error, "cannot read the details of submissions");
                    return false;
                }
                Err(_) => tokio::time::sleep(OUTAGE_POLL).await,
            }
        }
    }

    /// Returns the demo's folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder.path
    }

    /// Stops all parts, the sender first, and removes the folder.
    pub(super) async fn stop(self) -> Result {
        self.simulator.shutdown().await;
        self.deliveries.stop().await;
        if let Some(pages) = self.pages {
            pages.stop().await;
        }
        self.running.shutdown.cancel();
        let ended = self.running.task.await;
        self.database.close().await?;
        drop(self.folder);
        match ended {
            Ok(result) => Ok(result?),
            Err(error) => Err(Failure::new(Exit::Failed, "the receiver stopped unexpectedly").because(&error)),
        }
    }
}

/// Returns limits for few connections, because the simulator is the only sender. They need few open files, so a low
/// limit of the system is sufficient.
fn few_connections() -> Limits {
    let mut limits = Limits::default();
    (limits.listener.connections, limits.listener.connections_per_source) = (64, 64);
    limits
}

async fn start_pages(database: &Database, screen: &Screen) -> Result<Pages> {
    let begun = Instant::now();
    let (pages, link) = Pages::start(database).await?;
    screen.up("Pages", &format!("{link} (once, within 5 minutes)"), begun.elapsed());
    Ok(pages)
}

async fn start_simulator(data: &DataFolder, speed: f64) -> Result<Simulator> {
    let failed = |error: eqp_simulator::Error| Failure::new(Exit::Failed, "cannot start the simulator").because(&error);
    let ca = LocalCa::open(&data.tls()).map_err(eqp_receiver::Error::Tls)?;
    let builder = Simulator::builder().environment(Environment::Production).speed(speed).script(Script::demo());
    builder.trust_pem(ca.certificate_pem()).start().await.map_err(failed)
}

fn connect(simulator: &Simulator) -> Result<Client> {
    let url = simulator.base_url().parse().map_err(|error: url::ParseError| {
        Failure::new(Exit::Failed, "the simulator's URL is invalid").because(&error)
    })?;
    let builder = Client::builder(simulator.environment(), simulator.api_key().clone());
    Ok(builder.api_url(url).trusted_ca_pem(simulator.ca_pem()).build()?)
}

/// The demo's folder, which is removed on drop.
struct Folder {
    path: PathBuf,
    /// The lock that marks this demo as running.
    _lock: std::fs::File,
}

impl Folder {
    fn make() -> Result<Self> {
        let path = eqp_postgres::temporary_folder()?;
        // Marked as a data folder while it is still empty.
        data_in(&path)?;
        let lock = lock_folder(&path).map_err(|error| {
            Failure::new(Exit::Failed, format!("cannot lock the demo's folder {}", path.display())).because(&error)
        })?;
        Ok(Self { path, _lock: lock })
    }

    fn data(&self) -> Result<DataFolder> {
        data_in(&self.path)
    }

    /// Writes an `eqp.toml`, with which the tool can be used with the demo from another terminal.
    fn write_configuration(&self, simulator: &Simulator, pages: Option<SocketAddr>) -> Result {
        let text = format!(
            "[data]\ndir = \".\"\n\n[marketplace]\nenvironment = \"{}\"\napi_url = \"{}\"\nca_file = \"simulator-ca.pem\"\n\
             application_id = \"{}\"\napplication_secret_file = \"application-secret\"\n",
            simulator.environment(),
            simulator.base_url(),
            simulator.api_key().application_id,
        );
        // For `eqp token link`.
        let pages = pages.map(|address| format!("\n[receiver]\noperator_listen = \"{address}\"\n"));
        let text = text + &pages.unwrap_or_default();
        let secret: &Secret = &simulator.api_key().application_secret;
        self.write("simulator-ca.pem", simulator.ca_pem(), 0o644)?;
        self.write("application-secret", secret.expose(), 0o600)?;
        self.write("eqp.toml", &text, 0o644)
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> Result {
        let path = self.path.join(name);
        std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|error| Failure::new(Exit::Failed, format!("cannot write {}", path.display())).because(&error))
    }
}

fn data_in(path: &Path) -> Result<DataFolder> {
    DataOptions { dir: Some(path.to_owned()), master_key_file: Some(path.join("master.key")) }.open()
}

impl Drop for Folder {
    fn drop(&mut self) {
        let begun = Instant::now();
        let removed = loop {
            match std::fs::remove_dir_all(&self.path) {
                // A receiver that was dropped may still be writing a file.
                Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty && begun.elapsed() < REMOVE_DEADLINE => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                removed => break removed,
            }
        };
        if let Err(error) = removed {
            tracing::warn!(%error, folder = %self.path.display(), "cannot remove the demo's folder");
        }
    }
}

const LOCK: &str = "demo.lock";

/// Locks the folder of a new demo.
pub(super) fn lock_folder(folder: &Path) -> io::Result<File> {
    // The file is renamed after it is locked, so that another demo that starts now cannot find it unlocked.
    let unnamed = folder.join("demo.lock.new");
    let lock = File::options().create_new(true).write(true).mode(0o600).open(&unnamed)?;
    lock.try_lock()?;
    fs::rename(&unnamed, folder.join(LOCK))?;
    Ok(lock)
}

/// Stops the Postgres servers of killed demos, and removes their folders. Failures do not prevent the start of the
/// demo.
pub(super) async fn remove_abandoned(output: Output) {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else { return };
    for folder in entries.flatten().map(|entry| entry.path()) {
        let is_named_so = folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with("eqp-"));
        let Some(lock) = is_named_so.then(|| lock_of_gone(&folder)).flatten() else { continue };
        let removed = match EmbeddedPostgres::stop_abandoned(&folder.join("postgres")).await {
            Ok(()) => fs::remove_dir_all(&folder).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        drop(lock);
        match removed {
            Ok(()) => output.note(format_args!("removed {}, left behind by a killed demo", folder.display())),
            Err(why) => {
                output.note(format_args!("cannot remove {}, left behind by a killed demo: {why}", folder.display()));
            }
        }
    }
}

/// Acquires the lock of a demo that has ended without removing its folder. Folders of other users are ignored.
fn lock_of_gone(folder: &Path) -> Option<File> {
    let found = fs::symlink_metadata(folder).ok()?;
    if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() {
        return None;
    }
    let no_links = OFlags::NOFOLLOW.bits().cast_signed();
    let lock = File::options().write(true).custom_flags(no_links).open(folder.join(LOCK)).ok()?;
    lock.try_lock().ok().map(|()| lock)
}
