//! `eqp callbacks add`: merge-safe, and asked about what it does not know.

use eqp_client::Client;
use eqp_client::callbacks::{Allowance, NoPasswords, Registration, Wish};
use eqp_simulator::Simulator;
use eqp_test_support::TestDatabase;
use eqp_types::Secret;
use serde_json::json;

use crate::eqp::Home;

const OURS: &str = "https://eqp.example.com/callbacks/main";
const THEIRS: &str = "https://other.example.com/hook";

/// A simulator, and a home that uses it.
async fn world() -> (Simulator, TestDatabase, Home) {
    let simulator = Simulator::builder().start().await.unwrap();
    let database = TestDatabase::create().await;
    let mut home = Home::new();
    home.set("EQP_DATABASE_URL", database.url());
    home.set("EQP_ENVIRONMENT", simulator.environment().as_str());
    home.set("EQP_API_URL", simulator.base_url());
    home.set("EQP_CA_FILE", home.write("ca.pem", simulator.ca_pem()).display().to_string());
    home.set("EQP_APPLICATION_ID", simulator.api_key().application_id.as_str());
    home.set("EQP_APPLICATION_SECRET", simulator.api_key().application_secret.expose());
    (simulator, database, home)
}

/// Registers a callback with the user name `key` and the password `secret`, not by the tool.
pub(crate) async fn register(simulator: &Simulator, url: &str) {
    let client = Client::builder(simulator.environment(), simulator.api_key().clone())
        .api_url(simulator.base_url().parse().unwrap())
        .trusted_ca_pem(simulator.ca_pem())
        .build()
        .unwrap();
    let registration = Registration::new(url, "key", Secret::new("secret")).unwrap();
    client.callbacks().change(&Wish::Register(registration), &NoPasswords, &Allowance::none()).await.unwrap();
}

/// The tool blocks; the simulator needs its own threads meanwhile.
fn run(home: &Home, arguments: &[&str]) -> crate::eqp::Ended {
    tokio::task::block_in_place(|| home.run(arguments))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_is_added_once_and_listed() {
    let (_simulator, _database, home) = world().await;
    let add = ["callbacks", "add", "--name", "main", "--url", OURS, "--json"];
    let first = run(&home, &add);
    assert_eq!(first.code, 0, "{first:?}");
    let first: serde_json::Value = serde_json::from_str(&first.stdout).unwrap();
    assert_eq!((&first["path"], &first["already_registered"]), (&json!("/callbacks/main"), &json!(false)));

    let second: serde_json::Value = serde_json::from_str(&run(&home, &add).stdout).unwrap();
    assert_eq!((&second["already_registered"], &second["username"]), (&json!(true), &first["username"]));

    let listed = run(&home, &["callbacks", "list"]).stdout;
    assert!(listed.contains(OURS) && listed.contains("production"), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_of_others_is_kept_or_the_list_is_left_alone() {
    let (simulator, _database, home) = world().await;
    register(&simulator, THEIRS).await;
    let add = ["callbacks", "add", "--name", "main", "--url", OURS];
    let refused = run(&home, &add);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains(&format!("--password-of {THEIRS}=FILE")), "{}", refused.stderr);
    assert!(refused.stderr.contains(&format!("--may-lose-password {THEIRS}")), "{}", refused.stderr);

    home.write("theirs", "secret\n");
    let supplied = format!("{THEIRS}=theirs");
    let shown = run(&home, &[&add[..], &["--password-of", &supplied, "--dry-run"]].concat());
    assert!(shown.code == 0 && shown.stdout.contains("keep ") && shown.stdout.contains("add "), "{shown:?}");
    assert!(!run(&home, &["callbacks", "list"]).stdout.contains(OURS));

    let added = run(&home, &[&add[..], &["--password-of", &supplied]].concat());
    assert_eq!(added.code, 0, "{added:?}");
    let listed = run(&home, &["callbacks", "list"]).stdout;
    assert!(listed.contains(OURS) && listed.contains(THEIRS), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn urls_that_the_marketplace_would_never_call_are_refused() {
    let home = Home::new();
    let long = format!("https://eqp.example.com/{}", "x".repeat(2_000));
    for url in ["http://eqp.example.com/a", "https://me:hush@eqp.example.com/a", "https://eqp.example.com/a#b", &long] {
        let ended = home.run(&["callbacks", "add", "--name", "main", "--url", url]);
        assert_eq!(ended.code, 2, "{url}: {ended:?}");
        assert!(!ended.stderr.contains("hush"), "{}", ended.stderr);
    }
    assert!(!home.path().join("data").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_not_accepted_is_code_3() {
    let (_simulator, _database, mut home) = world().await;
    home.set("EQP_APPLICATION_SECRET", "wrong");
    let ended = run(&home, &["whoami"]);
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.stderr.contains("--environment"), "{}", ended.stderr);
}
