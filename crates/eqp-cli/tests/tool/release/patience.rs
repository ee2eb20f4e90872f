//! Tests which events end a wait early.

use std::time::{Duration, Instant};

use eqp_simulator::Step;
use serde_json::json;

use super::fixture::{Fixture, at_once, only_scans, result};

/// Returns how often a wait without a usable response is reported.
fn reported(stderr: &str) -> usize {
    stderr.matches("no usable response").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn outages_and_odd_answers_are_waited_out_without_a_database_and_reported_once() {
    let fixture = Fixture::open(only_scans()).await;
    let handle = fixture.release(&["--until", "none"]).stdout.trim().to_owned();
    fixture.simulator.step(&handle.parse().unwrap(), Step::TechnicalApproved).unwrap();
    // The outage is longer than the retries of the client.
    for fault in ["status=503,html times=12", "error-body=1210 times=3", "html times=3", "status=403,html times=3"] {
        fixture.simulator.add_fault(format!("{fault} call=packages.get").parse().unwrap());
        let wait = ["wait", &handle, "--flow", "technical", "--interval", "1s", "--timeout", "60s"];
        let ended = fixture.home.run_aside(&wait);
        assert_eq!((ended.code, reported(&ended.stderr)), (0, 1), "{fault}: {ended:?}");
        fixture.simulator.clear_faults();
    }
    fixture.simulator.add_fault("error-body=1210 call=packages.get".parse().unwrap());
    let timed_out = fixture.home.run_aside(&["wait", &handle, "--timeout", "3s"]);
    assert!(timed_out.code == 6 && timed_out.stderr.contains("the last request failed"), "{timed_out:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clear_refusal_ends_a_wait_at_once() {
    let fixture = Fixture::open(only_scans()).await;
    let handle = fixture.release(&["--until", "none"]).stdout.trim().to_owned();
    let begun = Instant::now();
    assert_eq!(fixture.home.run_aside(&["wait", "nowhere", "--timeout", "5m"]).code, 4);
    fixture.simulator.add_fault("status=403 call=packages.get".parse().unwrap());
    assert_eq!(fixture.home.run_aside(&["wait", &handle, "--timeout", "5m"]).code, 3);
    assert!(begun.elapsed() < Duration::from_mins(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_by_the_own_item_id_hints_at_the_submission_id() {
    let fixture = Fixture::open(only_scans()).await;
    let handle = fixture.release(&["--until", "none"]).stdout.trim().to_owned();
    let item = fixture.look().accounts[0].packages[0].item_id.as_ref().unwrap().to_string();
    assert_ne!(item, handle);
    fixture.simulator.step(&handle.parse().unwrap(), Step::TechnicalRejected).unwrap();
    let ended = fixture.home.run_aside(&["wait", &item, "--timeout", "60s"]);
    assert!(ended.code == 5 && ended.stderr.contains(&format!("eqp packages report {handle}")), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_status_is_printed_once_and_in_canonical_spelling() {
    let fixture = Fixture::open(at_once()).await;
    let handle = fixture.release(&["--until", "released", "--timeout", "60s"]).stdout.trim().to_owned();
    let submission = fixture.home.run_aside(&["wait", &handle, "--timeout", "60s"]);
    assert_eq!((submission.code, submission.stderr.as_str()), (0, ""), "{submission:?}");
    assert!(submission.stdout.contains("released_to_store"), "{submission:?}");
    let file = fixture.look().accounts[0].files[0].file_upload_id.to_string();
    let scan = fixture.home.run_aside(&["wait", &file, "--timeout", "60s"]);
    assert_eq!((scan.code, scan.stderr.as_str()), (0, ""), "{scan:?}");
    assert!(scan.stdout.contains("passed"), "{scan:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_for_a_status_that_can_no_longer_come_ends_at_once() {
    let fixture = Fixture::open(at_once()).await;
    let handle = fixture.release(&["--until", "released", "--timeout", "60s"]).stdout.trim().to_owned();
    let file = fixture.look().accounts[0].files[0].file_upload_id.to_string();
    for (wait, hint) in [
        (&["wait", &file, "--until", "failed"][..], format!("eqp files show {file}")),
        (&["wait", &handle, "--flow", "technical", "--until", "rejected"], format!("eqp packages show {handle}")),
        (&["wait", &handle, "--flow", "marketing", "--until", "in_marketing_review"], "is final".to_owned()),
        (&["wait", &handle, "--until", "in_progress"], "can no longer become in_progress".to_owned()),
    ] {
        let ended = fixture.home.run_aside(&[wait, &["--json", "--timeout", "5m"]].concat());
        assert_eq!((ended.code, &result(&ended)["result"]), (1, &json!("unreachable")), "{wait:?}: {ended:?}");
        assert!(ended.stderr.contains(&hint), "{ended:?}");
    }
    // A package in the store may be removed from it.
    let removal = ["wait", &handle, "--until", "admin_removed_from_store", "--timeout", "1s"];
    assert_eq!(fixture.home.run_aside(&removal).code, 6);
}
