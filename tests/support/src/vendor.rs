//! A vendor under test: a simulated Marketplace in the test's own process, a database, and a home whose tool uses both.

use eqp_client::Client;
use eqp_client::callbacks::{AllowedLosses, DesiredState, NoPasswords, Registration};
use eqp_simulator::{Script, SendResult, Sent, Simulator, SimulatorBuilder, Timing};
use eqp_store::{Endpoints, MasterKey, Reader};
use eqp_types::{ApiKey, Environment, MageId, Secret};
use url::Url;

use crate::TestDatabase;
use crate::tool::{Home, Running};

/// The application secret of the one account.
pub const APPLICATION_SECRET: &str = "hush-application-secret-7f3a";

/// A simulator, a database, and a home that is configured for both.
pub struct TestVendor {
    pub simulator: Simulator,
    pub database: TestDatabase,
    pub home: Home,
}

impl TestVendor {
    pub async fn start(program: &str) -> Self {
        Self::at_speed(program, 1.0).await
    }

    /// Starts a vendor with a simulator whose scans take no time.
    pub async fn scanning_at_once(program: &str) -> Self {
        let mut timing = Timing::default();
        timing.scan = std::time::Duration::ZERO;
        Self::of(program, Simulator::builder().script(Script::new().timing(timing))).await
    }

    /// Starts a vendor with a simulator that runs faster than real time.
    pub async fn at_speed(program: &str, speed: f64) -> Self {
        Self::of(program, Simulator::builder().speed(speed)).await
    }

    /// Starts a vendor with this simulator.
    pub async fn of(program: &str, builder: SimulatorBuilder) -> Self {
        let mage_id = MageId::new("MAG123456789").unwrap();
        let key = ApiKey { application_id: "app".to_owned(), application_secret: Secret::new(APPLICATION_SECRET) };
        // The certificate also covers the Marketplace's own host name, for clients that use a proxy.
        let itself = Url::parse(Environment::Production.base_url()).unwrap();
        let simulator = builder.name(itself.host_str().unwrap()).account(mage_id, key).start().await.unwrap();
        let database = TestDatabase::create().await;
        let mut home = Home::new(program);
        home.set("EQP_DATABASE_URL", database.url());
        use_marketplace(&mut home, &simulator);
        Self { simulator, database, home }
    }

    /// Registers a callback without the tool, as another program would.
    pub async fn register_theirs(&self, url: &str, username: &str, password: &str) {
        register(&self.simulator, url, username, password).await;
    }

    /// Starts a receiver that the simulator trusts, and returns it with its base URL.
    pub fn serve(&self) -> (Running, String) {
        // Several receivers can share one home, but each needs its own spool.
        let spool = tempfile::Builder::new().prefix("spool-").tempdir_in(self.home.path()).unwrap().keep();
        let spool = spool.to_str().unwrap();
        let mut serve = self.home.start(&["serve", "--listen", "127.0.0.1:0", "--spool-dir", spool, "--json"]);
        let url = serve.json_line()["listening"].as_str().unwrap().to_owned();
        let ca = tokio::task::block_in_place(|| self.home.run(&["ca"])).stdout;
        self.simulator.trust_pem(&ca).unwrap();
        (serve, url)
    }

    /// Sends a body to every registration, and returns the sorted statuses of the responses; 0 means no response.
    pub async fn send(&self, event: &str, body: String) -> Vec<u16> {
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

    /// Returns user name and password of the only endpoint's credential in this state.
    pub async fn credential(&self, state: &str) -> (String, String) {
        let key = MasterKey::open(&self.home.path().join("data/master.key")).unwrap();
        let endpoints = Endpoints::open(self.database.pool.clone(), key).await.unwrap();
        let endpoint = endpoints.list().await.unwrap().remove(0);
        let one = endpoint.credentials.iter().find(|one| one.state.as_str() == state).unwrap();
        let password = endpoints.password(&endpoint.public_url, &one.username).await.unwrap().unwrap();
        (one.username.clone(), password.expose().to_owned())
    }

    pub fn reader(&self) -> Reader {
        Reader::new(self.database.pool.clone())
    }

    /// Waits until nothing is pending.
    pub async fn is_projected(&self) {
        let looks = async {
            while self.reader().counts(None).await.unwrap().pending > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(30), looks).await.expect("it is projected in time");
    }
}

/// Configures a home for the first account of a simulator.
pub fn use_marketplace(home: &mut Home, simulator: &Simulator) {
    home.set("EQP_ENVIRONMENT", simulator.environment().as_str());
    home.set("EQP_API_URL", simulator.base_url());
    home.set("EQP_CA_FILE", home.write("ca.pem", simulator.ca_pem()).display().to_string());
    home.set("EQP_APPLICATION_ID", simulator.api_key().application_id.as_str());
    home.set("EQP_APPLICATION_SECRET", simulator.api_key().application_secret.expose());
}

/// Registers a callback without the tool.
pub async fn register(simulator: &Simulator, url: &str, username: &str, password: &str) {
    let client = Client::builder(simulator.environment(), simulator.api_key().clone())
        .api_url(simulator.base_url().parse().unwrap())
        .trusted_ca_pem(simulator.ca_pem())
        .build()
        .unwrap();
    let theirs = Registration::new(url, username, Secret::new(password)).unwrap();
    client.callbacks().change(&DesiredState::Register(theirs), &NoPasswords, &AllowedLosses::none()).await.unwrap();
}

/// Returns a callback about a file in the older published format.
pub fn scan(file: &str) -> String {
    format!(
        r#"{{"callback_event": "malware_scan_complete", "update_info": {{"file_upload_id": "{file}", "tool_result": "passed"}}}}"#
    )
}
