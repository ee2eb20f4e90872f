use std::time::Duration;

use eqp_simulator::{CallbackForm, Mischief, Pace, Review, Script, SendResult, SentKind, Simulator, Verdict, When};
use eqp_types::{Callback, Flow, Timestamp};
use http::StatusCode;
use serde_json::json;

use crate::world::{PATIENCE, Target, World};

const RELEASED: &str = "released_to_store/approved/approved";

/// Releases one package before this target; waits until `count` sends ended.
async fn released(script: Script, form: CallbackForm, count: usize) -> (World, Target, String) {
    let world = World::of(Simulator::builder().speed(600.0).script(script).form(form)).await;
    let target = Target::new();
    world.register(&[&target]).await;
    let submission = world.create(world.complete_package("item", "badges.zip").await).await;
    world.until(&submission, RELEASED).await;
    world.simulator.wait_until(PATIENCE, |snapshot| snapshot.sent.len() >= count).await.unwrap();
    (world, target, submission)
}

/// Three scans; two of the submission, five of the reviews, one of the release.
const PLAIN: usize = 11;

#[tokio::test]
async fn every_change_is_told_with_the_registrations_header() {
    let (world, target, submission) = released(Script::new(), CallbackForm::Later, PLAIN).await;
    let received = target.received();
    assert_eq!(received.len(), PLAIN);
    for (headers, body) in &received {
        assert_eq!(headers["authorization"], "Basic a2V5OnNlY3JldA==");
        assert_eq!(headers["content-type"], "application/json");
        Callback::decode(body.to_string().as_bytes()).unwrap();
    }
    let told = target.told();
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
        assert!(told.contains(&wanted.to_owned()), "{wanted}: {told:?}");
    }
    assert_eq!(told.last().unwrap(), "technical approved released_to_store");
    let sent = world.simulator.sent();
    assert!(sent.iter().all(|sent| sent.result == SendResult::Answered(200) && sent.latency > Duration::ZERO));
    assert!(sent.iter().any(|sent| sent.subject == submission && sent.flow == Some(Flow::Technical)));
}

#[tokio::test]
async fn distinct_changes_bear_distinct_seconds() {
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
async fn every_registration_hears_everything() {
    let world = World::of(Simulator::builder().speed(600.0)).await;
    let (first, second) = (Target::new(), Target::answering(StatusCode::INTERNAL_SERVER_ERROR));
    world.register(&[&first, &second]).await;
    world.upload_one("a.png", vec![0]).await;
    let snapshot = world.simulator.wait_until(PATIENCE, |snapshot| snapshot.sent.len() == 2).await.unwrap();
    assert_eq!((first.received().len(), second.received().len()), (1, 1), "a refusal is not repeated");
    let mut results: Vec<_> = snapshot.sent.iter().map(|sent| sent.result.is_success()).collect();
    results.sort_unstable();
    assert_eq!(results, [false, true]);
}

#[tokio::test]
async fn a_target_whose_certificate_is_not_trusted_gets_nothing() {
    let world = World::of(Simulator::builder().speed(600.0)).await;
    let target = Target::new();
    let entry = json!({"url": target.url, "username": "key", "password": "secret"});
    world.put(&world.user_path(), json!({"api_callbacks": [entry]})).await;
    world.upload_one("a.png", vec![0]).await;
    let snapshot = world.simulator.wait_until(PATIENCE, |snapshot| snapshot.sent.len() == 1).await.unwrap();
    let SendResult::Failed(why) = &snapshot.sent[0].result else { panic!("{:?}", snapshot.sent) };
    assert!(why.contains("certificate") && !why.contains("secret"), "{why}");
    assert!(target.received().is_empty());
}

#[tokio::test]
async fn copies_are_the_same_byte_for_byte() {
    let approved = When::any().flow(Flow::Technical).outcome("approved").nth(1);
    let script = Script::new().mischief(approved, Mischief::Copies(2));
    let (world, target, _) = released(script, CallbackForm::Later, PLAIN + 2).await;
    let sent = world.simulator.sent();
    let copies: Vec<_> = sent.iter().filter(|sent| sent.kind == SentKind::Copy).collect();
    assert_eq!(copies.len(), 2);
    assert_eq!(sent.iter().filter(|sent| sent.body == copies[0].body).count(), 3);
    assert_eq!(target.told().iter().filter(|told| *told == "technical approved approved").count(), 3);
}

#[tokio::test]
async fn a_late_callback_comes_after_its_successors() {
    let manual = When::any().outcome("in_manual_qa");
    let script = Script::new().mischief(manual, Mischief::Late(Duration::from_mins(4)));
    let (world, target, _) = released(script, CallbackForm::Later, PLAIN).await;
    assert_eq!(target.told().last().unwrap(), "technical in_manual_qa in_progress");
    assert_eq!(world.simulator.sent().last().unwrap().kind, SentKind::Late);
}

#[tokio::test]
async fn a_swapped_callback_comes_after_the_one_that_follows_it() {
    let script = Script::new().mischief(When::any().outcome("approved").nth(2), Mischief::Swapped);
    let (_world, target, _) = released(script, CallbackForm::Later, PLAIN).await;
    let told = target.told();
    assert_eq!(told[told.len() - 2..], ["technical approved released_to_store", "technical approved approved"]);
}

#[tokio::test]
async fn a_dropped_callback_is_recorded_and_never_sent() {
    let script = Script::new().mischief(When::any().outcome("in_manual_qa"), Mischief::Dropped);
    let (world, target, _) = released(script, CallbackForm::Later, PLAIN).await;
    assert_eq!(world.simulator.sent().iter().filter(|sent| sent.result == SendResult::Dropped).count(), 1);
    assert!(target.told().iter().all(|told| !told.contains("in_manual_qa")));
}

#[tokio::test]
async fn unknown_codes_and_fields_come_along() {
    let script = Script::new()
        .mischief(When::any().flow(Flow::Malware).nth(1), Mischief::AlsoUnknown("store_moved".into()))
        .mischief(When::any().flow(Flow::Malware).nth(2), Mischief::ExtraFields);
    let (_world, target, _) = released(script, CallbackForm::Later, PLAIN + 1).await;
    let bodies: Vec<_> = target.received().into_iter().map(|(_, body)| body).collect();
    assert!(bodies.iter().any(|body| body["callback_event"] == "store_moved"));
    assert!(bodies.iter().any(|body| body["update_info"]["review_round"].is_object()));
}

#[tokio::test]
async fn one_callback_comes_in_the_first_form_by_a_line_of_text() {
    let script = Script::new().rule("first-form outcome=approved nth=1".parse().unwrap());
    let (_world, target, _) = released(script, CallbackForm::Later, PLAIN).await;
    let first_form = |body: &serde_json::Value| body["update_info"].get("modified_at").is_none();
    let bodies: Vec<_> = target.received().into_iter().map(|(_, body)| body).filter(first_form).collect();
    assert_eq!(bodies.len(), 1);
    assert_eq!(bodies[0]["update_info"]["current_status"], "approved");
}

#[tokio::test]
async fn a_slow_target_holds_up_nobody_else() {
    let world = World::of(Simulator::builder().speed(600.0)).await;
    let target = Target::new();
    // Takes connections, and never says a word.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_url = format!("https://{}/", silent.local_addr().unwrap());
    world.simulator.trust_pem(&target.ca_pem).unwrap();
    let list = json!([{"url": silent_url}, {"url": target.url, "username": "key", "password": "secret"}]);
    world.put(&world.user_path(), json!({"api_callbacks": list})).await;
    for name in ["a.png", "b.png"] {
        world.upload_one(name, vec![0]).await;
    }
    // Sooner than the silent one's deadline.
    world.simulator.wait_until(Duration::from_secs(4), |snapshot| snapshot.sent.len() == 2).await.unwrap();
    assert_eq!(target.received().len(), 2);
}

#[tokio::test]
async fn any_body_can_be_sent() {
    let world = World::new().await;
    let target = Target::new();
    world.register(&[&target]).await;
    let mut sent = world.simulator.subscribe_sent();
    assert_eq!(world.simulator.send_callback("my_own", r#"{"callback_event":"my_own"}"#), 1);
    assert_eq!(sent.recv().await.unwrap().event, "my_own");
    assert_eq!(target.received()[0].1, json!({"callback_event": "my_own"}));
}

#[tokio::test]
async fn a_review_that_never_ends_says_nothing_more() {
    let mut pace = Pace::default();
    pace.automation = Duration::from_secs(1);
    let review = Review::default().technical([Verdict::Never]).marketing([Verdict::Never]);
    let world = World::of(Simulator::builder().speed(600.0).script(Script::new().pace(pace).review("*", review))).await;
    let target = Target::new();
    world.register(&[&target]).await;
    let submission = world.create(world.complete_package("item", "badges.zip").await).await;
    world.until(&submission, "in_progress/in_manual_qa/in_marketing_review").await;
    assert!(world.simulator.advance(&submission.parse().unwrap(), &Flow::Technical).is_err());
}
