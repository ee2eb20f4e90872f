use std::time::Duration;

use eqp_simulator::{
    CallbackFault, CallbackForm, CallbackMatcher, Decision, Review, Script, SendResult, SentKind, Simulator, Timing,
};
use eqp_types::{Callback, Flow, Timestamp};
use http::StatusCode;
use serde_json::json;

use eqp_test_support::marketplace::{CallbackRecorder, PATIENCE, TestMarketplace};

const RELEASED: &str = "released_to_store/approved/approved";

/// Releases one package with this callback target, and waits until `count` callbacks were sent.
async fn released(script: Script, form: CallbackForm, count: usize) -> (TestMarketplace, CallbackRecorder, String) {
    let harness = TestMarketplace::of(Simulator::builder().speed(600.0).script(script).form(form)).await;
    let target = CallbackRecorder::start();
    harness.register(&[&target]).await;
    let submission = harness.create(harness.complete_package("item", "badges.zip").await).await;
    harness.until(&submission, RELEASED).await;
    harness.simulator.wait_until(PATIENCE, |snapshot| snapshot.sent.len() >= count).await.unwrap();
    (harness, target, submission)
}

/// Three callbacks of scans, two of the submission, five of the reviews, one of the release.
const PLAIN: usize = 11;

#[tokio::test]
async fn every_change_is_sent_with_the_registrations_header() {
    let (harness, target, submission) = released(Script::new(), CallbackForm::Later, PLAIN).await;
    let received = target.received();
    assert_eq!(received.len(), PLAIN);
    for (headers, body) in &received {
        assert_eq!(headers["authorization"], "Basic a2V5OnNlY3JldA==");
        assert_eq!(headers["content-type"], "application/json");
        Callback::decode(body.to_string().as_bytes()).unwrap();
    }
    let reported = target.reported();
    for wanted in [
        "technical in_automation in_progress",
        "marketing awaiting_marketing_review in_progress",
        "technical awaiting_manual_qa in_progress",
        "technical in_manual_qa in_progress",
        "marketing in_marketing_review in_progress",
        "marketing approved in_progress",
        "technical approved approved",
        "technical approved released_to_store",
    ] {
        assert!(reported.contains(&wanted.to_owned()), "{wanted}: {reported:?}");
    }
    assert_eq!(reported.last().unwrap(), "technical approved released_to_store");
    let sent = harness.simulator.sent();
    assert!(sent.iter().all(|sent| sent.result == SendResult::Answered(200) && sent.latency > Duration::ZERO));
    assert!(sent.iter().any(|sent| sent.resource_id == submission && sent.flow == Some(Flow::Technical)));
}

#[tokio::test]
async fn distinct_changes_have_distinct_seconds() {
    let (_world, target, _) = released(Script::new(), CallbackForm::Later, PLAIN).await;
    let mut snapshots: Vec<(Timestamp, String)> = target
        .received()
        .iter()
        .map(|(_, body)| &body["update_info"])
        .filter(|info| info["submission_id"].is_string())
        .map(|info| (info["modified_at"].as_str().unwrap().parse().unwrap(), info["eqp_status"].to_string()))
        .collect();
    snapshots.sort();
    snapshots.dedup();
    let mut times: Vec<_> = snapshots.iter().map(|(time, _)| *time).collect();
    times.dedup();
    assert_eq!(times.len(), snapshots.len(), "one second, one state: {snapshots:?}");
}

#[tokio::test]
async fn the_first_form_has_no_time_and_no_other_flows() {
    let (_world, target, _) = released(Script::new(), CallbackForm::First, PLAIN).await;
    for (_, body) in target.received() {
        let info = body["update_info"].as_object().unwrap().clone();
        assert!(!info.contains_key("modified_at") && !info.contains_key("eqp_status"), "{body}");
    }
}

#[tokio::test]
async fn every_registration_gets_every_callback() {
    let harness = TestMarketplace::of(Simulator::builder().speed(600.0)).await;
    let (first, second) = (CallbackRecorder::start(), CallbackRecorder::answering(StatusCode::INTERNAL_SERVER_ERROR));
    harness.register(&[&first, &second]).await;
    harness.upload_one("a.png", vec![0]).await;
    let snapshot = harness.simulator.wait_until(PATIENCE, |snapshot| snapshot.sent.len() == 2).await.unwrap();
    assert_eq!((first.received().len(), second.received().len()), (1, 1), "a refusal is not repeated");
    let mut results: Vec<_> = snapshot.sent.iter().map(|sent| sent.result.is_success()).collect();
    results.sort_unstable();
    assert_eq!(results, [false, true]);
}

#[tokio::test]
async fn a_target_whose_certificate_is_not_trusted_gets_nothing() {
    let harness = TestMarketplace::of(Simulator::builder().speed(600.0)).await;
    let target = CallbackRecorder::start();
    let entry = json!({"url": target.url, "username": "key", "password": "secret"});
    harness.put(&harness.user_path(), json!({"api_callbacks": [entry]})).await;
    harness.upload_one("a.png", vec![0]).await;
    let snapshot = harness.simulator.wait_until(PATIENCE, |snapshot| snapshot.sent.len() == 1).await.unwrap();
    let SendResult::Failed(why) = &snapshot.sent[0].result else { panic!("{:?}", snapshot.sent) };
    assert!(why.contains("certificate") && !why.contains("secret"), "{why}");
    assert!(target.received().is_empty());
}

#[tokio::test]
async fn duplicates_are_the_same_byte_for_byte() {
    let approved = CallbackMatcher::any().flow(Flow::Technical).status("approved").nth(1);
    let script = Script::new().callback_fault(approved, CallbackFault::Duplicates(2));
    let (harness, target, _) = released(script, CallbackForm::Later, PLAIN + 2).await;
    let sent = harness.simulator.sent();
    let copies: Vec<_> = sent.iter().filter(|sent| sent.kind == SentKind::Duplicate).collect();
    assert_eq!(copies.len(), 2);
    assert_eq!(sent.iter().filter(|sent| sent.body == copies[0].body).count(), 3);
    assert_eq!(target.reported().iter().filter(|reported| *reported == "technical approved approved").count(), 3);
}

#[tokio::test]
async fn a_late_callback_comes_after_its_successors() {
    let manual = CallbackMatcher::any().status("in_manual_qa");
    let script = Script::new().callback_fault(manual, CallbackFault::Late(Duration::from_mins(4)));
    let (harness, target, _) = released(script, CallbackForm::Later, PLAIN).await;
    assert_eq!(target.reported().last().unwrap(), "technical in_manual_qa in_progress");
    assert_eq!(harness.simulator.sent().last().unwrap().kind, SentKind::Late);
}

#[tokio::test]
async fn a_swapped_callback_comes_after_the_one_that_follows_it() {
    let script = Script::new().callback_fault(CallbackMatcher::any().status("approved").nth(2), CallbackFault::Swapped);
    let (_world, target, _) = released(script, CallbackForm::Later, PLAIN).await;
    let reported = target.reported();
    assert_eq!(reported[reported.len() - 2..], ["technical approved released_to_store", "technical approved approved"]);
}

#[tokio::test]
async fn a_dropped_callback_is_recorded_and_never_sent() {
    let script = Script::new().callback_fault(CallbackMatcher::any().status("in_manual_qa"), CallbackFault::Dropped);
    let (harness, target, _) = released(script, CallbackForm::Later, PLAIN).await;
    assert_eq!(harness.simulator.sent().iter().filter(|sent| sent.result == SendResult::Dropped).count(), 1);
    assert!(target.reported().iter().all(|reported| !reported.contains("in_manual_qa")));
}

#[tokio::test]
async fn unknown_codes_and_fields_are_sent_too() {
    let script = Script::new()
        .callback_fault(
            CallbackMatcher::any().flow(Flow::Malware).nth(1),
            CallbackFault::UnknownEvent("store_moved".into()),
        )
        .callback_fault(CallbackMatcher::any().flow(Flow::Malware).nth(2), CallbackFault::UnknownFields);
    let (_world, target, _) = released(script, CallbackForm::Later, PLAIN + 1).await;
    let bodies: Vec<_> = target.received().into_iter().map(|(_, body)| body).collect();
    assert!(bodies.iter().any(|body| body["callback_event"] == "store_moved"));
    assert!(bodies.iter().any(|body| body["update_info"]["review_round"].is_object()));
}

#[tokio::test]
async fn one_callback_comes_in_the_first_form_by_a_line_of_text() {
    let script = Script::new().rule("first-form status=approved nth=1".parse().unwrap());
    let (_world, target, _) = released(script, CallbackForm::Later, PLAIN).await;
    let first_form = |body: &serde_json::Value| body["update_info"].get("modified_at").is_none();
    let bodies: Vec<_> = target.received().into_iter().map(|(_, body)| body).filter(first_form).collect();
    assert_eq!(bodies.len(), 1);
    assert_eq!(bodies[0]["update_info"]["current_status"], "approved");
}

#[tokio::test]
async fn a_slow_target_does_not_delay_the_others() {
    let harness = TestMarketplace::of(Simulator::builder().speed(600.0)).await;
    let target = CallbackRecorder::start();
    // Accepts connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_url = format!("https://{}/", silent.local_addr().unwrap());
    harness.simulator.trust_pem(&target.ca_pem).unwrap();
    let list = json!([{"url": silent_url}, {"url": target.url, "username": "key", "password": "secret"}]);
    harness.put(&harness.user_path(), json!({"api_callbacks": list})).await;
    for name in ["a.png", "b.png"] {
        harness.upload_one(name, vec![0]).await;
    }
    // Sooner than the timeout of the silent target.
    harness.simulator.wait_until(Duration::from_secs(4), |snapshot| snapshot.sent.len() == 2).await.unwrap();
    assert_eq!(target.received().len(), 2);
}

#[tokio::test]
async fn any_body_can_be_sent() {
    let harness = TestMarketplace::new().await;
    let target = CallbackRecorder::start();
    harness.register(&[&target]).await;
    let mut sent = harness.simulator.subscribe_sent();
    assert_eq!(harness.simulator.send_callback("my_own", r#"{"callback_event":"my_own"}"#), 1);
    assert_eq!(sent.recv().await.unwrap().event, "my_own");
    assert_eq!(target.received()[0].1, json!({"callback_event": "my_own"}));
}

#[tokio::test]
async fn a_review_that_never_ends_sends_no_more_callbacks() {
    let mut timing = Timing::default();
    timing.automation = Duration::from_secs(1);
    let review = Review::default().technical([Decision::Never]).marketing([Decision::Never]);
    let harness =
        TestMarketplace::of(Simulator::builder().speed(600.0).script(Script::new().timing(timing).review("*", review)))
            .await;
    let target = CallbackRecorder::start();
    harness.register(&[&target]).await;
    let submission = harness.create(harness.complete_package("item", "badges.zip").await).await;
    harness.until(&submission, "in_progress/in_manual_qa/in_marketing_review").await;
    assert!(harness.simulator.advance(&submission.parse().unwrap(), &Flow::Technical).is_err());
}
