//! `eqp status` and `eqp find`, from a database, a server, and the Marketplace alone.

use eqp_simulator::{Simulator, Step};
use eqp_store::internal::{Resource, ResourceDetail, resource_detail};
use eqp_store::{ResourceKind, Store};
use eqp_test_support::callbacks::{CallbackDatabase, PATIENCE, later_form};
use eqp_test_support::tool::{Ended, Home};
use eqp_test_support::vendor::{TestVendor, use_marketplace};
use serde_json::{Value, json};

use crate::terminal::Terminal;

fn json_of(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

/// Returns the labels of a group.
fn labels(status: &Value, group: &str) -> Vec<String> {
    status[group].as_array().unwrap().iter().map(|product| product["label"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_follows_a_review_from_the_database_and_from_the_marketplace_alone() {
    let vendor = TestVendor::of(crate::EQP, Simulator::builder().packages(60)).await;
    let home = &vendor.home;
    assert_eq!(home.run_aside(&["migrate"]).code, 0);
    let fresh = home.run_aside(&["status"]);
    assert!(
        fresh.code == 0 && fresh.stdout.contains("No products yet. eqp packages list queries the Marketplace"),
        "{fresh:?}"
    );
    let (_serve, base) = vendor.serve();
    let url = format!("{base}/callbacks/main");
    assert_eq!(home.run_aside(&["callbacks", "add", "--name", "main", "--url", &url]).code, 0);
    let setup = json_of(&home.run_aside(&["status", "--json"]))["setup"].clone();
    let steps: Vec<_> = setup.as_array().unwrap().iter().map(|step| step["state"].as_str().unwrap()).collect();
    assert_eq!(steps, ["missing", "unknown", "done", "missing"]);
    assert_eq!(home.run_aside(&["reconcile"]).code, 0);

    let status = json_of(&home.run_aside(&["status", "--json"]));
    assert_eq!((&status["source"], &status["due"]), (&json!("database"), &json!([])));
    // The Marketplace alone has the same groups, except for what only a history can show.
    let mut alone = Home::new(crate::EQP);
    use_marketplace(&mut alone, &vendor.simulator);
    let marketplace = json_of(&alone.run_aside(&["status", "--json"]));
    assert_eq!((&marketplace["source"], &marketplace["channel"]), (&json!("marketplace"), &Value::Null));
    for group in ["needs_you", "in_review", "fine"] {
        let sorted = |status: &Value| {
            let mut labels = labels(status, group);
            labels.sort();
            labels
        };
        assert_eq!(sorted(&status), sorted(&marketplace), "{group}");
    }
    assert_eq!(status["in_store"], marketplace["in_store"]);
    let rejected = home.run_aside(&["status", "--exit-code"]);
    assert!(rejected.code == 5 && rejected.stdout.contains("rejected by "), "{rejected:?}");
    // The command that it names works.
    let command = rejected.stdout.lines().find_map(|line| line.strip_prefix("    next: eqp ")).unwrap();
    assert_eq!(home.run_aside(&command.split(' ').collect::<Vec<_>>()).code, 0, "{command}");

    // A callback about a version that is removed from the store.
    let fine = labels(&status, "fine");
    let snapshot = vendor.simulator.snapshot();
    let is_live = |package: &&eqp_simulator::PackageSnapshot| {
        fine.contains(&package.sku) && package.status.to_string().starts_with("released_to_store")
    };
    let live = snapshot.accounts[0].packages.iter().rfind(is_live).unwrap();
    vendor.simulator.step(&live.submission_id, Step::RemovedByAdmin).unwrap();
    let removed = async {
        loop {
            let ended = home.run_aside(&["status", &live.sku, "--exit-code"]);
            // Receivers record the use of a credential every few seconds.
            if ended.code == 5 && ended.stdout.contains("(from Adobe)") {
                return ended.stdout;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let removed = tokio::time::timeout(PATIENCE, removed).await.expect("the callback changes the status");
    assert!(removed.contains("removed from the store by Adobe 0 min ago ("), "{removed}");
    assert!(
        removed.contains("last callback 0 min ago (from Adobe)") && !removed.contains("BEFORE GO-LIVE"),
        "{removed}"
    );
    let alone = alone.run_aside(&["status", &live.sku, "--exit-code"]);
    assert!(alone.code == 5 && alone.stdout.contains("Marketplace alone, read just now"), "{alone:?}");
}

/// A product in review with a version in the store.
async fn with_product() -> (CallbackDatabase, Home) {
    let database = CallbackDatabase::new().await;
    database.callback(later_form("s0", "overall", ["released_to_store", "approved", "approved"], 1)).await;
    database.callback(later_form("s1", "technical", ["in_progress", "in_automation", "approved"], 1)).await;
    database.project().await;
    let account_id = database.account.0;
    let detail = |id: &str, version: &str| {
        let resource = Resource { account_id, kind: ResourceKind::Submission, id: id.to_owned() };
        let (sku, version) = (Some("acme/checkout".to_owned()), Some(version.to_owned()));
        (resource, ResourceDetail { sku, version, ..ResourceDetail::default() })
    };
    resource_detail::store(&database.pool, &[detail("s0", "1.4.2"), detail("s1", "1.5.0")]).await.unwrap();
    // The stages are never too long in this test.
    let mut home = Home::new(crate::EQP);
    home.configure("[alerts]\nautomation_limit = \"3000d\"\n");
    home.set("EQP_DATABASE_URL", database.database.url());
    (database, home)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_is_shown_in_every_format_and_found() {
    let (_database, mut home) = with_product().await;
    let run = |home: &Home, arguments: &[&str], code: i32| {
        let ended = home.run_aside(arguments);
        assert_eq!(ended.code, code, "{arguments:?}: {ended:?}");
        ended
    };
    let text = run(&home, &["status"], 0).stdout;
    assert!(text.contains("\nNothing needs you. 1 product in the store, 1 in review.\n"), "{text}");
    let line = "~ acme/checkout   1.5.0  technical: automated tests, since 25 Aug 2022";
    assert!(text.contains(line) && text.contains("store has 1.4.2"), "{text}");
    run(&home, &["status", "--exit-code"], 0);
    home.configure("[alerts]\nautomation_limit = \"1h\"\n");
    assert!(
        run(&home, &["status", "--exit-code"], 8).stdout.contains("! acme/checkout   1.5.0  automated tests since")
    );
    home.configure("[alerts]\nautomation_limit = \"3000d\"\n");
    let selected = run(&home, &["status", "ACME/checkout"], 0).stdout;
    assert!(selected.contains("1.4.2  in the store since 25 Aug 2022 (25 Aug 2022, 19:20 UTC)"), "{selected}");
    let sentence = run(&home, &["status", "acme/checkout", "--format", "sentence"], 0).stdout;
    assert!(sentence.starts_with("1.5.0 has been in review since 25 August 2022.\n"), "{sentence}");
    assert!(run(&home, &["status", "--format", "markdown"], 0).stdout.contains("\n## In review\n\n| product |"));
    let badge = run(&home, &["status", "acme/checkout", "--format", "svg"], 0).stdout;
    assert!(badge.starts_with("<svg ") && badge.contains("1.4.2 in the store, 1.5.0 in review"), "{badge}");
    home.set("LC_ALL", "C.UTF-8");
    assert!(run(&home, &["status"], 0).stdout.contains("● acme/checkout"));
    for (code, arguments) in [
        (4, &["status", "acme/unknown"][..]),
        (4, &["status", "acme/checkout", &"a".repeat(255)]),
        (2, &["status", &"a".repeat(300)]),
        (2, &["status", "a\u{1b}[31m"]),
        (2, &["status", ""]),
        (2, &["status", "--format", "svg"]),
        (2, &["status", "--format", "svg", "a/b", "c/d"]),
        (2, &["status", "--format", "markdown", "--json"]),
        (2, &["status", "--watch", "--exit-code"]),
        (2, &["status", "--watch", "--format", "sentence"]),
        (2, &["status", "--interval", "1s"]),
        (4, &["find", "nothing"]),
        (2, &["find", ""]),
        (2, &["find", "a\u{7}"]),
        (2, &["find", "a", "--limit", "101"]),
    ] {
        let ended = run(&home, arguments, code);
        assert!(!ended.stderr.contains('\u{1b}'), "{ended:?}");
    }
    let found = run(&home, &["find", "CHECK", "--json"], 0);
    assert_eq!(json_of(&found)["found"][0]["command"], "eqp status acme/checkout");
    let table = run(&home, &["find", "s1"], 0).stdout;
    assert!(table.contains("submission") && table.contains("eqp submissions show s1"), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_cannot_be_read_is_replaced_by_the_marketplace_or_reported() {
    let nothing = Home::new(crate::EQP).run_aside(&["status"]);
    assert!(nothing.code == 7 && nothing.stderr.contains("eqp login"), "{nothing:?}");
    let mut down = Home::new(crate::EQP);
    down.set("EQP_DATABASE_URL", "postgres://127.0.0.1:1/none");
    let ended = down.run_aside(&["status"]);
    assert_eq!(ended.code, 7, "{ended:?}");
    let simulator = Simulator::builder().packages(3).start().await.unwrap();
    use_marketplace(&mut down, &simulator);
    let ended = down.run_aside(&["status", "--json"]);
    assert!(ended.code == 0 && ended.stderr.contains("querying the Marketplace alone"), "{ended:?}");
    assert_eq!(json_of(&ended)["source"], "marketplace");
    down.set("EQP_APPLICATION_SECRET", "wrong");
    assert_eq!(down.run_aside(&["status"]).code, 3);
    assert_eq!(down.run_aside(&["status", "--exit-code"]).code, 7);
    // A database of an earlier version is not read.
    let database = eqp_test_support::TestDatabase::create().await;
    let mut old = Home::new(crate::EQP);
    old.set("EQP_DATABASE_URL", database.url());
    assert_eq!(old.run_aside(&["status"]).code, 1);
    assert_eq!(old.run_aside(&["status", "--exit-code"]).code, 7);
    Store::new(database.pool.clone()).migrate().await.unwrap();
    assert_eq!(old.run_aside(&["status", "--exit-code"]).code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_followed_until_a_signal() {
    let (database, home) = with_product().await;
    let mut watching = home.start(&["status", "--watch", "--interval", "1s"]);
    let first = tokio::task::block_in_place(|| watching.line());
    assert!(first.contains("UTC  Nothing needs you.") || first.contains("  Nothing needs you."), "{first}");
    database.callback(later_form("s1", "technical", ["in_progress", "rejected", "approved"], 2)).await;
    database.project().await;
    let change = tokio::task::block_in_place(|| watching.line());
    assert!(change.ends_with("  acme/checkout 1.5.0: rejected by technical review on 25 Aug 2022\n"), "{change}");
    watching.terminate();
    assert_eq!(tokio::task::block_in_place(|| watching.end()).code, 0);

    let screen = tokio::task::block_in_place(|| {
        let mut terminal = Terminal::start_on("xterm", &home, &["status", "--watch", "--interval", "1s"])?;
        terminal.shows("open alerts: 0");
        terminal.type_keys("\u{3}");
        Some(terminal.end())
    });
    if let Some((code, screen)) = screen {
        // The shell of the terminal receives the signal, too, so the exit code is not that of the tool.
        assert!(screen.contains("rejected by technical review") && !screen.contains("error:"), "{code} {screen}");
    }
}
