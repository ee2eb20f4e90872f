use eqp_simulator::{Script, SentKind, Simulator};
use serde_json::json;

use eqp_test_support::marketplace::{CallbackRecorder, PATIENCE, TestMarketplace};

#[tokio::test]
async fn the_demonstration_shows_everything() {
    let harness = TestMarketplace::of(Simulator::builder().speed(30.0).script(Script::demo())).await;
    let target = CallbackRecorder::start();
    harness.register(&[&target]).await;
    let plain = harness.create(harness.complete_package("demo-search", "search-1.0.0.zip").await).await;
    let badges = harness.create(harness.complete_package("demo-badges", "badges-1.0.0.zip").await).await;
    let infected = harness.create(harness.complete_package("demo-carousel", "carousel-infected.zip").await).await;
    harness.until(&infected, "in_progress/rejected/rejected").await;
    let rejected = |s: &eqp_simulator::Snapshot| s.package(&badges).unwrap().status.marketing.as_str() == "rejected";
    harness.simulator.wait_until(PATIENCE, rejected).await.unwrap();
    harness.put("/products/packages/demo-badges", json!({"name": "Badges", "action": {"marketing": "submit"}})).await;
    for submission in [&plain, &badges] {
        harness.until(submission, "released_to_store/approved/approved").await;
    }
    let kinds = [SentKind::Duplicate, SentKind::Late, SentKind::Unknown];
    let all = |s: &eqp_simulator::Snapshot| kinds.iter().all(|kind| s.sent.iter().any(|sent| sent.kind == *kind));
    let snapshot = harness.simulator.wait_until(PATIENCE, all).await.unwrap();
    assert!(snapshot.sent.iter().all(|sent| sent.result.is_success()));
    assert!(snapshot.sent.iter().any(|sent| sent.event == Script::DEMO_UNKNOWN_EVENT));
}
