//! Accounts whose access keys a server has, and comparisons with the Marketplace, with and without a server.

use std::time::Duration;

use eqp_simulator::{Simulator, Step};
use eqp_store::AccountId;
use eqp_store::internal::{RunKind, RunProgress, reconcile_run};
use eqp_test_support::tool::{Ended, Running};
use eqp_test_support::vendor::{APPLICATION_SECRET, TestVendor, scan};
use eqp_test_support::{NetworkConditions, Proxy};
use eqp_types::SubmissionId;
use serde_json::{Value, json};
use sqlx::ConnectOptions;

/// How long a test waits for a condition.
///
/// A requested run starts at most once a minute.
const PATIENCE: Duration = Duration::from_mins(3);

/// A vendor with packages that do not change on their own.
async fn with_packages(count: usize) -> TestVendor {
    TestVendor::of(crate::EQP, Simulator::builder().packages(count)).await
}

fn json_of(ended: &Ended) -> Value {
    assert_eq!(ended.code, 0, "{ended:?}");
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

fn run(vendor: &TestVendor, arguments: &[&str]) -> Value {
    json_of(&vendor.home.run_aside(&[arguments, &["--json"]].concat()))
}

/// Returns a package in the store, which the Marketplace can remove from it.
fn live_package(vendor: &TestVendor) -> SubmissionId {
    let snapshot = vendor.simulator.snapshot();
    let mut packages = snapshot.accounts[0].packages.iter();
    let live = packages.find(|package| package.status.to_string().starts_with("released_to_store")).unwrap();
    live.submission_id.clone()
}

/// Starts a server with these arguments. It prints its roles.
fn start(vendor: &TestVendor, arguments: &[&str]) -> (Running, Value) {
    let spool = tempfile::Builder::new().prefix("spool-").tempdir_in(vendor.home.path()).unwrap().keep();
    let accepts = arguments.windows(2).all(|pair| pair[0] != "--role" || pair[1].contains("accept"));
    let listen = if accepts { &["--listen", "127.0.0.1:0"][..] } else { &[] };
    let common = ["serve", "--operator-listen", "off", "--json", "--spool-dir", spool.to_str().unwrap()];
    let mut serve = vendor.home.start(&[&common[..], listen, arguments].concat());
    let announced = serve.json_line();
    (serve, announced)
}

/// Waits until a submission has this overall status.
async fn has_status(vendor: &TestVendor, submission: &SubmissionId, overall: &str) {
    let looking = async {
        loop {
            let found: Option<String> =
                sqlx::query_scalar("select overall from eqp.v_submission where submission_id = $1")
                    .bind(submission.as_str())
                    .fetch_optional(&vendor.database.pool)
                    .await
                    .unwrap();
            if found.as_deref() == Some(overall) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.expect("the submission gets its status");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_key_is_verified_stored_sealed_and_removed() {
    let vendor = with_packages(0).await;
    let planned = run(&vendor, &["accounts", "add", "--dry-run"]);
    assert_eq!(planned["would_store_key"], "sealed");
    assert_eq!(vendor.home.run_aside(&["accounts", "list"]).code, 1, "a dry run creates no tables");

    // A key that the Marketplace does not accept is not stored.
    let wrong = vendor.home.write("wrong-secret", "not-the-secret");
    let refused = vendor.home.run_aside(&["accounts", "add", "--secret-file", wrong.to_str().unwrap()]);
    assert_eq!(refused.code, 3, "{refused:?}");
    // An ID that cannot be sent is not sent.
    for id in ["", "a:b", "a\tb", &"a".repeat(256)] {
        let refused = vendor.home.run_aside(&[
            "accounts",
            "add",
            "--application-id",
            id,
            "--secret-file",
            wrong.to_str().unwrap(),
        ]);
        assert_eq!(refused.code, 2, "{refused:?}");
    }

    let added = run(&vendor, &["accounts", "add"]);
    assert_eq!((&added["mage_id"], &added["key"]), (&json!("MAG123456789"), &json!("sealed")));
    let listed = run(&vendor, &["accounts", "list"]);
    let account = &listed["accounts"][0];
    assert_eq!((&account["key"], &account["endpoints"]), (&json!("sealed"), &json!([])));
    assert_eq!((&account["application_id"], &account["last_reconcile"]), (&json!("app"), &Value::Null));
    let stored: Vec<u8> =
        sqlx::query_scalar("select ciphertext from eqp.access_key").fetch_one(&vendor.database.pool).await.unwrap();
    assert!(!stored.windows(APPLICATION_SECRET.len()).any(|part| part == APPLICATION_SECRET.as_bytes()));

    let added = run(&vendor, &["accounts", "add", "--secret-in-configuration"]);
    assert_eq!(added["key"], "file");
    assert_eq!(run(&vendor, &["accounts", "list"])["accounts"][0]["key"], "file");
    let forgotten: Option<Vec<u8>> =
        sqlx::query_scalar("select ciphertext from eqp.access_key").fetch_one(&vendor.database.pool).await.unwrap();
    assert_eq!(forgotten, None, "the sealed secret is replaced");

    run(&vendor, &["accounts", "remove", "MAG123456789", "--dry-run"]);
    assert_eq!(run(&vendor, &["accounts", "list"])["accounts"][0]["key"], "file");
    run(&vendor, &["accounts", "remove", "MAG123456789"]);
    assert_eq!(run(&vendor, &["accounts", "list"])["accounts"][0]["key"], "none");
    assert_eq!(vendor.home.run_aside(&["accounts", "remove", "MAG123456789"]).code, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_reconciled_without_a_server() {
    let vendor = with_packages(30).await;
    assert_eq!(vendor.home.run_aside(&["migrate"]).code, 0);
    let shown = vendor.home.run_aside(&["reconcile", "--dry-run", "--exit-code", "--json"]);
    assert_eq!(shown.code, 8, "{shown:?}");
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!((&shown["differences"], &shown["stored"], &shown["dry_run"]), (&json!(30), &json!(0), &json!(true)));
    assert_eq!(run(&vendor, &["submissions", "list"])["submissions"], json!([]), "nothing was stored");

    let done = run(&vendor, &["reconcile"]);
    assert_eq!((&done["kind"], &done["stored"], &done["baseline"]), (&json!("full"), &json!(30), &json!(30)));
    // The command projects what it has stored.
    assert_eq!(run(&vendor, &["submissions", "list"])["submissions"].as_array().unwrap().len(), 30);

    let live = live_package(&vendor);
    vendor.simulator.step(&live, Step::RemovedByAdmin).unwrap();
    let done = run(&vendor, &["reconcile"]);
    assert_eq!((&done["kind"], &done["differences"]), (&json!("incremental"), &json!(1)));
    let found = &done["found"][0];
    assert_eq!((&found["resource_id"], &found["reason"]), (&json!(live.as_str()), &json!("changed")));
    assert_eq!(found["statuses"][0]["current"], "admin_removed_from_store");
    let nothing = vendor.home.run_aside(&["reconcile", "--full", "--exit-code"]);
    assert_eq!(nothing.code, 0, "{nothing:?}");
    assert!(nothing.stdout.contains("30 submissions and 0 files read, nothing differs"), "{nothing:?}");

    let unknown = vendor.home.run_aside(&["reconcile", "s-unknown"]);
    assert!(unknown.code == 4 && unknown.stderr.contains("s-unknown"), "{unknown:?}");
    let last = &run(&vendor, &["accounts", "list"])["accounts"][0]["last_reconcile"];
    assert_eq!((&last["kind"], &last["error"]), (&json!("selected"), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_waits_until_that_of_a_server_has_ended() {
    let vendor = with_packages(3).await;
    run(&vendor, &["accounts", "add"]);
    let pool = &vendor.database.pool;
    let account = sqlx::query_scalar("select id from eqp.account").fetch_one(pool).await.unwrap();
    let other = reconcile_run::begin(pool, AccountId(account), RunKind::Full).await.unwrap().unwrap();
    let waiting = vendor.home.start(&["reconcile"]);
    while !waiting.has_logged("waiting: another process is reconciling this account") {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    reconcile_run::finish(pool, other, &RunProgress::default(), None).await.unwrap();
    let ended = tokio::task::block_in_place(|| waiting.end());
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stdout.contains("3 submissions"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_finds_the_changes_whose_callbacks_are_dropped() {
    let vendor = with_packages(10).await;
    vendor.simulator.add_fault("dropped".parse().unwrap());
    let (serve, base) = vendor.serve();
    let url = format!("{base}/callbacks/main");
    run(&vendor, &["callbacks", "add", "--name", "main", "--url", &url]);
    run(&vendor, &["accounts", "add"]);
    let live = live_package(&vendor);
    // The running server starts to reconcile the account.
    has_status(&vendor, &live, "released_to_store").await;
    drop(serve);

    let (_serve, announced) = start(&vendor, &["--reconcile-interval", "10s"]);
    assert_eq!(announced["roles"], json!(["accept", "project", "reconcile", "deliver", "console"]));
    vendor.simulator.step(&live, Step::RemovedByAdmin).unwrap();
    has_status(&vendor, &live, "admin_removed_from_store").await;
    let origins: Vec<String> = sqlx::query_scalar(
        "select distinct origin from eqp.event where status = 'admin_removed_from_store' and resource_id = $1",
    )
    .bind(live.as_str())
    .fetch_all(&vendor.database.pool)
    .await
    .unwrap();
    assert_eq!(origins, ["reconcile"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_parts_of_a_server_can_run_in_separate_processes() {
    let vendor = with_packages(5).await;
    let (accepting, base) = {
        let (serve, announced) = start(&vendor, &["--role", "accept"]);
        let ca = vendor.home.run_aside(&["ca"]).stdout;
        vendor.simulator.trust_pem(&ca).unwrap();
        (serve, announced["listening"].as_str().unwrap().to_owned())
    };
    let url = format!("{base}/callbacks/main");
    run(&vendor, &["callbacks", "add", "--name", "main", "--url", &url]);
    assert_eq!(vendor.send("malware_scan_complete", scan("one")).await, [200]);
    assert_eq!(vendor.reader().counts(None).await.unwrap().pending, 1, "nobody projects it");

    let (projecting, announced) = start(&vendor, &["--role", "project"]);
    assert_eq!((&announced["listening"], &announced["roles"]), (&json!(null), &json!(["project"])));
    vendor.is_projected().await;

    run(&vendor, &["accounts", "add"]);
    let (reconciling, announced) = start(&vendor, &["--role", "reconcile"]);
    assert_eq!((&announced["listening"], &announced["roles"]), (&json!(null), &json!(["reconcile"])));
    has_status(&vendor, &live_package(&vendor), "released_to_store").await;
    for serve in [reconciling, projecting, accepting] {
        serve.terminate();
        let ended = serve.end();
        assert_eq!(ended.code, 0, "{ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_reads_the_secret_from_its_own_configuration() {
    let vendor = with_packages(5).await;
    run(&vendor, &["accounts", "add", "--secret-in-configuration"]);
    let (serve, _) = start(&vendor, &[]);
    has_status(&vendor, &live_package(&vendor), "released_to_store").await;
    serve.terminate();
    let ended = serve.end();
    assert!(ended.code == 0 && !ended.stderr.contains(APPLICATION_SECRET), "{ended:?}");
}

/// Waits until the tool has logged this text.
async fn has_logged(serve: &Running, text: &str) {
    let logging = async {
        while !serve.has_logged(text) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, logging).await.unwrap_or_else(|_| panic!("`{text}` is logged"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_reconciled_after_an_outage_of_the_database() {
    let vendor = with_packages(5).await;
    run(&vendor, &["accounts", "add"]);
    let proxy = Proxy::to(vendor.database.options.clone()).await;
    let url = proxy.options().to_url_lossy().to_string();
    let (serve, _) = start(&vendor, &["--role", "project,reconcile", "--database", &url]);
    let live = live_package(&vendor);
    has_status(&vendor, &live, "released_to_store").await;

    proxy.set(NetworkConditions::Cut);
    has_logged(&serve, "cannot read the accounts to reconcile").await;
    vendor.simulator.step(&live, Step::RemovedByAdmin).unwrap();
    proxy.set(NetworkConditions::Fair);
    // Long before the next periodic run.
    has_status(&vendor, &live, "admin_removed_from_store").await;
    serve.terminate();
    assert_eq!(serve.end().code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_reconciled_after_a_callback_with_a_wrong_password() {
    let vendor = with_packages(5).await;
    vendor.simulator.add_fault("dropped".parse().unwrap());
    let (_serve, base) = vendor.serve();
    let url = format!("{base}/callbacks/main");
    run(&vendor, &["callbacks", "add", "--name", "main", "--url", &url]);
    run(&vendor, &["accounts", "add"]);
    let live = live_package(&vendor);
    has_status(&vendor, &live, "released_to_store").await;

    vendor.simulator.step(&live, Step::RemovedByAdmin).unwrap();
    // The password was changed at the Marketplace.
    let wrong = vendor.home.write("wrong-password", "not-the-password");
    let username: String =
        sqlx::query_scalar("select username from eqp.credential").fetch_one(&vendor.database.pool).await.unwrap();
    let wrong = wrong.to_str().unwrap();
    let trigger = ["trigger", "malware_scan_complete", "--to", "main", "--user", &username, "--password-file", wrong];
    let rejected = vendor.home.run_aside(&trigger);
    assert!(rejected.code != 0 && rejected.stdout.contains("401"), "{rejected:?}");
    has_status(&vendor, &live, "admin_removed_from_store").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn products_are_listed_as_configured_and_as_at_the_marketplace() {
    let vendor = with_packages(30).await;
    let listed = run(&vendor, &["products", "list"]);
    let products = listed["products"].as_array().unwrap();
    assert!(!products.is_empty() && products.iter().all(|product| product["configured"] == Value::Null), "{listed}");
    let live = products.iter().find(|product| product["marketplace"]["in_store"].is_string()).unwrap();
    let (sku, version) = (live["sku"].as_str().unwrap(), live["marketplace"]["in_store"].as_str().unwrap());

    let file = vendor.home.write(
        "products.toml",
        &format!(
            "[products.\"{sku}\"]\nrepository = \"https://github.com/acme/a\"\ntag = \"v{{version}}\"\nsource = \"src\"\n\
             [products.\"acme/planned\"]\nowner = \"team\"\n"
        ),
    );
    let file = file.to_str().unwrap();
    let listed = run(&vendor, &["--config", file, "products", "list"]);
    let of = |sku: &str| {
        let products = listed["products"].as_array().unwrap();
        products.iter().find(|product| product["sku"] == sku).unwrap_or_else(|| panic!("{sku}: {listed}"))
    };
    assert_eq!(of(sku)["configured"]["tag_in_store"], format!("v{version}"));
    assert_eq!(of(sku)["missing"], json!(["channel", "owner"]));
    assert!(of(sku)["configured"]["source"].as_str().unwrap().ends_with("/src"), "{listed}");
    assert_eq!(of("acme/planned")["marketplace"], Value::Null);
    let table = vendor.home.run_aside(&["--config", file, "products", "list"]).stdout;
    assert!(table.contains("not configured") && table.contains("not at the Marketplace"), "{table}");

    for (wrong, expected) in [
        ("[products.\"acme/a\"]\nrepo = \"x\"\n", "did you mean `products.acme/a.repository`?"),
        ("[products.\"acme/a\"]\ntag = \"v1\"\n", "contains {version} once"),
        ("[[products.\"acme/a\"]]\ntag = \"v1\"\n", "expected a table"),
        ("products = 7\n", "products"),
    ] {
        let file = vendor.home.write("wrong.toml", wrong);
        let ended = vendor.home.run_aside(&["--config", file.to_str().unwrap(), "products", "list"]);
        assert!(ended.code == 2 && ended.stderr.contains(expected), "{wrong}: {ended:?}");
    }
}
