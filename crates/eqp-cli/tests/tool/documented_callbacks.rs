//! The page "API callbacks" of the API's documentation, example by example, through real parts: curl, the simulator, and
//! a receiver that runs under the documented URL.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use eqp_simulator::{SendResult, Simulator};
use eqp_store::{Endpoints, MasterKey, NewEndpoint};
use eqp_test_support::TestDatabase;
use eqp_types::{ApiKey, Environment, MageId, Secret};
use serde_json::{Value, json};

use eqp_test_support::tool::{Home, Running};
use eqp_test_support::vendor::register;

const MAGE_ID: &str = "MAG123456789";
const API: &str = "developer-stg-api.magento.com";
const VENDOR: &str = "developer.example.com";
const REGISTRATION: &str = r#"{"api_callbacks": [{"name": "My 1st EQP Callback","url": "https://developer.example.com/rest/v1/callback","username": "key","password": "secret"}]}"#;
const AUTHORIZATION: &str = "Authorization: Basic a2V5OnNlY3JldA==";
const SCAN: &str = r#"{
    "callback_event": "malware_scan_complete",
    "update_info": {
        "file_upload_id": "2309480238.238475.0",
        "tool_result": "passed"
    }
}"#;
const STATUS: &str = r#"{
    "callback_event": "eqp_status_update",
    "update_info": {
        "submission_id": "s5w9k703ru",
        "item_id": "user_upload_version_1",
        "eqp_flow": "marketing",
        "current_status": "approved"
    }
}"#;

/// A curl that connects to the test's server for every host. Certificates are still verified.
struct Curl {
    route: String,
    ca_file: String,
}

impl Curl {
    /// Returns `None` and prints a note if curl is not installed.
    fn new(host: &str, address: SocketAddr, ca_file: String) -> Option<Self> {
        if Command::new("curl").arg("--version").output().is_err() {
            println!("did not run: there is no curl");
            return None;
        }
        Some(Self { route: format!("{host}:443:{address}"), ca_file })
    }

    /// Returns status and body of the response.
    fn run(&self, arguments: &[&str]) -> (u16, Value) {
        let mut command = Command::new("curl");
        command.args(["--disable", "--silent", "--show-error", "--max-time", "30", "--noproxy", "*"]);
        command.args(["--connect-to", &self.route, "--cacert", &self.ca_file, "--write-out", "\n%{http_code}"]);
        let output = tokio::task::block_in_place(|| command.args(arguments).output().unwrap());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}")))
    }
}

async fn sandbox() -> Simulator {
    let key = ApiKey { application_id: "application".into(), application_secret: Secret::new("access") };
    let simulator = Simulator::builder().environment(Environment::Sandbox).name(API);
    simulator.account(MageId::new(MAGE_ID).unwrap(), key).start().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_registration_is_answered_with_the_list_without_the_password() {
    let simulator = sandbox().await;
    let home = Home::new(crate::EQP);
    let ca_file = home.write("ca.pem", simulator.ca_pem()).display().to_string();
    let Some(curl) = Curl::new(API, simulator.address(), ca_file) else { return };
    let grant = r#"{"grant_type": "session", "expires_in": 7200}"#;
    let url = format!("https://{API}/rest/v1/app/session/token");
    let (status, session) =
        curl.run(&["-u", "application:access", "-H", "Content-Type: application/json", "-d", grant, &url]);
    assert_eq!((status, &session["mage_id"]), (200, &json!(MAGE_ID)));

    let bearer = format!("Authorization: Bearer {}", session["ust"].as_str().unwrap());
    let url = format!("https://{API}/rest/v1/users/{MAGE_ID}");
    let documented = ["-X", "PUT", "-H", &bearer, "-H", "Content-Type: application/json", "-d", REGISTRATION, &url];
    let listed = json!([{
        "name": "My 1st EQP Callback", "url": "https://developer.example.com/rest/v1/callback", "username": "key"
    }]);
    let (status, profile) = curl.run(&documented);
    assert_eq!((status, &profile["api_callbacks"]), (200, &listed));
    assert_eq!(profile["mage_id"], json!(MAGE_ID), "the rest of the profile is around it");
    let (_, read_back) = curl.run(&["-H", &bearer, &url]);
    assert_eq!(read_back["api_callbacks"], listed);
}

/// `eqp serve` under the documented URL, with the documented credential imported.
struct Vendor {
    database: TestDatabase,
    home: Home,
    address: SocketAddr,
    ca_file: String,
    _serve: Running,
}

impl Vendor {
    async fn start() -> Self {
        let database = TestDatabase::create().await;
        let mut home = Home::new(crate::EQP);
        home.set("EQP_DATABASE_URL", database.url());
        let mut serve = home.start(&["serve", "--listen", "127.0.0.1:0", "--tls-names", VENDOR, "--json"]);
        let said = serve.json_line();
        let address = said["listening"].as_str().unwrap().strip_prefix("https://").unwrap().parse().unwrap();
        let ca_file = said["local_ca"].as_str().unwrap().to_owned();

        let key = MasterKey::open(&home.path().join("data/master.key")).unwrap();
        let endpoints = Endpoints::open(database.pool.clone(), key).await.unwrap();
        let mage_id = MageId::new(MAGE_ID).unwrap();
        let account = endpoints.ensure_account(Environment::Sandbox, &mage_id).await.unwrap();
        let public_url = format!("https://{VENDOR}/rest/v1/callback").parse().unwrap();
        let new = NewEndpoint::new(account, "first", public_url).path("/rest/v1/callback");
        let endpoint = endpoints.create(&new).await.unwrap();
        let credential = endpoints.import_credential(endpoint, "key", &Secret::new("secret")).await.unwrap();
        endpoints.activate(credential).await.unwrap();
        Self { database, home, address, ca_file, _serve: serve }
    }

    /// Returns every stored body, in order of arrival.
    async fn kept(&self) -> Vec<Vec<u8>> {
        sqlx::query_scalar("select body from eqp.callback order by id").fetch_all(&self.database.pool).await.unwrap()
    }

    /// Returns the output of `eqp events tail` for two events.
    fn reported(&self) -> Value {
        let mut tail = self.home.start(&["events", "tail", "--after", "0", "--json"]);
        let columns =
            ["kind", "resource_id", "item_id", "flow", "status", "explicit", "applied", "mage_id", "environment"];
        let events = [tail.json_line(), tail.json_line()];
        json!(events.map(|event| columns.map(|name| event[name].clone())))
    }
}

/// Checks the events of the two callbacks.
fn meaning() -> Value {
    json!([
        ["file", "2309480238.238475.0", null, "malware", "passed", true, true, MAGE_ID, "sandbox"],
        ["submission", "s5w9k703ru", "user_upload_version_1", "marketing", "approved", true, true, MAGE_ID, "sandbox"],
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn both_callbacks_with_the_documented_header_are_kept_and_understood() {
    let vendor = Vendor::start().await;
    let Some(curl) = Curl::new(VENDOR, vendor.address, vendor.ca_file.clone()) else { return };
    let url = format!("https://{VENDOR}/rest/v1/callback");
    for body in [SCAN, STATUS] {
        let json = "Content-Type: application/json";
        let (status, answer) = curl.run(&["-H", AUTHORIZATION, "-H", json, "--data-binary", body, &url]);
        assert_eq!(status, 200, "{answer}");
        assert!(answer["id"].is_string(), "{answer}");
    }
    assert_eq!(vendor.kept().await, [SCAN.as_bytes(), STATUS.as_bytes()]);
    assert_eq!(vendor.reported(), meaning());
}

#[tokio::test(flavor = "multi_thread")]
async fn both_callbacks_from_the_simulator_are_kept_and_understood() {
    let vendor = Vendor::start().await;
    let simulator = sandbox().await;
    simulator.trust_pem(&std::fs::read_to_string(&vendor.ca_file).unwrap()).unwrap();
    register(&simulator, &format!("https://{}/rest/v1/callback", vendor.address), "key", "secret").await;
    let mut sent = simulator.subscribe_sent();
    for (event, body) in [("malware_scan_complete", SCAN), ("eqp_status_update", STATUS)] {
        assert_eq!(simulator.send_callback(event, body), 1);
        let sent = tokio::time::timeout(Duration::from_secs(30), sent.recv()).await.unwrap().unwrap();
        assert_eq!(sent.result, SendResult::Answered(200), "{sent:?}");
    }
    assert_eq!(vendor.kept().await, [SCAN.as_bytes(), STATUS.as_bytes()]);
    assert_eq!(vendor.reported(), meaning());
}
