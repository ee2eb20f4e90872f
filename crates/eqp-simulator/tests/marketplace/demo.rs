use eqp_simulator::{Script, SentKind, Simulator};
use serde_json::json;

use crate::world::{PATIENCE, Target, World};

#[tokio::test]
async fn the_demonstration_shows_everything() {
    let world = World::of(Simulator::builder().speed(30.0).script(Script::demo())).await;
    let target = Target::new();
    world.register(&[&target]).await;
    let plain = world.create(world.complete_package("demo-search", "search-1.0.0.zip").await).await;
    let badges = world.create(world.complete_package("demo-badges", "badges-1.0.0.zip").await).await;
    let infected = world.create(world.complete_package("demo-carousel", "carousel-infected.zip").await).await;
    world.until(&infected, "in_progress/rejected/rejected").await;
    let rejected = |s: &eqp_simulator::Snapshot| s.package(&badges).unwrap().status.marketing.as_str() == "rejected";
    world.simulator.wait_until(PATIENCE, rejected).await.unwrap();
    world.put("/products/packages/demo-badges", json!({"name": "Badges", "action": {"marketing": "submit"}})).await;
    for submission in [&plain, &badges] {
        world.until(submission, "released_to_store/approved/approved").await;
    }
    let kinds = [SentKind::Copy, SentKind::Late, SentKind::Unknown];
    let all = |s: &eqp_simulator::Snapshot| kinds.iter().all(|kind| s.sent.iter().any(|sent| sent.kind == *kind));
    let snapshot = world.simulator.wait_until(PATIENCE, all).await.unwrap();
    assert!(snapshot.sent.iter().all(|sent| sent.result.is_success()));
    assert!(snapshot.sent.iter().any(|sent| sent.event == Script::DEMO_UNKNOWN_EVENT));
}
