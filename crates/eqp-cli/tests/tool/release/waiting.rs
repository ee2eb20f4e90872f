//! Tests waits: by events with a database, by polling without one, and always with a timeout.

use std::time::{Duration, Instant};

use eqp_simulator::{Scan, Step};
use eqp_test_support::TestDatabase;
use eqp_test_support::submission::Submission;
use serde_json::json;

use super::fixture::{Fixture, at_once, only_scans, reads, result};
use eqp_test_support::tool::Home;

#[tokio::test(flavor = "multi_thread")]
async fn a_review_that_never_ends_is_code_6_and_keeps_its_handle() {
    let fixture = Fixture::open(only_scans()).await;
    let ended = fixture.release(&["--until", "released", "--timeout", "1s", "--json"]);
    let reported = result(&ended);
    assert_eq!((ended.code, &reported["result"]), (6, &json!("timed_out")), "{ended:?}");
    let handle = reported["handle"].as_str().unwrap();
    assert!(ended.stderr.contains(&format!("eqp wait {handle}")), "{}", ended.stderr);
    assert_eq!(fixture.home.run_aside(&["wait", handle, "--timeout", "1s"]).code, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_that_never_ends_is_code_6_and_nothing_is_submitted() {
    let fixture = Fixture::open(at_once().scan("*.zip", Scan::NeverEnds)).await;
    let ended = fixture.release(&["--until", "released", "--timeout", "1s"]);
    assert_eq!(ended.code, 6, "{ended:?}");
    assert!(ended.stderr.contains("scan of") && ended.stderr.contains("guide.pdf: pass"), "{}", ended.stderr);
    assert!(fixture.look().accounts[0].packages.is_empty());
    assert_eq!(fixture.home.run_aside(&["wait", ended.stdout.trim(), "--timeout", "1s"]).code, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_marketplace_that_is_away_for_a_while_is_waited_for_and_one_that_stays_away_is_code_7() {
    let fixture = Fixture::open(only_scans()).await;
    fixture.simulator.add_fault("status=503,html call=packages.get nth=1,2,3,4,5,6".parse().unwrap());
    let mut running = fixture.start(&["--until", "technical", "--timeout", "60s", "--progress", "json"]);
    let id = reads(&mut running, "submit", "done")["submission_id"].as_str().unwrap().parse().unwrap();
    fixture.simulator.step(&id, Step::TechnicalApproved).unwrap();
    let ended = tokio::task::block_in_place(|| running.end());
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stderr.contains("still waiting"), "{}", ended.stderr);

    let fixture = Fixture::open(only_scans()).await;
    fixture.simulator.add_fault("status=503,html call=packages.get".parse().unwrap());
    let ended = fixture.release(&["--until", "technical", "--timeout", "1s"]);
    assert_eq!(ended.code, 7, "{ended:?}");
}

/// Starts a receiver, and prepares a release that waits with its database.
async fn heard() -> (Fixture, TestDatabase, eqp_test_support::tool::Running) {
    let mut fixture = Fixture::open(only_scans()).await;
    let database = TestDatabase::create().await;
    fixture.home.set("EQP_DATABASE_URL", database.url());
    let serve = tokio::task::block_in_place(|| {
        let mut serve = fixture.home.start(&["serve", "--listen", "127.0.0.1:0", "--json"]);
        let url = format!("{}/callbacks/main", serve.json_line()["listening"].as_str().unwrap());
        fixture.simulator.trust_pem(&fixture.home.run(&["ca"]).stdout).unwrap();
        fixture.home.json(&["callbacks", "add", "--name", "main", "--url", &url, "--json"]);
        serve
    });
    (fixture, database, serve)
}

/// Shorter than the time to the next poll, and longer than a busy machine needs (measured: a tenth of a second).
const SOON: Duration = Duration::from_secs(5);
/// A quiet time after which the next poll is more than `SOON` away: polls happen after 12.7 and 25.5 seconds. The
/// absence of an event can only be tested by time.
const QUIET: Duration = Duration::from_secs(19);
/// Waits until a wait that polls once a minute has started.
const BEGUN: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_ends_with_the_callback_and_not_with_the_next_question() {
    let (fixture, _database, _serve) = heard().await;
    let mut running = fixture.start(&["--until", "technical", "--progress", "json"]);
    let id = reads(&mut running, "submit", "done")["submission_id"].as_str().unwrap().parse().unwrap();
    reads(&mut running, "review", "moved");
    tokio::time::sleep(QUIET).await;
    let begun = Instant::now();
    fixture.simulator.step(&id, Step::TechnicalApproved).unwrap();
    let ended = tokio::task::block_in_place(|| running.end());
    let took = begun.elapsed();
    assert_eq!((ended.code, &result(&ended)["result"]), (0, &json!("reached")), "{ended:?}");
    assert!(took < SOON, "it took {took:?}");

    // Two other processes wait for the handle at the same time.
    let handle = id.to_string();
    let waits = ["marketing", "overall"].map(|flow| {
        let wait = ["wait", &handle, "--flow", flow, "--until", "approved", "--interval", "60s", "--json"];
        fixture.home.start(&wait)
    });
    tokio::time::sleep(BEGUN).await;
    let begun = Instant::now();
    fixture.simulator.step(&id, Step::MarketingStarted).unwrap();
    fixture.simulator.step(&id, Step::MarketingApproved).unwrap();
    for wait in waits {
        let ended = tokio::task::block_in_place(|| wait.end());
        let took = begun.elapsed();
        let reported = result(&ended);
        assert_eq!((&reported["result"], &reported["confirmed"]), (&json!("reached"), &json!(true)), "{ended:?}");
        assert!(took < SOON, "it took {took:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_ends_though_no_callback_comes() {
    let (fixture, _database, _serve) = heard().await;
    fixture.simulator.add_fault("dropped".parse().unwrap());
    let mut running = fixture.start(&["--until", "technical", "--timeout", "60s", "--progress", "json"]);
    let id = reads(&mut running, "submit", "done")["submission_id"].as_str().unwrap().parse().unwrap();
    fixture.simulator.step(&id, Step::TechnicalApproved).unwrap();
    let ended = tokio::task::block_in_place(|| running.end());
    assert_eq!((ended.code, &result(&ended)["result"]), (0, &json!("reached")), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_access_key_a_wait_for_the_store_ends_once_the_only_submitted_review_has_ended() {
    let (fixture, database, _serve) = heard().await;
    fixture.prepare(&Submission::module(), |listing| listing["action"] = json!({"technical": "submit"}));
    let handle = fixture.release(&[]).stdout.trim().to_owned();
    let mut listener = Home::at(crate::EQP, fixture.home.path());
    listener.set("EQP_DATABASE_URL", database.url());
    // While the review is running, a callback about the other review may still arrive.
    let waited = listener.run_aside(&["wait", &handle, "--timeout", "2s"]);
    assert_eq!(waited.code, 6, "{waited:?}");
    fixture.simulator.step(&handle.parse().unwrap(), Step::TechnicalApproved).unwrap();
    let ended = listener.run_aside(&["wait", &handle, "--timeout", "60s", "--json"]);
    assert_eq!((ended.code, &result(&ended)["result"]), (1, &json!("not_submitted")), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_is_no_reason_not_to_release() {
    let mut fixture = Fixture::open(at_once()).await;
    fixture.home.set("EQP_DATABASE_URL", "postgres://nobody@127.0.0.1:1/none");
    let ended = fixture.release(&["--until", "released", "--timeout", "60s"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stderr.contains("polling the Marketplace instead"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_database_a_wait_asks_the_marketplace_and_a_release_ends_without_an_error() {
    let mut fixture = Fixture::open(at_once()).await;
    fixture.home.set("EQP_DATABASE_URL", "postgres://me@127.0.0.1:1/eqp");
    let ended = fixture.release(&["--until", "released", "--timeout", "60s"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stderr.contains("events are not available") && !ended.stderr.contains("error:"), "{}", ended.stderr);
    let waited = fixture.home.run_aside(&["wait", ended.stdout.trim(), "--timeout", "30s"]);
    assert_eq!(waited.code, 0, "{waited:?}");
    assert!(waited.stderr.contains("events are not available") && !waited.stderr.contains("error:"), "{waited:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_ends_when_the_submission_is_taken_back_and_names_the_reason_of_a_rejection() {
    let fixture = Fixture::open(only_scans()).await;
    let handle = fixture.release(&["--until", "none"]).stdout.trim().to_owned();
    let waiting = fixture.home.start(&["wait", &handle, "--interval", "1s", "--timeout", "60s", "--json"]);
    let recalled = fixture.home.run_aside(&["packages", "recall", "--submission", &handle]);
    assert_eq!(recalled.code, 0, "{recalled:?}");
    let ended = tokio::task::block_in_place(|| waiting.end());
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stdout.contains(r#""result":"recalled""#) && ended.stderr.contains("eqp release"), "{ended:?}");

    let fixture = Fixture::open(only_scans()).await;
    let handle = fixture.release(&["--until", "none"]).stdout.trim().to_owned();
    let empty = fixture.home.run_aside(&["packages", "report", &handle, "--json"]);
    assert!(empty.stdout.contains(r#""result":"nothing_ran""#), "{empty:?}");
    fixture.simulator.step(&handle.parse().unwrap(), Step::TechnicalRejected).unwrap();
    let ended = fixture.home.run_aside(&["wait", &handle, "--timeout", "30s"]);
    assert_eq!(ended.code, 5, "{ended:?}");
    assert!(ended.stderr.contains(&format!("eqp packages report {handle}")), "{ended:?}");
}
