//! Tests that a release that is killed at any step and run again creates one submission and has the right result.

use eqp_simulator::{Decision, Review, Script, Snapshot};
use serde_json::json;

use super::fixture::{Fixture, at_once, reads, result, reviewed};

/// The moment at which a run is killed.
enum When {
    /// During this step, while its call is delayed.
    Begun(&'static str),
    /// After the Marketplace has fulfilled this condition and the response to the call was lost.
    Done(fn(&Snapshot) -> bool),
}

/// Every step, before and after it is carried out, with the fault that stops the run there.
const POINTS: &[(&str, When)] = &[
    ("latency=300s call=files.list", When::Begun("check")),
    ("latency=300s call=files.upload", When::Begun("upload")),
    ("answer-lost call=files.upload times=1", When::Done(|seen| seen.accounts[0].files.len() == 6)),
    ("latency=300s call=files.get", When::Begun("scan")),
    ("latency=300s call=packages.create", When::Begun("create")),
    ("answer-lost call=packages.create", When::Done(|seen| !seen.accounts[0].packages.is_empty())),
    ("latency=300s call=packages.update", When::Begun("submit")),
    ("answer-lost call=packages.update", When::Done(|seen| status(seen).is_some_and(|now| now != "draft/draft/draft"))),
    ("latency=300s call=packages.get", When::Begun("review")),
];

fn status(seen: &Snapshot) -> Option<String> {
    seen.accounts[0].packages.first().map(|package| package.status.to_string())
}

async fn killed_at(point: &(&str, When), script: Script) -> Fixture {
    let (fault, when) = point;
    let fixture = Fixture::open(script).await;
    fixture.simulator.add_fault(fault.parse().unwrap());
    let mut running = fixture.start(&["--until", "released", "--progress", "json"]);
    match when {
        When::Begun(step) => drop(tokio::task::block_in_place(|| reads(&mut running, step, "begins"))),
        When::Done(is_done) => drop(fixture.until(is_done).await),
    }
    let ended = tokio::task::block_in_place(|| running.kill());
    // If nothing delays the run after the step, it may already have ended.
    let may_have_ended = matches!(when, When::Done(_)) && [0, 5].contains(&ended.code);
    assert!(ended.code == -1 || may_have_ended, "{fault}: it was killed: {ended:?}");
    fixture.simulator.clear_faults();
    fixture
}

#[tokio::test(flavor = "multi_thread")]
async fn whenever_it_is_killed_the_next_run_goes_on_and_makes_one_submission() {
    for point in POINTS {
        let fixture = killed_at(point, at_once()).await;
        let ended = fixture.release(&["--until", "released", "--timeout", "60s", "--json"]);
        assert_eq!((ended.code, &result(&ended)["result"]), (0, &json!("reached")), "{}: {ended:?}", point.0);
        assert_eq!(fixture.status(), "released_to_store/approved/approved", "{}", point.0);
        assert_eq!(fixture.look().accounts[0].files.len(), 6, "{}: nothing was uploaded twice", point.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whenever_it_is_killed_a_rejection_is_found_and_not_submitted_again() {
    // After an immediate rejection, there is no review to wait for.
    for point in POINTS.iter().filter(|(_, when)| !matches!(when, When::Begun("review"))) {
        let rejecting = Review::default().technical([Decision::Reject, Decision::Approve]);
        let fixture = killed_at(point, reviewed(rejecting)).await;
        for _ in 0..2 {
            let ended = fixture.release(&["--until", "released", "--timeout", "60s", "--json"]);
            assert_eq!((ended.code, &result(&ended)["result"]), (5, &json!("rejected")), "{}: {ended:?}", point.0);
            assert_eq!(result(&ended)["failed_tests"][0]["tool"], json!("manual_qa"), "{}", point.0);
        }
        assert!(fixture.status().contains("/rejected/"), "{}: {}", point.0, fixture.status());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_is_looked_for_in_the_same_run() {
    for call in ["files.upload", "packages.create", "packages.update", "packages.get", "files.get"] {
        let fixture = Fixture::open(at_once()).await;
        fixture.simulator.add_fault(format!("answer-lost call={call} times=1").parse().unwrap());
        fixture.simulator.add_fault(format!("status=503,html call={call} nth=2").parse().unwrap());
        let ended = fixture.release(&["--until", "released", "--timeout", "60s"]);
        assert_eq!(ended.code, 0, "{call}: {ended:?}");
        assert_eq!(fixture.status(), "released_to_store/approved/approved", "{call}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_it_with_a_handle_and_what_to_do() {
    let fixture = Fixture::open(super::fixture::only_scans()).await;
    let mut running = fixture.start(&["--until", "released", "--progress", "json"]);
    let id = reads(&mut running, "submit", "done")["submission_id"].clone();
    running.terminate();
    let ended = tokio::task::block_in_place(|| running.end());
    let reported = result(&ended);
    assert_eq!((ended.code, &reported["handle"], &reported["result"]), (130, &id, &json!("interrupted")), "{ended:?}");
    assert!(ended.stderr.contains("run the same command again"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_at_once_make_one_submission() {
    let fixture = Fixture::open(at_once()).await;
    let runs: Vec<_> = (0..3).map(|_| fixture.start(&["--until", "released", "--timeout", "60s", "--json"])).collect();
    for running in runs {
        let ended = tokio::task::block_in_place(|| running.end());
        // A run that submits too late may be rejected, but nothing worse happens.
        assert!([0, 5].contains(&ended.code), "{ended:?}");
    }
    assert_eq!(fixture.status(), "released_to_store/approved/approved");
}
