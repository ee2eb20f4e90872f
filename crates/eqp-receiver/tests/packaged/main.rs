//! Tests the published form of the crates: packaged as for a registry, unpacked, and built into programs outside the
//! workspace, which run with separate databases. `examples/embedding-service` embeds a receiver and registers its
//! callback; `examples/event-worker` reads events and shares only the database with a receiver.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod build;
mod process;
mod tls_proxy;

use std::fs;
use std::path::Path;
use std::time::Duration;

use eqp_client::Client;
use eqp_simulator::{SendResult, Simulator};
use eqp_store::{Endpoints, MasterKey, NewEndpoint};
use eqp_test_support::TestDatabase;
use eqp_types::{Environment, MageId, Secret};
use serde_json::Value;
use sqlx::PgPool;
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use self::build::{DOCUMENTED_ADDRESS, Programs, crates_of, folder, front_page};
use self::process::{Running, Service};
use self::tls_proxy::TlsProxy;

const PATIENCE: Duration = Duration::from_mins(1);
/// The documented format that is sent today, at the release.
const RELEASE: &str = r#"{"callback_event": "eqp_status_update",
 "update_info": {"submission_id": "s5w9k703ru", "item_id": "user_upload_version_1",
                 "eqp_flow": "marketing", "current_status": "approved",
                 "eqp_status": {"overall": "released_to_store", "technical": "approved", "marketing": "approved"},
                 "modified_at": "2022-08-25 19:20:21"}}"#;

/// One test, because the programs are built together.
#[tokio::test]
async fn programs_outside_the_workspace_are_built_from_packages() {
    let Programs { worker, service, front_page } = Programs::build().await;
    a_service_embeds_the_receiver_beside_its_own_migrations(&service).await;
    a_service_registers_itself_and_a_worker_reads_what_the_marketplace_reports(&service, &worker).await;
    the_front_page_alone_leads_to_an_embedded_receiver(&front_page).await;
}

/// The program and the command are those that the page shows.
async fn the_front_page_alone_leads_to_an_embedded_receiver(program: &Path) {
    let database = TestDatabase::create().await;
    let folder = tempfile::tempdir().unwrap();
    for _first_and_second_start in 0..2 {
        let environment = [("CALLBACK_PASSWORD", "a long password")];
        let mut service = Running::start_in(folder.path(), program, &database, &environment);
        let address = service.line().await.strip_prefix("listening on ").unwrap().to_owned();
        let home = reqwest::get(format!("http://{address}/")).await.unwrap();
        assert_eq!(home.text().await.unwrap(), "a shop", "its own routes answer");
        let before: Vec<(String,)> = all(&database.pool, "select id::text from eqp.callback").await;
        let id = match send_as_documented(&address).await {
            Some(answer) => answer["id"].as_str().unwrap().to_owned(),
            None => return,
        };
        let after: Vec<(String,)> = all(&database.pool, "select id::text from eqp.callback order by id").await;
        assert_eq!(after.len(), before.len() + 1);
        assert!(after.contains(&(id.clone(),)), "{id} is not stored: {after:?}");
        service.interrupt().await;
    }
}

/// Runs the page's command; returns the answer, or none if there is no curl.
async fn send_as_documented(address: &str) -> Option<Value> {
    let command = front_page().block("sh").replace(DOCUMENTED_ADDRESS, address);
    let mut shell = Command::new("sh");
    shell.args(["-c", &command]).env("CALLBACK_PASSWORD", "a long password").env("no_proxy", "*");
    if Command::new("curl").arg("--version").output().await.is_err() {
        println!("not run: there is no curl");
        return None;
    }
    let output = shell.output().await.unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

async fn a_service_embeds_the_receiver_beside_its_own_migrations(program: &Path) {
    let database = TestDatabase::create().await;
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("eqp.key");
    let service = Service::start(program, &database, &key, &[]).await;

    let home = reqwest::get(format!("http://{}/", service.address)).await.unwrap();
    assert_eq!(home.text().await.unwrap(), "a shop", "its own routes answer");
    give_credential(&database.pool, MasterKey::open(&key).unwrap()).await;
    let url = format!("http://{}/callbacks/main", service.address);
    let post = reqwest::Client::new().post(url).basic_auth("key", Some("secret")).body(RELEASE).send();
    let response = post.await.unwrap();
    assert_eq!(response.status(), 200);
    let answer: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();

    let rows: Vec<(String, Vec<u8>)> = all(&database.pool, "select id::text, body from eqp.callback").await;
    assert_eq!(rows, [(answer["id"].as_str().unwrap().to_owned(), RELEASE.as_bytes().to_vec())]);
    let announced = timeout(PATIENCE, async {
        loop {
            let rows: Vec<(i64, String)> = all(&database.pool, "select seq, text from announcement").await;
            if !rows.is_empty() {
                return rows;
            }
            sleep(Duration::from_millis(10)).await;
        }
    });
    let announced = announced.await.expect("the service's own handler writes into its own table");
    let released = "select seq, resource_id || ' is in the store' from eqp.event where status = 'released_to_store'";
    assert_eq!(announced, all(&database.pool, released).await);

    let theirs: Vec<(i64, String)> =
        all(&database.pool, "select version, description from public._sqlx_migrations").await;
    assert_eq!(theirs, [(1, "announcements".to_owned())]);
    let ours: Vec<(i64,)> = all(&database.pool, "select version from eqp._sqlx_migrations order by version").await;
    let known = eqp_store::internal::schema::migrations(&database.pool).await.unwrap();
    assert_eq!(ours, known.iter().map(|migration| (migration.version,)).collect::<Vec<_>>());
    service.stop().await;

    // After a restart, neither confuses the migrations of the other with its own.
    Service::start(program, &database, &key, &[]).await.stop().await;
}

async fn a_service_registers_itself_and_a_worker_reads_what_the_marketplace_reports(service: &Path, worker: &Path) {
    let simulator = Simulator::builder().speed(1_000_000.0).start().await.unwrap();
    let database = TestDatabase::create().await;
    let files = tempfile::tempdir().unwrap();
    let (key, ca) = (files.path().join("eqp.key"), files.path().join("ca.pem"));
    fs::write(&ca, simulator.ca_pem()).unwrap();
    let proxy = TlsProxy::bind().await;
    simulator.trust_pem(proxy.ca_pem()).unwrap();
    let url = proxy.url("/callbacks/main");
    let environment = [
        ("CALLBACK_URL", url.as_str()),
        ("EQP_ENVIRONMENT", simulator.environment().as_str()),
        ("EQP_API_URL", simulator.base_url()),
        ("EQP_CA_FILE", ca.to_str().unwrap()),
        ("EQP_APPLICATION_ID", simulator.api_key().application_id.as_str()),
        ("EQP_APPLICATION_SECRET", simulator.api_key().application_secret.expose()),
    ];
    let running = Service::start(service, &database, &key, &environment).await;
    let client = client(&simulator);
    let registered = client.callbacks().list().await.unwrap();
    let urls: Vec<_> = registered.iter().map(|entry| entry.known().unwrap().url.clone()).collect();
    assert_eq!(urls, [url.as_str()]);

    let forwarding = proxy.forward_to(running.address.clone());
    let mut events = Running::start(worker, &database, &[("AFTER", "0")]);
    let archive = files.path().join("checkout-1.2.0.zip");
    fs::write(&archive, "not empty").unwrap();
    let uploaded = client.files().upload(&[&archive]).await.unwrap().remove(0);
    let event: Value = serde_json::from_str(&events.line().await).unwrap();
    assert_eq!(event["kind"], "file");
    assert_eq!(event["resource_id"], uploaded.file_upload_id.as_str());
    assert_eq!(event["mage_id"], simulator.mage_id().as_str());
    let stored: Vec<(i64, String, String)> =
        all(&database.pool, "select seq, resource_id, status from eqp.event").await;
    let text = |name: &str| event[name].as_str().unwrap().to_owned();
    assert_eq!(stored, [(event["seq"].as_i64().unwrap(), text("resource_id"), text("status"))]);
    let sent = simulator.wait_until(PATIENCE, |seen| !seen.sent.is_empty()).await.unwrap().sent;
    assert!(sent.iter().all(|one| one.url == url && matches!(one.result, SendResult::Answered(200))), "{sent:?}");

    // The registration is as it should be: the next start changes nothing.
    running.stop().await;
    Service::start(service, &database, &key, &environment).await.stop().await;
    assert_eq!(client.callbacks().list().await.unwrap(), registered);
    forwarding.abort();
    simulator.shutdown().await;
}

#[test]
fn the_example_needs_no_more_than_ten_lines() {
    let source = fs::read_to_string(folder("embedding-service").join("src/main.rs")).unwrap();
    let begun = source.lines().skip_while(|line| line.trim() != "// The receiver starts here …").skip(1);
    let count = begun.take_while(|line| line.trim() != "// … and ends here.").count();
    assert!((1..=10).contains(&count), "{count}");
}

/// Of the service's crates, axum, sqlx for Postgres and reqwest with rustls need 153 even with the fewest features.
#[tokio::test]
async fn the_examples_need_no_more_crates_than_today() {
    for (example, most) in [("embedding-service", 201), ("event-worker", 159)] {
        let count = crates_of(example).await;
        assert!(count <= most, "{example}: {count}");
    }
}

fn client(simulator: &Simulator) -> Client {
    let builder = Client::builder(simulator.environment(), simulator.api_key().clone());
    let builder = builder.api_url(simulator.base_url().parse().unwrap());
    builder.trusted_ca_pem(simulator.ca_pem()).build().unwrap()
}

/// Creates an endpoint with the credential `key` and `secret` while the service is running.
async fn give_credential(pool: &PgPool, key: MasterKey) {
    let endpoints = Endpoints::open(pool.clone(), key).await.unwrap();
    let account =
        endpoints.ensure_account(Environment::Production, &MageId::new("MAG123456789").unwrap()).await.unwrap();
    let public_url = "https://shop.example.com/callbacks/main".parse().unwrap();
    let new = NewEndpoint::new(account, "main", public_url);
    let endpoint = endpoints.create(&new).await.unwrap();
    endpoints.import_credential(endpoint, "key", &Secret::new("secret")).await.unwrap();
}

async fn all<R>(pool: &PgPool, query: &'static str) -> Vec<R>
where
    R: Send + Unpin + for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow>,
{
    sqlx::query_as(query).fetch_all(pool).await.unwrap()
}
