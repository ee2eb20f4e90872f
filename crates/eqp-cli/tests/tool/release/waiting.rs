//! Waiting: by events where there is a database, by asking where there is none, and never for ever.

use std::time::{Duration, Instant};

use eqp_simulator::{Scan, Step};
use eqp_test_support::TestDatabase;
use serde_json::json;

use super::scene::{Scene, at_once, only_scans, reads, result};

#[tokio::test(flavor = "multi_thread")]
async fn a_review_that_never_ends_is_code_6_and_keeps_its_handle() {
    let scene = Scene::open(only_scans()).await;
    let ended = scene.release(&["--until", "released", "--timeout", "1s", "--json"]);
    let told = result(&ended);
    assert_eq!((ended.code, &told["outcome"]), (6, &json!("timed_out")), "{ended:?}");
    let handle = told["handle"].as_str().unwrap();
    assert!(ended.stderr.contains(&format!("eqp wait {handle}")), "{}", ended.stderr);
    assert_eq!(scene.home.run_aside(&["wait", handle, "--timeout", "1s"]).code, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_that_never_ends_is_code_6_and_nothing_is_submitted() {
    let scene = Scene::open(at_once().scan("*.zip", Scan::NeverEnds)).await;
    let ended = scene.release(&["--until", "released", "--timeout", "1s"]);
    assert_eq!(ended.code, 6, "{ended:?}");
    assert!(ended.stderr.contains("scan of") && ended.stderr.contains("guide.pdf: pass"), "{}", ended.stderr);
    assert!(scene.look().accounts[0].packages.is_empty());
    assert_eq!(scene.home.run_aside(&["wait", ended.stdout.trim(), "--timeout", "1s"]).code, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_marketplace_that_is_away_for_a_while_is_waited_for_and_one_that_stays_away_is_code_7() {
    let scene = Scene::open(only_scans()).await;
    scene.simulator.add_fault("status=503,html call=packages.get nth=1,2,3,4,5,6".parse().unwrap());
    let mut running = scene.start(&["--until", "technical", "--timeout", "60s", "--progress", "json"]);
    let id = reads(&mut running, "submit", "done")["submission_id"].as_str().unwrap().parse().unwrap();
    scene.simulator.step(&id, Step::TechnicalApproved).unwrap();
    let ended = tokio::task::block_in_place(|| running.end());
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stderr.contains("waiting on"), "{}", ended.stderr);

    let scene = Scene::open(only_scans()).await;
    scene.simulator.add_fault("status=503,html call=packages.get".parse().unwrap());
    let ended = scene.release(&["--until", "technical", "--timeout", "1s"]);
    assert_eq!(ended.code, 7, "{ended:?}");
}

/// A receiver that hears, and a release that waits with its database.
async fn heard() -> (Scene, TestDatabase, crate::eqp::Running) {
    let mut scene = Scene::open(only_scans()).await;
    let database = TestDatabase::create().await;
    scene.home.set("EQP_DATABASE_URL", database.url());
    let serve = tokio::task::block_in_place(|| {
        let mut serve = scene.home.start(&["serve", "--listen", "127.0.0.1:0", "--json"]);
        let url = format!("{}/callbacks/main", serve.json_line()["listening"].as_str().unwrap());
        scene.simulator.trust_pem(&scene.home.run(&["ca"]).stdout).unwrap();
        scene.home.json(&["callbacks", "add", "--name", "main", "--url", &url, "--json"]);
        serve
    });
    (scene, database, serve)
}

/// Sooner than the next question would come, and later than a busy machine needs: as measured it takes a tenth of a second.
const SOON: Duration = Duration::from_secs(5);
/// So long without anything that the next question would come after more than `SOON`: questions are asked after 12.7 and 25.5
/// seconds. A thing that is not to happen can only be waited for by time.
const QUIET: Duration = Duration::from_secs(19);
/// Until a wait that asks once a minute has begun.
const BEGUN: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_ends_with_the_callback_and_not_with_the_next_question() {
    let (scene, _database, _serve) = heard().await;
    let mut running = scene.start(&["--until", "technical", "--progress", "json"]);
    let id = reads(&mut running, "submit", "done")["submission_id"].as_str().unwrap().parse().unwrap();
    reads(&mut running, "review", "moved");
    tokio::time::sleep(QUIET).await;
    let begun = Instant::now();
    scene.simulator.step(&id, Step::TechnicalApproved).unwrap();
    let ended = tokio::task::block_in_place(|| running.end());
    let took = begun.elapsed();
    assert_eq!((ended.code, &result(&ended)["outcome"]), (0, &json!("reached")), "{ended:?}");
    assert!(took < SOON, "it took {took:?}");

    // The handle, with the other command, from elsewhere, by two at once.
    let handle = id.to_string();
    let waits = ["marketing", "overall"].map(|flow| {
        let wait = ["wait", &handle, "--flow", flow, "--until", "approved", "--interval", "60s", "--json"];
        scene.home.start(&wait)
    });
    tokio::time::sleep(BEGUN).await;
    let begun = Instant::now();
    scene.simulator.step(&id, Step::MarketingStarted).unwrap();
    scene.simulator.step(&id, Step::MarketingApproved).unwrap();
    for wait in waits {
        let ended = tokio::task::block_in_place(|| wait.end());
        let took = begun.elapsed();
        let told = result(&ended);
        assert_eq!((&told["result"], &told["confirmed"]), (&json!("reached"), &json!(true)), "{ended:?}");
        assert!(took < SOON, "it took {took:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_ends_though_no_callback_comes() {
    let (scene, _database, _serve) = heard().await;
    scene.simulator.add_fault("dropped".parse().unwrap());
    let mut running = scene.start(&["--until", "technical", "--timeout", "60s", "--progress", "json"]);
    let id = reads(&mut running, "submit", "done")["submission_id"].as_str().unwrap().parse().unwrap();
    scene.simulator.step(&id, Step::TechnicalApproved).unwrap();
    let ended = tokio::task::block_in_place(|| running.end());
    assert_eq!((ended.code, &result(&ended)["outcome"]), (0, &json!("reached")), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_is_no_reason_not_to_release() {
    let mut scene = Scene::open(at_once()).await;
    scene.home.set("EQP_DATABASE_URL", "postgres://nobody@127.0.0.1:1/none");
    let ended = scene.release(&["--until", "released", "--timeout", "60s"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stderr.contains("the Marketplace is asked instead"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_database_a_wait_asks_the_marketplace_and_a_release_ends_without_an_error() {
    let mut scene = Scene::open(at_once()).await;
    scene.home.set("EQP_DATABASE_URL", "postgres://me@127.0.0.1:1/eqp");
    let ended = scene.release(&["--until", "released", "--timeout", "60s"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stderr.contains("not waiting for events") && !ended.stderr.contains("error:"), "{}", ended.stderr);
    let waited = scene.home.run_aside(&["wait", ended.stdout.trim(), "--timeout", "30s"]);
    assert_eq!(waited.code, 0, "{waited:?}");
    assert!(waited.stderr.contains("not waiting for events") && !waited.stderr.contains("error:"), "{waited:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_ends_when_the_submission_is_taken_back_and_names_the_reason_of_a_rejection() {
    let scene = Scene::open(only_scans()).await;
    let handle = scene.release(&["--until", "none"]).stdout.trim().to_owned();
    let waiting = scene.home.start(&["wait", &handle, "--interval", "1s", "--timeout", "60s", "--json"]);
    let recalled = scene.home.run_aside(&["packages", "recall", "--submission", &handle]);
    assert_eq!(recalled.code, 0, "{recalled:?}");
    let ended = tokio::task::block_in_place(|| waiting.end());
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stdout.contains(r#""result":"recalled""#) && ended.stderr.contains("eqp release"), "{ended:?}");

    let scene = Scene::open(only_scans()).await;
    let handle = scene.release(&["--until", "none"]).stdout.trim().to_owned();
    let empty = scene.home.run_aside(&["packages", "report", &handle, "--json"]);
    assert!(empty.stdout.contains(r#""result":"nothing_ran""#), "{empty:?}");
    scene.simulator.step(&handle.parse().unwrap(), Step::TechnicalRejected).unwrap();
    let ended = scene.home.run_aside(&["wait", &handle, "--timeout", "30s"]);
    assert_eq!(ended.code, 5, "{ended:?}");
    assert!(ended.stderr.contains(&format!("eqp packages report {handle}")), "{ended:?}");
}
