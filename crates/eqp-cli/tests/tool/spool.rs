//! Tests outages and crashes from an operator's point of view: `serve` continues without its database, and `eqp spool`
//! shows the spooled callbacks.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use eqp_store::{Endpoints, MasterKey, NewEndpoint, Reader};
use eqp_test_support::{OwnPostgres, TestDatabase};
use eqp_types::{Environment, MageId, Secret};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use uuid::Uuid;

use eqp_test_support::tool::{Home, Running};
use eqp_test_support::vendor::scan;

/// A home whose receiver has run once with a separate Postgres and has loaded one endpoint.
struct Outpost {
    home: Home,
    database: TestDatabase,
    postgres: OwnPostgres,
    client: reqwest::Client,
}

impl Outpost {
    async fn new() -> Self {
        let postgres = OwnPostgres::start().await;
        let database = postgres.database().await;
        let mut home = Home::new(crate::EQP);
        home.set("EQP_DATABASE_URL", database.url());
        assert_eq!(home.run_aside(&["migrate"]).code, 0);
        let ca = home.run_aside(&["ca"]).stdout;
        let key = MasterKey::open(&home.path().join("data/master.key")).unwrap();
        let endpoints = Endpoints::open(database.pool.clone(), key).await.unwrap();
        let account = endpoints.ensure_account(Environment::Sandbox, &MageId::new("MAG1").unwrap()).await.unwrap();
        let public_url = "https://callbacks.example.com/callbacks/main".parse().unwrap();
        let new = NewEndpoint::new(account, "main", public_url);
        let endpoint = endpoints.create(&new).await.unwrap();
        endpoints.import_credential(endpoint, "key", &Secret::new("hush-4711")).await.unwrap();
        let trusted = reqwest::Certificate::from_pem(ca.as_bytes()).unwrap();
        let client =
            reqwest::Client::builder().tls_certs_only([trusted]).timeout(Duration::from_secs(25)).build().unwrap();
        let outpost = Self { home, database, postgres, client };
        // It has run before, and has stored the endpoint.
        let (serve, _) = outpost.serve();
        outpost.until_spool("keeps the endpoint", |spool| spool["endpoints"]["count"] == 1).await;
        serve.terminate();
        assert_eq!(tokio::task::block_in_place(|| serve.end()).code, 0);
        outpost
    }

    fn serve(&self) -> (Running, String) {
        let mut serve = self.home.start(&["serve", "--listen", "127.0.0.1:0", "--json"]);
        let said = tokio::task::block_in_place(|| serve.json_line());
        assert_eq!(said["endpoints"], serde_json::json!(["/callbacks/main"]));
        (serve, format!("{}/callbacks/main", said["listening"].as_str().unwrap()))
    }

    /// Returns `None` without a response.
    async fn send(client: &reqwest::Client, url: &str, body: String) -> Option<(u16, Uuid)> {
        let request = client.post(url).basic_auth("key", Some("hush-4711")).body(body);
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        let answer: Value = answer.json().await.ok()?;
        Some((status, answer["id"].as_str().unwrap_or_else(|| panic!("{status} {answer}")).parse().unwrap()))
    }

    /// Sends until it is stopped, and returns every ID that it received.
    fn send_on(&self, url: &str, is_over: &Arc<AtomicBool>) -> JoinHandle<Vec<Uuid>> {
        let (client, url, is_over) = (self.client.clone(), url.to_owned(), Arc::clone(is_over));
        tokio::spawn(async move {
            let mut answered = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                if let Some((status, id)) = Self::send(&client, &url, scan("a")).await {
                    assert_eq!(status, 200);
                    answered.push(id);
                }
            }
            answered
        })
    }

    fn spool(&self) -> Value {
        tokio::task::block_in_place(|| self.home.json(&["spool", "show", "--json"]))
    }

    async fn until_spool(&self, what: &str, is_so: impl Fn(&Value) -> bool) {
        for _ in 0..600 {
            if is_so(&self.spool()) {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("in vain waited until the spool {what}");
    }

    async fn stored(&self) -> Vec<Uuid> {
        sqlx::query_scalar("select id from eqp.callback order by id").fetch_all(&self.database.pool).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_shown_and_exported_beside_a_running_receiver_and_drained_when_it_has_ended() {
    let mut outpost = Outpost::new().await;
    let (serve, url) = outpost.serve();
    outpost.postgres.stop().await;
    let mut answered = Vec::new();
    for body in [scan("a"), "no json".to_owned(), scan("b")] {
        answered.push(Outpost::send(&outpost.client, &url, body).await.unwrap());
    }
    assert_eq!(answered.iter().map(|(status, _)| *status).collect::<Vec<_>>(), [200, 400, 200]);
    let ids: Vec<Uuid> = answered.iter().map(|(_, id)| *id).collect();

    let shown = outpost.spool();
    assert_eq!((&shown["callbacks"], &shown["quarantined"]), (&3.into(), &0.into()), "{shown}");
    assert!(shown["in_use_by"]["process"].is_u64() && shown["oldest"].is_string() && shown["database"].is_string());
    let seen = outpost.home.run_aside(&["spool", "show"]).stdout;
    assert!(seen.contains("callbacks   3, oldest received 20") && seen.contains("in use      by process"), "{seen}");
    let exported = outpost.home.run_aside(&["spool", "export"]);
    let lines: Vec<Value> = exported.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let exported_ids: Vec<&str> = lines.iter().map(|line| line["id"].as_str().unwrap()).collect();
    assert_eq!(exported_ids, ids.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(STANDARD.decode(lines[1]["body_base64"].as_str().unwrap()).unwrap(), b"no json");
    assert_eq!(lines[0]["state"], "waiting");

    // The receiver has the spool open, so no other program may change it.
    let drained = outpost.home.run_aside(&["spool", "drain"]);
    assert_eq!(drained.code, 1, "{drained:?}");
    assert!(drained.stderr.contains("in use by process"), "{}", drained.stderr);
    serve.terminate();
    let ended = tokio::task::block_in_place(|| serve.end());
    assert_eq!(ended.code, 0, "{ended:?}");
    let file = outpost.home.path().join("spooled.ndjson");
    let to_file = ["spool", "export", "--output", file.to_str().unwrap()];
    assert_eq!(outpost.home.run_aside(&to_file).code, 0);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), exported.stdout);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(outpost.home.run_aside(&to_file).code, 2, "never over a file that is there");
    assert_eq!(outpost.home.run_aside(&["spool", "drain"]).code, 7, "the database is still away");

    outpost.postgres.start_again().await;
    let drained: Value = tokio::task::block_in_place(|| outpost.home.json(&["spool", "drain", "--json"]));
    assert_eq!(drained, serde_json::json!({"stored": 3, "refused": 0, "callbacks": 0, "quarantined": 0}));
    assert_eq!(outpost.stored().await, ids);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_killed_again_and_again_in_an_outage_keeps_every_callback_it_answered() {
    let mut outpost = Outpost::new().await;
    outpost.postgres.kill();
    let mut answered = BTreeSet::new();
    for round in 0_u64..5 {
        let (serve, url) = outpost.serve();
        let is_over = Arc::new(AtomicBool::new(false));
        let senders: Vec<_> = (0..8).map(|_| outpost.send_on(&url, &is_over)).collect();
        sleep(Duration::from_millis(100 + 77 * round)).await;
        let ended = tokio::task::block_in_place(|| serve.kill());
        assert_eq!(ended.code, -1, "ended by a signal: {ended:?}");
        is_over.store(true, Ordering::Relaxed);
        for sender in senders {
            answered.extend(sender.await.unwrap());
        }
        let waiting = outpost.spool()["callbacks"].as_u64().unwrap();
        assert!(waiting >= answered.len() as u64, "{} answered, {waiting} kept", answered.len());
    }
    assert!(answered.len() > 20, "{}", answered.len());

    outpost.postgres.start_again().await;
    // Also while the spool is drained, when some callbacks are in both.
    for round in 0_u64..3 {
        let (serve, _) = outpost.serve();
        sleep(Duration::from_millis(20 * round)).await;
        tokio::task::block_in_place(|| serve.kill());
    }
    let (serve, url) = outpost.serve();
    outpost.until_spool("is empty", |spool| spool["callbacks"] == 0).await;
    answered.insert(Outpost::send(&outpost.client, &url, scan("last")).await.unwrap().1);
    let stored = outpost.stored().await;
    let missing: Vec<_> = answered.iter().filter(|id| !stored.contains(id)).collect();
    assert!(missing.is_empty(), "lost: {missing:?}");
    let reader = Reader::new(outpost.database.pool.clone());
    let at_rest = async {
        while reader.counts(None).await.unwrap().pending > 0 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), at_rest).await.expect("all are projected");
    let outcomes: Vec<Uuid> =
        sqlx::query_scalar("select callback_id from eqp.callback_disposition order by callback_id")
            .fetch_all(&outpost.database.pool)
            .await
            .unwrap();
    assert_eq!(outcomes, stored, "each has one outcome");
    serve.terminate();
    assert_eq!(tokio::task::block_in_place(|| serve.end()).code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_receiver_in_the_same_folder_and_a_damaged_spool_are_refused() {
    let outpost = Outpost::new().await;
    let (serve, _) = outpost.serve();
    let second = outpost.home.run_aside(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.code, 1, "{second:?}");
    assert!(second.stderr.contains("by process") && second.stderr.contains("--spool-dir"), "{}", second.stderr);
    assert_eq!(outpost.home.run_aside(&["spool", "set-aside"]).code, 1);
    serve.terminate();
    assert_eq!(tokio::task::block_in_place(|| serve.end()).code, 0);

    let file = outpost.home.path().join("data/spool/spool.redb");
    std::fs::write(&file, "not what it was").unwrap();
    for arguments in [&["serve", "--listen", "127.0.0.1:0"][..], &["spool", "show"], &["spool", "drain"]] {
        let ended = outpost.home.run_aside(arguments);
        assert_eq!(ended.code, 1, "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains("eqp spool set-aside"), "{}", ended.stderr);
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "not what it was");
    let aside = outpost.home.run_aside(&["spool", "set-aside"]);
    assert_eq!(aside.code, 0, "{aside:?}");
    assert_eq!(std::fs::read_to_string(aside.stdout.trim_end()).unwrap(), "not what it was");
    let (serve, _) = outpost.serve();
    serve.terminate();
    assert_eq!(tokio::task::block_in_place(|| serve.end()).code, 0);
}

#[test]
fn where_there_is_no_spool_it_says_so() {
    let home = Home::new(crate::EQP);
    for verb in ["show", "drain", "export", "set-aside"] {
        let ended = home.run(&["spool", verb]);
        assert_eq!(ended.code, 4, "{verb}: {ended:?}");
        assert!(ended.stderr.contains("there is no spool"), "{}", ended.stderr);
    }
    assert!(!home.path().join("data").exists(), "nothing is made by looking");
}

#[test]
fn where_it_is_can_be_said_in_the_configuration() {
    let home = Home::new(crate::EQP);
    home.configure("[receiver]\nspool_dir = \"elsewhere\"\nspool_bytes = 1000\n");
    let ended = home.run(&["spool", "show"]);
    assert!(ended.code == 4 && ended.stderr.contains(".config/eqp/elsewhere"), "{}", ended.stderr);
    let ended = home.run(&["spool", "show", "--spool-dir", "here"]);
    assert!(ended.code == 4 && ended.stderr.contains("no spool in here"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_receiver_can_run_without_a_spool() {
    let database = TestDatabase::create().await;
    let mut home = Home::new(crate::EQP);
    home.set("EQP_DATABASE_URL", database.url());
    let mut serve = home.start(&["serve", "--listen", "127.0.0.1:0", "--spool-bytes", "0", "--json"]);
    serve.json_line();
    assert!(!home.path().join("data/spool").exists());
    serve.terminate();
    assert_eq!(serve.end().code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_warns_about_a_receiver_that_is_degraded() {
    let mut outpost = Outpost::new().await;
    let (_serve, url) = outpost.serve();
    outpost.postgres.stop().await;
    assert_eq!(Outpost::send(&outpost.client, &url, scan("a")).await.unwrap().0, 200);
    let listen = url.trim_start_matches("https://").trim_end_matches("/callbacks/main");
    let text = outpost.home.run_aside(&["doctor", "--listen", listen]);
    assert_eq!(text.code, 1, "the database cannot be reached: {text:?}");
    let line = text.stdout.lines().find(|line| line.contains("receiver: https://")).unwrap();
    assert!(line.starts_with("warning receiver: ") && line.contains("is degraded: {"), "{line}");
    let json: Value =
        serde_json::from_str(&outpost.home.run_aside(&["doctor", "--json", "--listen", listen]).stdout).unwrap();
    let receiver = json["checks"].as_array().unwrap().iter().find(|check| check["name"] == "receiver").unwrap();
    assert_eq!(receiver["state"], "warning", "{receiver}");
}
