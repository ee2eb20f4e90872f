//! A TLS receiver with its own database and one endpoint, which accepts the documented credential.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use crate::TestDatabase;
use eqp_receiver::{Builder, CancellationToken, Database, LocalCa, Receiver, Tls};
use eqp_store::{EndpointId, Endpoints, MasterKey, NewEndpoint};
use eqp_types::{Environment, MageId, Secret};
use sqlx::{AssertSqlSafe, Executor};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::sender::Sender;

/// The path of the endpoint.
pub const PATH: &str = "/callbacks/main";
/// The Basic header of `key` and `secret`, the credential in the API's documentation.
pub const RIGHT: &[&str] = &["Basic a2V5OnNlY3JldA=="];
/// A status update in the older published format.
pub const SCAN: &str = r#"{"callback_event": "malware_scan_complete", "update_info": {"file_upload_id": "2309480238.238475.0", "tool_result": "passed"}}"#;
/// A finished scan in the older published format.
pub const STATUS: &str = r#"{"callback_event": "eqp_status_update", "update_info": {"submission_id": "s5w9k703ru", "item_id": "user_upload_version_1", "eqp_flow": "marketing", "current_status": "approved"}}"#;

pub struct TestReceiver {
    pub sender: Sender,
    pub address: SocketAddr,
    /// The address of the operator's listener, if there is one.
    pub operator: Option<SocketAddr>,
    pub ca_pem: String,
    pub key: MasterKey,
    pub endpoints: Endpoints,
    pub endpoint: EndpointId,
    running: Running,
    pub database: TestDatabase,
    folder: tempfile::TempDir,
}

/// A running receiver.
struct Running {
    address: SocketAddr,
    operator: Option<SocketAddr>,
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), eqp_receiver::Error>>,
}

impl TestReceiver {
    pub async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    /// Starts a receiver with a changed builder.
    pub async fn with(change: impl FnOnce(Builder) -> Builder) -> Self {
        let database = TestDatabase::create().await;
        let options = database.options.clone();
        Self::on(database, options, change).await
    }

    /// Starts a receiver with a certificate of this CA.
    pub async fn trusting(ca_pem: &str, change: impl FnOnce(Builder) -> Builder) -> Self {
        let database = TestDatabase::create().await;
        let options = database.options.clone();
        Self::set_up(database, options, Some(ca_pem), change).await
    }

    /// Starts a receiver that connects to the database differently than the test, such as through a proxy.
    pub async fn on(
        database: TestDatabase,
        receiver_database: impl Into<Database>,
        change: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        Self::set_up(database, receiver_database, None, change).await
    }

    async fn set_up(
        database: TestDatabase,
        receiver_database: impl Into<Database>,
        ca_pem: Option<&str>,
        change: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        let key = MasterKey::ephemeral().unwrap();
        eqp_store::Store::new(database.pool.clone()).migrate().await.unwrap();
        let endpoints = Endpoints::open(database.pool.clone(), key.clone()).await.unwrap();
        let endpoint = endpoint(&endpoints, "main", None).await;
        let credential = endpoints.import_credential(endpoint, "key", &Secret::new("secret")).await.unwrap();
        endpoints.activate(credential).await.unwrap();

        let folder = tempfile::tempdir().unwrap();
        let running = Running::start(receiver_database.into(), &key, folder.path(), change).await;
        let local = || std::fs::read_to_string(LocalCa::certificate_path(folder.path())).unwrap();
        let ca_pem = ca_pem.map_or_else(local, str::to_owned);
        let sender = Sender::new(running.address, &ca_pem);
        let (address, operator) = (running.address, running.operator);
        let receiver = Self { sender, address, operator, ca_pem, key, endpoints, endpoint, running, database, folder };
        receiver.is_ready(true).await;
        receiver
    }

    /// Stops the receiver and starts another one with the same key and the same database; the connection
    /// to it may have changed.
    pub async fn again(self, receiver_database: impl Into<Database>, change: impl FnOnce(Builder) -> Builder) -> Self {
        let Self { ca_pem, endpoints, endpoint, key, running, database, folder, .. } = self;
        running.stop().await;
        let running = Running::start(receiver_database.into(), &key, folder.path(), change).await;
        let sender = Sender::new(running.address, &ca_pem);
        let (address, operator) = (running.address, running.operator);
        Self { sender, address, operator, ca_pem, key, endpoints, endpoint, running, database, folder }
    }

    /// Returns the builder of this receiver.
    pub fn builder(&self, receiver_database: impl Into<Database>) -> Builder {
        builder(receiver_database.into(), &self.key, self.folder.path())
    }

    /// Waits until `/readyz` reports this state.
    pub async fn is_ready(&self, ready: bool) {
        until("the receiver is ready, or no longer", || async {
            (self.sender.get("/readyz").await.status == 200) == ready
        })
        .await;
    }

    pub async fn execute(&self, statement: impl Into<String>) {
        self.database.pool.execute(AssertSqlSafe(statement.into())).await.unwrap();
    }

    /// Returns every stored callback, in the order of arrival.
    pub async fn stored(&self) -> Vec<(Uuid, Vec<u8>)> {
        sqlx::query_as("select id, body from eqp.callback order by id").fetch_all(&self.database.pool).await.unwrap()
    }

    /// Returns the IDs that are queued for projection, in ascending order.
    pub async fn pending(&self) -> Vec<Uuid> {
        sqlx::query_scalar("select unnest(callback_ids) as id from eqp.callback_pending order by id")
            .fetch_all(&self.database.pool)
            .await
            .unwrap()
    }

    /// Returns the number of the receiver's writes that wait for a lock that the test holds.
    pub async fn blocked_writes(&self) -> i64 {
        sqlx::query_scalar(
            "select count(*) from pg_stat_activity
             where datname = current_database() and wait_event_type = 'Lock' and query like '%eqp.callback%'",
        )
        .fetch_one(&self.database.pool)
        .await
        .unwrap()
    }

    /// Shuts down the receiver and returns the database.
    pub async fn stop_and_keep(self) -> TestDatabase {
        self.running.stop().await;
        self.database
    }

    /// Shuts down the receiver and waits for its end.
    pub async fn stop(self) {
        self.running.stop().await;
    }
}

impl Running {
    async fn start(way: Database, key: &MasterKey, folder: &Path, change: impl FnOnce(Builder) -> Builder) -> Self {
        let receiver = change(builder(way, key, folder)).build().await.unwrap();
        let (address, operator) = (receiver.local_addr(), receiver.operator_addr());
        let shutdown = CancellationToken::new();
        Self { address, operator, task: tokio::spawn(receiver.run(shutdown.clone())), shutdown }
    }

    async fn stop(self) {
        self.shutdown.cancel();
        timeout(Duration::from_secs(30), self.task).await.expect("it stops in time").unwrap().unwrap();
    }
}

fn builder(way: Database, key: &MasterKey, folder: &Path) -> Builder {
    let tls = Tls::LocalCa { folder: folder.to_owned(), names: vec!["localhost".to_owned()] };
    Receiver::builder(way).master_key(key.clone()).listen((Ipv4Addr::LOCALHOST, 0).into()).tls(tls).accept_only()
}

/// Creates an endpoint of an account.
pub async fn endpoint(endpoints: &Endpoints, name: &str, path: Option<&str>) -> EndpointId {
    let mage_id = MageId::new("MAG123456789").unwrap();
    let account = endpoints.ensure_account(Environment::Sandbox, &mage_id).await.unwrap();
    let public_url = format!("https://callbacks.example.com/callbacks/{name}").parse().unwrap();
    let mut new = NewEndpoint::new(account, name, public_url);
    new.path = path.map(str::to_owned);
    endpoints.create(&new).await.unwrap()
}

/// Polls until a condition is fulfilled.
pub async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let looked = timeout(Duration::from_secs(30), async {
        while !is_so().await {
            sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(looked.await.is_ok(), "in vain waited until {what}");
}
