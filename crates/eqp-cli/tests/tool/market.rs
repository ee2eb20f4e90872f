//! A Marketplace in the test's own process, and a home whose tool uses it.

use eqp_client::Client;
use eqp_client::callbacks::{Allowance, NoPasswords, Registration, Wish};
use eqp_receiver::{Endpoints, MasterKey, Reader};
use eqp_simulator::{Pace, Script, SendResult, Sent, Simulator, SimulatorBuilder};
use eqp_test_support::TestDatabase;
use eqp_types::{ApiKey, Environment, MageId, Secret};
use url::Url;

use crate::eqp::{Home, Running};

/// The application secret of the one account.
pub(crate) const APPLICATION_SECRET: &str = "hush-application-secret-7f3a";

/// A simulator, a database, and a home that knows both.
pub(crate) struct Market {
    pub(crate) simulator: Simulator,
    pub(crate) database: TestDatabase,
    pub(crate) home: Home,
}

impl Market {
    pub(crate) async fn open() -> Self {
        Self::open_at_speed(1.0).await
    }

    /// With a Marketplace whose scans take no time.
    pub(crate) async fn open_scanning_at_once() -> Self {
        let mut pace = Pace::default();
        pace.scan = std::time::Duration::ZERO;
        Self::of(Simulator::builder().script(Script::new().pace(pace))).await
    }

    /// With a Marketplace whose time runs faster than reality.
    pub(crate) async fn open_at_speed(speed: f64) -> Self {
        Self::of(Simulator::builder().speed(speed)).await
    }

    /// With this Marketplace.
    pub(crate) async fn of(builder: SimulatorBuilder) -> Self {
        let mage_id = MageId::new("MAG123456789").unwrap();
        let key = ApiKey { application_id: "app".to_owned(), application_secret: Secret::new(APPLICATION_SECRET) };
        // As itself too, for those who come through a proxy.
        let itself = Url::parse(Environment::Production.base_url()).unwrap();
        let simulator = builder.name(itself.host_str().unwrap()).account(mage_id, key).start().await.unwrap();
        let database = TestDatabase::create().await;
        let mut home = Home::new();
        home.set("EQP_DATABASE_URL", database.url());
        home.set("EQP_ENVIRONMENT", simulator.environment().as_str());
        home.set("EQP_API_URL", simulator.base_url());
        home.set("EQP_CA_FILE", home.write("ca.pem", simulator.ca_pem()).display().to_string());
        home.set("EQP_APPLICATION_ID", simulator.api_key().application_id.as_str());
        home.set("EQP_APPLICATION_SECRET", simulator.api_key().application_secret.expose());
        Self { simulator, database, home }
    }

    /// Somebody else registers a callback.
    pub(crate) async fn register_theirs(&self, url: &str, username: &str, password: &str) {
        register(&self.simulator, url, username, password).await;
    }

    /// Starts a receiver that the simulator trusts; answers it with its base URL.
    pub(crate) fn serve(&self) -> (Running, String) {
        // Several share one home, and each has a spool of its own.
        let spool = tempfile::Builder::new().prefix("spool-").tempdir_in(self.home.path()).unwrap().keep();
        let spool = spool.to_str().unwrap();
        let mut serve = self.home.start(&["serve", "--listen", "127.0.0.1:0", "--spool-dir", spool, "--json"]);
        let url = serve.json_line()["listening"].as_str().unwrap().to_owned();
        let ca = tokio::task::block_in_place(|| self.home.run(&["ca"])).stdout;
        self.simulator.trust_pem(&ca).unwrap();
        (serve, url)
    }

    /// Sends a body to every registration; answers the statuses of the answers, in rising order, 0 for none.
    pub(crate) async fn send(&self, event: &str, body: String) -> Vec<u16> {
        let mut sent = self.simulator.subscribe_sent();
        let targets = self.simulator.send_callback(event, body);
        let mut statuses = Vec::new();
        for _ in 0..targets {
            let Sent { result, .. } = sent.recv().await.unwrap();
            statuses.push(if let SendResult::Answered(status) = result { status } else { 0 });
        }
        statuses.sort_unstable();
        statuses
    }

    /// User name and password of the credential of the one endpoint that is in this state.
    pub(crate) async fn credential(&self, state: &str) -> (String, String) {
        let key = MasterKey::open(&self.home.path().join("data/master.key")).unwrap();
        let endpoints = Endpoints::open(self.database.pool.clone(), key).await.unwrap();
        let endpoint = endpoints.list().await.unwrap().remove(0);
        let one = endpoint.credentials.iter().find(|one| one.state.as_str() == state).unwrap();
        let password = endpoints.password(&endpoint.public_url, &one.username).await.unwrap().unwrap();
        (one.username.clone(), password.expose().to_owned())
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader::new(self.database.pool.clone())
    }

    /// Waits until nothing is pending.
    pub(crate) async fn is_projected(&self) {
        let looks = async {
            while self.reader().counts(None).await.unwrap().pending > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(30), looks).await.expect("it is projected in time");
    }
}

/// Registers a callback, not by the tool.
pub(crate) async fn register(simulator: &Simulator, url: &str, username: &str, password: &str) {
    let client = Client::builder(simulator.environment(), simulator.api_key().clone())
        .api_url(simulator.base_url().parse().unwrap())
        .trusted_ca_pem(simulator.ca_pem())
        .build()
        .unwrap();
    let theirs = Registration::new(url, username, Secret::new(password)).unwrap();
    client.callbacks().change(&Wish::Register(theirs), &NoPasswords, &Allowance::none()).await.unwrap();
}

/// The first form of a file's callback.
pub(crate) fn scan(file: &str) -> String {
    format!(
        r#"{{"callback_event": "malware_scan_complete", "update_info": {{"file_upload_id": "{file}", "tool_result": "passed"}}}}"#
    )
}
