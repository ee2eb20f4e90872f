//! The whole way: a callback that is dropped, the reconciliation that finds its change, the alert, and a webhook that hears of both.

use std::time::Duration;

use eqp_simulator::{Script, Simulator, Step, Timing};
use eqp_test_support::tool::Running;
use eqp_test_support::vendor::TestVendor;
use eqp_types::SubmissionId;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::hook::Hook;

/// How long the test waits for a condition. Alerts are evaluated every 30 seconds.
const PATIENCE: Duration = Duration::from_secs(90);

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("timed out waiting for {what}"));
}

async fn number(vendor: &TestVendor, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(&vendor.database.pool).await.unwrap()
}

fn run(vendor: &TestVendor, arguments: &[&str]) -> Value {
    let ended = vendor.home.run_aside(&[arguments, &["--json"]].concat());
    assert_eq!(ended.code, 0, "{arguments:?}: {ended:?}");
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

/// Starts a server with all roles, and registers it.
fn serve(vendor: &TestVendor) -> Running {
    let spool = vendor.home.path().join("spool");
    let mut serve = vendor.home.start(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--operator-listen",
        "127.0.0.1:0",
        "--spool-dir",
        spool.to_str().unwrap(),
        "--reconcile-interval",
        "10s",
        "--json",
    ]);
    let announced = tokio::task::block_in_place(|| serve.json_line());
    assert_eq!(announced["roles"], json!(["accept", "project", "reconcile", "deliver", "console"]));
    vendor.simulator.trust_pem(&vendor.home.run_aside(&["ca"]).stdout).unwrap();
    let url = format!("{}/callbacks/main", announced["listening"].as_str().unwrap());
    run(vendor, &["callbacks", "add", "--name", "main", "--url", &url]);
    run(vendor, &["accounts", "add"]);
    serve
}

/// Submits a package for review, and returns its ID.
fn submits(vendor: &TestVendor) -> SubmissionId {
    let upload = |name: &str| {
        vendor.home.write(name, "not empty");
        run(vendor, &["files", "upload", name])["files"][0]["file_upload_id"].clone()
    };
    let (archive, guide, icon) = (upload("checkout-1.2.0.zip"), upload("guide.pdf"), upload("icon.png"));
    let package = json!({
        "item_id": "checkout", "type": "extension", "platform": "M2", "name": "Checkout", "version": "1.2.0",
        "sku": "acme/checkout", "version_compatibility": [{"edition": "CE", "versions": ["2.4"]}],
        "release_notes": "First", "artifact": {"file_upload_id": archive}, "long_description": "Something",
        "documentation_artifacts": {"user": {"file_upload_id": guide}}, "license_type": "mit",
        "categories": ["Extensions//Content"],
        "media_artifacts": {"icon_image": {"file_upload_id": icon}, "gallery_images": [{"file_upload_id": icon}]},
        "action": {"technical": "submit", "marketing": "submit"},
    });
    vendor.home.write("package.json", &package.to_string());
    let created = run(vendor, &["packages", "create", "package.json"]);
    created["packages"][0]["submission_id"].as_str().unwrap_or_else(|| panic!("{created}")).parse().unwrap()
}

const EVENTS: &str = "select count(*) from eqp.event where origin <> 'baseline'";

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_hears_once_of_a_change_whose_callback_was_dropped_and_once_of_the_alert() {
    // Scans take no time, and reviews do not continue on their own while the test runs.
    let mut timing = Timing::default();
    timing.scan = Duration::ZERO;
    let simulator = Simulator::builder().speed(0.01).script(Script::new().timing(timing));
    let vendor = TestVendor::of(crate::EQP, simulator).await;
    vendor.simulator.add_fault("dropped".parse().unwrap());
    vendor.home.configure("[deliver]\nallow_networks = [\"127.0.0.0/8\"]\n");
    let submission = submits(&vendor);
    // What happens in the second of the registration does not belong to the baseline.
    sleep(Duration::from_secs(1)).await;
    let serve = serve(&vendor);
    until("the baseline", async || number(&vendor, "select count(distinct resource_id) from eqp.event").await >= 1)
        .await;
    // The endpoint has been registered for some time.
    sqlx::query("update eqp.credential set active_since = active_since - interval '1 hour'")
        .execute(&vendor.database.pool)
        .await
        .unwrap();
    let hook = Hook::start().await;
    run(&vendor, &["subscriptions", "add", "hook", "--webhook", &hook.url, "--alerts", "page"]);

    // The change is found by the server's reconciliation only.
    vendor.simulator.step(&submission, Step::TechnicalApproved).unwrap();
    let is_about_it = |message: &Value| message["data"]["resource_id"] == submission.as_str();
    until("the event", async || hook.received().iter().any(is_about_it)).await;
    let events = number(&vendor, EVENTS).await;

    // 15 minutes later, the callback has still not arrived.
    let shift = "update eqp.missing_callback set found_at = found_at - interval '16 minutes' where decision is null";
    assert_eq!(sqlx::query(shift).execute(&vendor.database.pool).await.unwrap().rows_affected(), 1);
    until("the alert", async || hook.types().iter().any(|name| name == "alert.opened")).await;
    let alerts = run(&vendor, &["alerts", "list"])["alerts"].as_array().unwrap().clone();
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!(alerts[0]["kind"], "callbacks_missed");
    let opened = hook.received().into_iter().find(|message| message["type"] == "alert.opened").unwrap();
    assert_eq!((&opened["data"]["alert"], &opened["data"]["mage_id"]), (&alerts[0]["id"], &json!("MAG123456789")));
    assert!(opened["data"]["text"].as_str().unwrap().contains("Nothing is lost"), "{opened}");

    // A second run has nothing to report.
    let again = vendor.home.run_aside(&["reconcile", "--full", "--exit-code"]);
    assert_eq!(again.code, 0, "{again:?}");

    // The callback arrives after all, and is a duplicate.
    vendor.simulator.clear_faults();
    let reported = "select flow, event.status, to_char(event.modified_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS'),
                           overall, technical, marketing
                    from eqp.event join eqp.v_submission on submission_id = resource_id
                    where resource_id = $1 and origin = 'reconcile' and flow <> 'overall'";
    let (flow, status, modified_at, overall, technical, marketing): (String, String, String, String, String, String) =
        sqlx::query_as(reported).bind(submission.as_str()).fetch_one(&vendor.database.pool).await.unwrap();
    let callback = json!({"callback_event": "eqp_status_update", "update_info": {
        "submission_id": submission, "eqp_flow": flow, "current_status": status,
        "eqp_status": {"overall": overall, "technical": technical, "marketing": marketing}, "modified_at": modified_at,
    }});
    assert_eq!(vendor.send("eqp_status_update", callback.to_string()).await, [200]);
    vendor.is_projected().await;
    assert_eq!(number(&vendor, EVENTS).await, events, "nothing is duplicated");

    // The last message, after which nothing is waiting.
    let id = alerts[0]["id"].to_string();
    run(&vendor, &["alerts", "resolve", &id, "--by", "ann", "--yes"]);
    until("the resolution", async || hook.types().iter().any(|name| name == "alert.resolved")).await;
    until("the deliveries", async || number(&vendor, "select count(*) from eqp.delivery").await == 0).await;
    let types = hook.types();
    let count = |of: &str| types.iter().filter(|name| *name == of).count();
    assert_eq!(i64::try_from(count("submission.status_changed")).unwrap(), events, "{types:?}");
    assert_eq!((count("alert.opened"), count("alert.resolved")), (1, 1), "{types:?}");
    assert_eq!(types.len(), count("submission.status_changed") + 2, "{types:?}");
    serve.terminate();
    let ended = tokio::task::block_in_place(|| serve.end());
    assert_eq!(ended.code, 0, "{ended:?}");
}
