//! Everything that the demo runs on: a folder, Postgres, a receiver, a simulated Marketplace, a registered callback.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use eqp_client::Client;
use eqp_receiver::{Endpoints, LocalCa, PublicUrl, Reader};
use eqp_simulator::{Script, Simulator};
use eqp_types::{Environment, Secret};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::screen::Screen;
use crate::compose::database::Database;
use crate::compose::receiver::{master_key, receiver};
use crate::compose::registration::{Foreign, NewCallback, Ours, register};
use crate::config::{DataFolder, DataOptions, OperatorListen, ReceiverOptions};
use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};

const ENDPOINT: &str = "demo";
const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The parts, running. The order of the fields is the order in which they go if the demo is cut short.
pub(super) struct House {
    client: Client,
    simulator: Simulator,
    running: Running,
    database: Database,
    folder: Folder,
}

/// A receiver at work.
struct Running {
    task: JoinHandle<Result<(), eqp_receiver::Error>>,
    shutdown: CancellationToken,
}

impl House {
    /// Starts everything and registers the callback.
    pub(super) async fn start(context: &Context, screen: &Screen, speed: f64) -> Outcome<Self> {
        let folder = Folder::make()?;
        let data = folder.data()?;

        let begun = Instant::now();
        let database = Database::embedded(&data.postgres(), context.output).await?;
        screen.up("Postgres", "private, real, in a folder of its own", begun.elapsed());

        let begun = Instant::now();
        let options = ReceiverOptions { operator_listen: Some(OperatorListen::Off), ..ReceiverOptions::default() };
        let receiver = receiver(&database, &data, ANY_PORT, &options, &Arc::default()).await?;
        let address = receiver.local_addr();
        let shutdown = CancellationToken::new();
        let running = Running { task: tokio::spawn(receiver.run(shutdown.clone())), shutdown };
        screen.up("Receiver", &format!("https://{address}"), begun.elapsed());

        let begun = Instant::now();
        let simulator = start_simulator(&data, speed).await?;
        let client = connect(&simulator)?;
        screen.up("Marketplace", &format!("{}, simulated", simulator.base_url()), begun.elapsed());

        let begun = Instant::now();
        let endpoints = Endpoints::open(database.pool().clone(), master_key(&data)?).await?;
        let url = format!("https://{address}/callbacks/{ENDPOINT}")
            .parse::<PublicUrl>()
            .map_err(|error| Failure::new(Exit::Failed, "the receiver's URL cannot be registered").because(&error))?;
        let new = NewCallback { name: ENDPOINT.to_owned(), url: Some(url), path: None };
        let registered = register(&client, Ours::opened(endpoints), &new, &Foreign::default(), |_| Ok(())).await?;
        screen.up(
            "Registered",
            &format!("user name {}, by PUT /users/{}", registered.username, simulator.mage_id()),
            begun.elapsed(),
        );
        folder.write_configuration(&simulator)?;
        Ok(Self { client, simulator, running, database, folder })
    }

    /// Does something in this house; a Postgres that ends meanwhile is started again, until `shutdown`.
    pub(super) async fn keeping_up<T>(&self, shutdown: &CancellationToken, work: impl Future<Output = T>) -> T {
        self.database.keeping_up(shutdown, work).await
    }

    /// The Marketplace's client of the vendor.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// The simulated Marketplace.
    pub(super) fn simulator(&self) -> &Simulator {
        &self.simulator
    }

    /// Questions to the receiver's database.
    pub(super) fn reader(&self) -> Reader {
        self.database.reader()
    }

    /// Where everything lies.
    pub(super) fn folder(&self) -> &Path {
        &self.folder.path
    }

    /// Stops everything, sender first, and removes the folder.
    pub(super) async fn stop(self) -> Outcome {
        self.simulator.shutdown().await;
        self.running.shutdown.cancel();
        let ended = self.running.task.await;
        self.database.close().await?;
        drop(self.folder);
        match ended {
            Ok(result) => Ok(result?),
            Err(error) => Err(Failure::new(Exit::Failed, "the receiver ended by itself").because(&error)),
        }
    }
}

async fn start_simulator(data: &DataFolder, speed: f64) -> Outcome<Simulator> {
    let failed = |error: eqp_simulator::Error| Failure::new(Exit::Failed, "cannot start the simulator").because(&error);
    let ca = LocalCa::open(&data.tls()).map_err(eqp_receiver::Error::Tls)?;
    let builder = Simulator::builder().environment(Environment::Production).speed(speed).script(Script::demo());
    builder.trust_pem(ca.certificate_pem()).start().await.map_err(failed)
}

fn connect(simulator: &Simulator) -> Outcome<Client> {
    let url = simulator
        .base_url()
        .parse()
        .map_err(|error: url::ParseError| Failure::new(Exit::Failed, "the simulator's URL is none").because(&error))?;
    let builder = Client::builder(simulator.environment(), simulator.api_key().clone());
    Ok(builder.api_url(url).trusted_ca_pem(simulator.ca_pem()).build()?)
}

/// The demo's folder, removed when it is dropped.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn make() -> Outcome<Self> {
        Ok(Self { path: eqp_postgres::temporary_folder()? })
    }

    fn data(&self) -> Outcome<DataFolder> {
        DataOptions { dir: Some(self.path.clone()), master_key_file: Some(self.path.join("master.key")) }.open()
    }

    /// Writes an `eqp.toml` with which the tool works on the demo from another terminal.
    fn write_configuration(&self, simulator: &Simulator) -> Outcome {
        let text = format!(
            "[data]\ndir = \".\"\n\n[marketplace]\nenvironment = \"{}\"\napi_url = \"{}\"\nca_file = \"simulator-ca.pem\"\n\
             application_id = \"{}\"\napplication_secret_file = \"application-secret\"\n",
            simulator.environment(),
            simulator.base_url(),
            simulator.api_key().application_id,
        );
        let secret: &Secret = &simulator.api_key().application_secret;
        self.write("simulator-ca.pem", simulator.ca_pem(), 0o644)?;
        self.write("application-secret", secret.expose(), 0o600)?;
        self.write("eqp.toml", &text, 0o644)
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> Outcome {
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

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            tracing::warn!(%error, folder = %self.path.display(), "the demo's folder stays");
        }
    }
}
