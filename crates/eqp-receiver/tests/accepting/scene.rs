//! A receiver over TLS on a database of its own, with one endpoint that takes the documented credential.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use eqp_receiver::{
    Builder, CancellationToken, Database, EndpointId, Endpoints, LocalCa, MasterKey, NewEndpoint, Receiver, Tls,
};
use eqp_test_support::TestDatabase;
use eqp_types::{Environment, MageId, Secret};
use sqlx::{AssertSqlSafe, Executor};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::sender::Sender;

/// The path of the scene's endpoint.
pub(crate) const PATH: &str = "/callbacks/main";
/// `key` and `secret`, as the API's documentation has them.
pub(crate) const RIGHT: &[&str] = &["Basic a2V5OnNlY3JldA=="];
/// The first published form.
pub(crate) const SCAN: &str = r#"{"callback_event": "malware_scan_complete", "update_info": {"file_upload_id": "2309480238.238475.0", "tool_result": "passed"}}"#;
/// The same of the other event.
pub(crate) const STATUS: &str = r#"{"callback_event": "eqp_status_update", "update_info": {"submission_id": "s5w9k703ru", "item_id": "user_upload_version_1", "eqp_flow": "marketing", "current_status": "approved"}}"#;

pub(crate) struct Scene {
    pub(crate) sender: Sender,
    pub(crate) address: SocketAddr,
    /// The operator's listener, where there is one.
    pub(crate) operator: Option<SocketAddr>,
    pub(crate) ca_pem: String,
    pub(crate) key: MasterKey,
    pub(crate) endpoints: Endpoints,
    pub(crate) endpoint: EndpointId,
    running: Running,
    pub(crate) database: TestDatabase,
    folder: tempfile::TempDir,
}

/// A receiver that runs.
struct Running {
    address: SocketAddr,
    operator: Option<SocketAddr>,
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), eqp_receiver::Error>>,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    /// With a builder changed before it builds.
    pub(crate) async fn with(change: impl FnOnce(Builder) -> Builder) -> Self {
        let database = TestDatabase::create().await;
        let options = database.options.clone();
        Self::on(database, options, change).await
    }

    /// With a receiver that proves itself with a certificate of this CA.
    pub(crate) async fn trusting(ca_pem: &str, change: impl FnOnce(Builder) -> Builder) -> Self {
        let database = TestDatabase::create().await;
        let options = database.options.clone();
        Self::set_up(database, options, Some(ca_pem), change).await
    }

    /// With a receiver that goes another way to the database than the test does.
    pub(crate) async fn on(
        database: TestDatabase,
        receivers_way: impl Into<Database>,
        change: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        Self::set_up(database, receivers_way, None, change).await
    }

    async fn set_up(
        database: TestDatabase,
        receivers_way: impl Into<Database>,
        ca_pem: Option<&str>,
        change: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        let key = MasterKey::ephemeral().unwrap();
        eqp_receiver::migrate(&database.pool).await.unwrap();
        let endpoints = Endpoints::open(database.pool.clone(), key.clone()).await.unwrap();
        let endpoint = endpoint(&endpoints, "main", None).await;
        let credential = endpoints.import_credential(endpoint, "key", &Secret::new("secret")).await.unwrap();
        endpoints.activate(credential).await.unwrap();

        let folder = tempfile::tempdir().unwrap();
        let running = Running::start(receivers_way.into(), &key, folder.path(), change).await;
        let local = || std::fs::read_to_string(LocalCa::certificate_path(folder.path())).unwrap();
        let ca_pem = ca_pem.map_or_else(local, str::to_owned);
        let sender = Sender::new(running.address, &ca_pem);
        let (address, operator) = (running.address, running.operator);
        let scene = Self { sender, address, operator, ca_pem, key, endpoints, endpoint, running, database, folder };
        scene.is_ready(true).await;
        scene
    }

    /// Ends the receiver and starts another one with the same key of the same database, whichever
    /// way leads there now.
    pub(crate) async fn again(
        self,
        receivers_way: impl Into<Database>,
        change: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        let Self { ca_pem, endpoints, endpoint, key, running, database, folder, .. } = self;
        running.stop().await;
        let running = Running::start(receivers_way.into(), &key, folder.path(), change).await;
        let sender = Sender::new(running.address, &ca_pem);
        let (address, operator) = (running.address, running.operator);
        Self { sender, address, operator, ca_pem, key, endpoints, endpoint, running, database, folder }
    }

    /// What a receiver of this scene starts from.
    pub(crate) fn builder(&self, receivers_way: impl Into<Database>) -> Builder {
        builder(receivers_way.into(), &self.key, self.folder.path())
    }

    /// Waits until `/readyz` says so.
    pub(crate) async fn is_ready(&self, ready: bool) {
        until("the receiver is ready, or no longer", || async {
            (self.sender.get("/readyz").await.status == 200) == ready
        })
        .await;
    }

    pub(crate) async fn execute(&self, statement: impl Into<String>) {
        self.database.pool.execute(AssertSqlSafe(statement.into())).await.unwrap();
    }

    /// Everything stored, in order of arrival.
    pub(crate) async fn stored(&self) -> Vec<(Uuid, Vec<u8>)> {
        sqlx::query_as("select id, body from eqp.callback order by id").fetch_all(&self.database.pool).await.unwrap()
    }

    /// Everything queued for projection, in order of id.
    pub(crate) async fn pending(&self) -> Vec<Uuid> {
        sqlx::query_scalar("select unnest(callback_ids) as id from eqp.callback_pending order by id")
            .fetch_all(&self.database.pool)
            .await
            .unwrap()
    }

    /// How many of the receiver's writes wait for a lock that the test holds.
    pub(crate) async fn blocked_writes(&self) -> i64 {
        sqlx::query_scalar(
            "select count(*) from pg_stat_activity
             where datname = current_database() and wait_event_type = 'Lock' and query like '%eqp.callback%'",
        )
        .fetch_one(&self.database.pool)
        .await
        .unwrap()
    }

    /// Shuts the receiver down and leaves the database.
    pub(crate) async fn stop_and_keep(self) -> TestDatabase {
        self.running.stop().await;
        self.database
    }

    /// Shuts down and waits for the end.
    pub(crate) async fn stop(self) {
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

/// A new endpoint of an account.
pub(crate) async fn endpoint(endpoints: &Endpoints, name: &str, path: Option<&str>) -> EndpointId {
    let mage_id = MageId::new("MAG123456789").unwrap();
    let account = endpoints.ensure_account(Environment::Sandbox, &mage_id).await.unwrap();
    let public_url = format!("https://callbacks.example.com/callbacks/{name}").parse().unwrap();
    let new = NewEndpoint { account, name: name.to_owned(), path: path.map(str::to_owned), public_url };
    endpoints.create(&new).await.unwrap()
}

/// Looks again and again until something is so.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let looked = timeout(Duration::from_secs(30), async {
        while !is_so().await {
            sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(looked.await.is_ok(), "in vain waited until {what}");
}
