//! Tests waits for several submissions at once.

use eqp_simulator::Step;
use eqp_test_support::submission::Submission;
use serde_json::json;

use super::fixture::{Fixture, only_scans, result};

/// Submits a product, and returns its handle.
fn submit(fixture: &Fixture, name: &str) -> String {
    let named = Submission::module().composer(|composer| composer["name"] = json!(format!("acme/{name}")));
    // The Marketplace accepts each name once.
    fixture.prepare(&named, |listing| listing["name"] = json!(format!("Fast {name}")));
    let ended = fixture.release(&[]);
    assert_eq!(ended.code, 0, "{ended:?}");
    ended.stdout.trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_for_all_needs_every_one_and_a_wait_for_any_the_first() {
    let fixture = Fixture::open(only_scans()).await;
    let (one, other) = (submit(&fixture, "one"), submit(&fixture, "other"));
    let wait = |options: &[&str]| {
        fixture.home.run_aside(&[&["wait", &one, &other, &one, "--flow", "technical"][..], options].concat())
    };
    let step = |id: &str, step| fixture.simulator.step(&id.parse().unwrap(), step).unwrap();
    let late = wait(&["--timeout", "0"]);
    assert!(late.code == 6 && late.stderr.contains(&format!("submission {one}, submission {other}")), "{late:?}");
    assert!(late.stdout.contains(&format!("{one}: overall in_progress")), "{late:?}");

    let waiting =
        fixture.home.start(&["wait", &one, &other, "--flow", "technical", "--any", "--interval", "1s", "--json"]);
    step(&other, Step::TechnicalApproved);
    let ended = tokio::task::block_in_place(|| waiting.end());
    let reported = result(&ended);
    assert_eq!((ended.code, &reported["result"]), (0, &json!("reached")), "{ended:?}");
    let results = ["0", "1"].map(|index| reported["handles"][index.parse::<usize>().unwrap()]["result"].clone());
    assert_eq!(results, [json!("waiting"), json!("reached")], "{reported}");
    assert_eq!(wait(&["--all", "--timeout", "0"]).code, 6);

    step(&one, Step::TechnicalApproved);
    let reached = wait(&["--all", "--json"]);
    assert_eq!((reached.code, &result(&reached)["handles"][1]["id"]), (0, &json!(other)), "{reached:?}");
    // A rejection ends the wait for all at once.
    step(&one, Step::MarketingStarted);
    step(&one, Step::MarketingRejected);
    let rejected = fixture.home.run_aside(&["wait", &one, &other, "--json"]);
    assert_eq!((rejected.code, &result(&rejected)["result"]), (5, &json!("rejected")), "{rejected:?}");
    assert_eq!(result(&rejected)["handles"][1]["result"], "waiting", "{rejected:?}");
    assert!(rejected.stderr.contains(&format!("eqp packages report {one}")), "{rejected:?}");
    assert_eq!(fixture.home.run_aside(&["wait", &one, &other, "--then", "true"]).code, 2);
    assert_eq!(fixture.home.run_aside(&["wait", &one, "nowhere", "--timeout", "60s"]).code, 4);
}
