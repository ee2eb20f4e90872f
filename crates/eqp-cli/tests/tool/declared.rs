//! Subscriptions that the configuration of a server declares.

use std::time::Duration;

use eqp_test_support::callbacks::{CallbackDatabase, PATIENCE, scan};
use eqp_test_support::tool::Home;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

/// A role that is repeated counts once.
const SERVE: &[&str] = &["serve", "--role", "project,deliver,project", "--operator-listen", "127.0.0.1:0", "--json"];

fn configure(home: &mut Home, subscriptions: &str) {
    let received = home.path().join("received");
    let program = format!("[exec.note]\ncommand = [\"/bin/sh\", \"-c\", \"cat >> {}\"]\n", received.display());
    let config = home.write("worker.toml", &format!("{program}{subscriptions}"));
    home.set("EQP_CONFIG", config.display().to_string());
}

/// Starts a server, and stops it once a subscription is as expected. Returns the subscription.
async fn serve_until(home: &Home, name: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let mut serve = home.start(SERVE);
    let started = tokio::task::block_in_place(|| serve.json_line());
    assert_eq!(started["roles"], json!(["project", "deliver"]));
    let waiting = async {
        loop {
            let listed = tokio::task::block_in_place(|| home.json(&["subscriptions", "list", "--json"]));
            let found = listed["subscriptions"].as_array().unwrap().iter().find(|one| one["name"] == name);
            if let Some(found) = found.filter(|found| is_so(found)) {
                return found.clone();
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    let found = timeout(PATIENCE, waiting).await.expect("it is as expected");
    serve.terminate();
    assert_eq!(tokio::task::block_in_place(|| serve.end()).code, 0);
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_creates_updates_and_pauses_what_its_configuration_declares() {
    let database = CallbackDatabase::new().await;
    let mut home = Home::new(crate::EQP);
    home.set("EQP_DATABASE_URL", database.database.url());
    configure(&mut home, "[subscriptions.note]\nexec = \"note\"\nstatus = [\"failed\"]\n");
    let created = serve_until(&home, "note", |_| true).await;
    assert_eq!(created["declared_by"], json!(home.path().join("worker.toml")), "{created}");
    for option in ["--dry-run", "--yes"] {
        let refused = home.run_aside(&["subscriptions", "remove", "note", option]);
        assert!(refused.code == 1 && refused.stderr.contains("remove it from that file"), "{refused:?}");
    }
    assert_eq!(home.run_aside(&["subscriptions", "pause", "note", "--reason", "maintenance"]).code, 0);
    assert_eq!(home.run_aside(&["subscriptions", "resume", "note"]).code, 0);

    configure(&mut home, "[subscriptions.note]\nexec = \"note\"\nstatus = [\"passed\"]\n");
    serve_until(&home, "note", |one| one["filter"]["statuses"] == json!(["passed"])).await;
    configure(&mut home, "");
    let paused = serve_until(&home, "note", |one| one["state"] == "paused").await;
    assert!(paused["paused_reason"].as_str().unwrap().ends_with("no longer declares it"), "{paused}");
    // Events that were recorded during the pause are delivered once it is declared again.
    database.callback(scan("a", "passed")).await;
    configure(&mut home, "[subscriptions.note]\nexec = \"note\"\nstatus = [\"passed\"]\n");
    let received = home.path().join("received");
    serve_until(&home, "note", |_| std::fs::read_to_string(&received).is_ok_and(|text| text.contains("\"a\""))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declaration_that_can_never_work_stops_the_start() {
    let mut home = Home::new(crate::EQP);
    for (declared, reason) in [
        ("[subscriptions.x]\nexec = \"unknown\"\n", "subscriptions.x cannot be used"),
        ("[subscriptions.x]\nexec = \"note\"\nfallback_for = \"x\"\n", "a subscription cannot be its own fallback"),
        (
            "[subscriptions.x]\nexec = \"note\"\nfallback_for = \"y\"\n[subscriptions.y]\nexec = \"note\"\nfallback_for = \"x\"\n",
            "the subscriptions are fallbacks of each other: x -> y -> x",
        ),
        (
            "[subscriptions.x]\nwebhook = \"https://a.example\"\nsecret_file = \"no\"\n",
            "the signing secret of the subscription x",
        ),
        ("[subscriptions.x]\nexecc = \"note\"\n", "did you mean `subscriptions.x.exec`?"),
        ("[exec.y]\ncomand = [\"true\"]\n", "did you mean `exec.y.command`?"),
    ] {
        configure(&mut home, declared);
        let refused = home.run_aside(SERVE);
        assert!(refused.code == 2 && refused.stderr.contains(reason), "{declared}: {refused:?}");
    }
}

#[test]
fn a_file_in_the_current_folder_cannot_declare_subscriptions() {
    let home = Home::new(crate::EQP);
    home.write("eqp.toml", "[subscriptions.x]\npull = true\n");
    let refused = home.run_aside(&["subscriptions", "list"]);
    assert!(refused.code == 2 && refused.stderr.contains("`subscriptions"), "{refused:?}");
}
