//! Tests that the embedded Postgres is restarted if it dies under `eqp serve`.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use eqp_postgres::EmbeddedPostgres;
use eqp_store::{Endpoints, MasterKey, NewEndpoint, Reader};
use eqp_types::{Environment, MageId, Secret};
use serde_json::{Value, json};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use eqp_test_support::tool::{Home, Running};
use eqp_test_support::vendor::scan;

/// The timeout of all waits, which is only reached if something hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// A receiver with an embedded Postgres and one endpoint, and a sender with valid credentials.
struct House {
    home: Home,
    serve: Running,
    url: String,
    client: reqwest::Client,
    /// Connects to the embedded database without counting as a user of the folder.
    pool: PgPool,
}

impl House {
    async fn open() -> Self {
        let home = Home::new(crate::EQP);
        let ca = home.run_aside(&["ca"]).stdout;
        let (serve, url) = serve(&home);
        let pool = PgPoolOptions::new().connect_lazy_with(options(&home).await);
        add_endpoint(&home, &pool).await;
        let trusted = reqwest::Certificate::from_pem(ca.as_bytes()).unwrap();
        let client =
            reqwest::Client::builder().tls_certs_only([trusted]).timeout(Duration::from_secs(25)).build().unwrap();
        let house = Self { home, serve, url, client, pool };
        house.until("the endpoint is known", async || house.send("known").await.is_ok()).await;
        house
    }

    /// Stops the receiver, breaks the configuration of its Postgres, and starts it again.
    fn restarted_with_a_broken_postgres(self) -> Self {
        let local = self.local_configuration();
        self.serve.terminate();
        let end = tokio::task::block_in_place(|| self.serve.end());
        assert_eq!(end.code, 0, "{end:?}");
        fs::write(local, "shared_buffers = 'plenty'\n").unwrap();
        let (serve, url) = serve(&self.home);
        Self { serve, url, ..self }
    }

    async fn send(&self, file: &str) -> Result<Uuid, u16> {
        send(&self.client, &format!("{}/callbacks/main", self.url), file).await.expect("an answer")
    }

    /// Sends until it is stopped, and returns every ID that it received.
    fn send_on(&self, is_over: &Arc<AtomicBool>) -> JoinHandle<Vec<Uuid>> {
        let (client, url) = (self.client.clone(), format!("{}/callbacks/main", self.url));
        let is_over = Arc::clone(is_over);
        tokio::spawn(async move {
            let mut answered = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                answered.push(send(&client, &url, &format!("f{}", answered.len() % 7)).await.unwrap().unwrap());
            }
            answered
        })
    }

    /// Returns the state that `/readyz` reports: `ready`, `degraded`, …
    async fn readiness(&self) -> String {
        let answer = self.client.get(format!("{}/readyz", self.url)).send().await.unwrap();
        let body: Value = answer.json().await.unwrap();
        body["status"].as_str().unwrap_or_default().to_owned()
    }

    fn postgres_folder(&self) -> PathBuf {
        self.home.path().join("data/postgres")
    }

    fn local_configuration(&self) -> PathBuf {
        self.postgres_folder().join("data/local.conf")
    }

    fn server_pid(&self) -> Option<u32> {
        let text = fs::read_to_string(self.postgres_folder().join("data/postmaster.pid")).ok()?;
        text.lines().next()?.parse().ok()
    }

    /// Kills the server, as the kernel does when memory is low, and returns its process ID.
    fn kill_server(&self) -> u32 {
        let pid = self.server_pid().expect("a server");
        assert!(Command::new("kill").arg("-KILL").arg(pid.to_string()).status().unwrap().success());
        pid
    }

    async fn until(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        let waits = async {
            while !is_so().await {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, waits).await.unwrap_or_else(|_| panic!("in vain waited until {what}"));
    }

    /// Stops the receiver, and checks how often the log contains this message, and its reason.
    fn ends_having_told<const N: usize>(self, reported: [(&str, usize); N]) {
        self.serve.terminate();
        let end = tokio::task::block_in_place(|| self.serve.end());
        assert_eq!(end.code, 0, "{end:?}");
        for (text, times) in reported {
            assert_eq!(end.stderr.matches(text).count(), times, "{text}: {}", end.stderr);
        }
        assert!(end.stderr.contains("local.conf"), "the reason is reported: {}", end.stderr);
    }

    /// Checks that every answered callback is stored once, projected, and has an event.
    async fn has_all(&self, answered: &BTreeSet<Uuid>) {
        let reader = Reader::new(self.pool.clone());
        self.until("all are in the database and projected", async || {
            self.readiness().await == "ready" && reader.counts(None).await.is_ok_and(|counts| counts.pending == 0)
        })
        .await;
        let ids = async |sql| sqlx::query_scalar::<_, Uuid>(sql).fetch_all(&self.pool).await.unwrap();
        let stored = ids("select id from eqp.callback order by id").await;
        let lost: Vec<_> = answered.iter().filter(|id| !stored.contains(id)).collect();
        assert!(lost.is_empty(), "lost: {lost:?}");
        assert_eq!(stored.len(), stored.iter().collect::<BTreeSet<_>>().len(), "each is there once");
        assert_eq!(ids("select callback_id from eqp.callback_disposition order by callback_id").await, stored);
    }
}

/// Waits until the receiver has printed its address.
fn serve(home: &Home) -> (Running, String) {
    let mut serve = home.start(&["serve", "--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0", "--json"]);
    let said = tokio::task::block_in_place(|| serve.json_line());
    (serve, said["listening"].as_str().unwrap().to_owned())
}

/// Returns the URL of the embedded database, without remaining a user of it.
async fn options(home: &Home) -> PgConnectOptions {
    let postgres = EmbeddedPostgres::builder(home.path().join("data/postgres")).start().await.unwrap();
    assert!(postgres.joined());
    let options = postgres.connect_options("eqp");
    postgres.stop().await.unwrap();
    options
}

async fn add_endpoint(home: &Home, pool: &PgPool) {
    let key = MasterKey::open(&home.path().join("data/master.key")).unwrap();
    let endpoints = Endpoints::open(pool.clone(), key).await.unwrap();
    let account = endpoints.ensure_account(Environment::Sandbox, &MageId::new("MAG1").unwrap()).await.unwrap();
    let public_url = "https://callbacks.example.com/callbacks/main".parse().unwrap();
    let new = NewEndpoint::new(account, "main", public_url);
    let endpoint = endpoints.create(&new).await.unwrap();
    endpoints.import_credential(endpoint, "key", &Secret::new("hush-4711")).await.unwrap();
}

/// Sends a callback and returns its ID, or the status of a response without an ID.
async fn send(client: &reqwest::Client, url: &str, file: &str) -> reqwest::Result<Result<Uuid, u16>> {
    let answer = client.post(url).basic_auth("key", Some("hush-4711")).body(scan(file)).send().await?;
    let status = answer.status().as_u16();
    if status != 200 {
        return Ok(Err(status));
    }
    Ok(Ok(answer.json::<Value>().await?["id"].as_str().unwrap().parse().unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_embedded_postgres_that_is_killed_again_and_again_comes_back_and_no_callback_is_lost() {
    let house = House::open().await;
    let is_over = Arc::new(AtomicBool::new(false));
    let senders: Vec<_> = (0..4).map(|_| house.send_on(&is_over)).collect();
    let mut ended = Vec::new();
    for _ in 0..3 {
        house.until("callbacks go into the database", async || house.readiness().await == "ready").await;
        ended.push(house.kill_server());
        house
            .until("another server is there", async || house.server_pid().is_some_and(|pid| !ended.contains(&pid)))
            .await;
    }
    // And another server that ends while it starts.
    ended.push(house.kill_server());
    house.until("there are callbacks again", async || house.readiness().await == "ready").await;
    is_over.store(true, Ordering::Relaxed);
    let mut answered = BTreeSet::new();
    for sender in senders {
        answered.extend(sender.await.unwrap());
    }
    assert!(answered.len() > 20, "{}", answered.len());
    answered.insert(house.send("last").await.unwrap());
    house.has_all(&answered).await;
    let events =
        tokio::task::block_in_place(|| house.home.json(&["events", "list", "--resource-id", "last", "--json"]));
    assert_eq!(events["events"][0]["status"], json!("passed"), "{events}");

    let completed = || house.home.run_aside(&["complete", "--", "eqp", "files", "show", "las"]).stdout;
    // A press of a key waits for at most 0.3 seconds, which a busy machine can exceed.
    house.until("a completion from the running database", async || completed() == "last\n").await;

    let folder = house.postgres_folder();
    house.serve.terminate();
    let end = tokio::task::block_in_place(|| house.serve.end());
    assert_eq!(end.code, 0, "{end:?}");
    assert!(!folder.join("data/postmaster.pid").exists(), "it was to be stopped");
    let stopped = house.home.run_aside(&["complete", "--", "eqp", "files", "show", "las"]);
    assert_eq!((stopped.code, stopped.stdout.as_str(), stopped.stderr.as_str()), (0, "", ""));
    assert!(!folder.join("data/postmaster.pid").exists(), "a completion does not start it");
    let reported = |text: &str| end.stderr.matches(text).count();
    assert!((3..=4).contains(&reported("exited unexpectedly, restarting it")), "once for each outage: {}", end.stderr);
    assert_eq!(reported("exited unexpectedly, restarting it"), reported("is running again"), "{}", end.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_outage_is_reported_once_and_ends_automatically_with_its_cause() {
    let house = House::open().await;
    let local = house.local_configuration();
    fs::write(&local, "shared_buffers = 'plenty'\n").unwrap();
    house.kill_server();
    let mut answered = BTreeSet::new();
    house.until("it is degraded", async || house.readiness().await == "degraded").await;
    // Long enough for several attempts.
    for n in 0..7 {
        answered.insert(house.send(&format!("o{n}")).await.unwrap());
        sleep(Duration::from_millis(100)).await;
    }
    fs::remove_file(&local).unwrap();
    house.has_all(&answered).await;
    house.ends_having_told([("restarting it", 1), ("cannot be started, retrying", 1), ("is running again", 1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_whose_database_was_removed_says_so_and_still_keeps_what_comes() {
    let house = House::open().await;
    house.kill_server();
    while fs::remove_dir_all(house.postgres_folder()).is_err() {
        sleep(Duration::from_millis(1)).await;
    }
    house.until("it is degraded", async || house.readiness().await == "degraded").await;
    house.send("kept").await.unwrap();
    assert!(!house.postgres_folder().exists(), "nothing is made in its place");
    let spool = tokio::task::block_in_place(|| house.home.json(&["spool", "show", "--json"]));
    assert_eq!(spool["callbacks"], json!(1), "{spool}");
    house.serve.terminate();
    let end = tokio::task::block_in_place(|| house.serve.end());
    assert_eq!(end.code, 7, "{end:?}");
    assert!(
        end.stderr.contains("was removed or replaced") && end.stderr.contains("restore the data"),
        "{}",
        end.stderr
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_stopped_in_an_outage_starts_nothing() {
    let house = House::open().await;
    let server = house.server_pid();
    house.serve.terminate();
    house.kill_server();
    let folder = house.postgres_folder();
    let end = tokio::task::block_in_place(|| house.serve.end());
    assert_eq!(end.code, 0, "{end:?}");
    let text = fs::read_to_string(folder.join("data/postmaster.pid")).unwrap_or_default();
    let left = text.lines().next().and_then(|line| line.parse::<u32>().ok());
    assert!(left.is_none() || left == server, "another server was started: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_has_run_before_starts_while_its_postgres_cannot_and_has_it_later() {
    let house = House::open().await.restarted_with_a_broken_postgres();
    let mut answered = BTreeSet::new();
    for n in 0..3 {
        answered.insert(house.send(&format!("o{n}")).await.unwrap());
    }
    let wrong = house.client.post(format!("{}/callbacks/main", house.url)).basic_auth("key", Some("no")).send();
    assert_eq!(wrong.await.unwrap().status(), 401);
    assert_eq!(house.readiness().await, "degraded");
    fs::remove_file(house.local_configuration()).unwrap();
    house.has_all(&answered).await;
    house.ends_having_told([("starting without it", 1), ("is running again", 1), ("exited unexpectedly", 0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_knows_no_endpoints_says_why_its_postgres_does_not_run() {
    let house = House::open().await;
    let local = house.local_configuration();
    house.serve.terminate();
    tokio::task::block_in_place(|| house.serve.end());
    fs::write(local, "shared_buffers = 'plenty'\n").unwrap();
    fs::remove_dir_all(house.home.path().join("data/spool")).unwrap();
    let end = tokio::task::block_in_place(|| house.home.run_aside(&["serve", "--listen", "127.0.0.1:0"]));
    assert_eq!(end.code, 7, "{end:?}");
    assert!(
        end.stderr.contains("local.conf") && end.stderr.contains("the embedded Postgres is not running"),
        "{end:?}"
    );
    assert!(!end.stderr.contains("correct the URL"), "{end:?}");
}
