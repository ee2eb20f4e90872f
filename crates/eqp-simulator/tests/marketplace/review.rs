use std::time::Duration;

use eqp_simulator::{Review, Scan, Script, Simulator, Step, Verdict};
use eqp_types::{Environment, Flow, Reports, SubmissionId, TestReport, TestRun};
use serde_json::json;

use crate::world::World;

fn scripted(script: Script) -> eqp_simulator::SimulatorBuilder {
    Simulator::builder().speed(600.0).script(script)
}

fn id(text: &str) -> SubmissionId {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_good_package_reaches_the_store() {
    let world = World::of(Simulator::builder()).await;
    let package = world.complete_package("item", "badges.zip").await;
    world.pass_scans();
    let answer = world.post("/products/packages", json!([package])).await.body;
    let expected =
        json!({"overall": "in_progress", "technical": "in_automation", "marketing": "awaiting_marketing_review"});
    assert_eq!(answer[0]["eqp_status"], expected);

    let world = World::new().await;
    let submission = world.create(world.complete_package("item", "badges.zip").await).await;
    world.until(&submission, "released_to_store/approved/approved").await;
    let view = world.get(&format!("/products/packages/{submission}")).await.body;
    assert_eq!(view["max_version_launched"]["submission_id"], submission);
    assert_eq!(view["actions_now_available"]["overall"], json!(["remove"]));
}

#[tokio::test]
async fn what_marketing_rejected_passes_when_it_is_submitted_again() {
    let review = Review::default().marketing([Verdict::Reject, Verdict::Approve]);
    let world = World::of(scripted(Script::new().review("item*", review))).await;
    let submission = world.create(world.complete_package("item-1", "badges.zip").await).await;
    world.until(&submission, "in_progress/approved/rejected").await;
    let again = json!({"name": "Better badges", "action": {"marketing": "submit"}});
    assert_eq!(world.put("/products/packages/item-1", again).await.status, 200);
    world.until(&submission, "released_to_store/approved/approved").await;
}

#[tokio::test]
async fn a_file_that_is_not_clean_ends_both_reviews() {
    let world = World::of(scripted(Script::new().scan("*infected*", Scan::Fails))).await;
    let submission = world.create(world.complete_package("item", "infected.zip").await).await;
    world.until(&submission, "in_progress/rejected/rejected").await;
    let runs = world.get(&format!("/products/packages/{submission}/status")).await.body;
    assert_eq!(runs, json!([]), "there are no more tests");
}

#[tokio::test]
async fn a_submission_before_the_end_of_a_scan_is_item_code_1321_and_succeeds_after_it() {
    let world = World::of(scripted(Script::new().scan("guide*", Scan::NeverEnds))).await;
    let package = world.complete_package("item", "badges.zip").await;
    let early = world.post("/products/packages", json!([package])).await;
    let refused = json!([{"code": 1321, "message": "Malware scan is still in progress"}]);
    assert_eq!((early.status, early.body), (200, refused.clone()));
    assert!(world.simulator.snapshot().accounts[0].packages.is_empty(), "nothing is done");

    // The same for a draft that is submitted by a change, in a batch and alone.
    let mut draft = package.clone();
    draft["action"] = json!({});
    let created = world.post("/products/packages", json!([draft])).await.body;
    let submission = created[0]["submission_id"].as_str().unwrap().to_owned();
    let submit = json!({"submission_id": submission, "action": {"technical": "submit"}});
    let early = world.put("/products/packages", json!([submit])).await;
    assert_eq!((early.status, early.body), (200, refused));
    let early = world.put(&format!("/products/packages/{submission}"), submit.clone()).await;
    assert_eq!((early.status, &early.body["code"]), (400, &json!(1321)));

    world.pass_scans();
    assert_eq!(world.put("/products/packages", json!([submit])).await.body[0]["code"], 200);
    world.until(&submission, "in_progress/approved/draft").await;
}

#[tokio::test]
async fn a_recall_stops_the_review_and_opens_the_package() {
    let script = Script::new().review("item", Review::default().technical([Verdict::Never]));
    let world = World::of(scripted(script)).await;
    let submission = world.create(world.complete_package("item", "badges.zip").await).await;
    world.until(&submission, "in_progress/in_manual_qa/approved").await;
    let path = format!("/products/packages/{submission}");
    assert_eq!(world.put(&path, json!({"release_notes": "x"})).await.status, 400, "in review");
    assert_eq!(world.put(&path, json!({"action": {"technical": "submit"}})).await.status, 400, "in review");
    assert_eq!(world.put(&path, json!({"action": {"technical": "recall"}})).await.status, 200);
    world.until(&submission, "in_progress/recalled/approved").await;
    assert_eq!(world.put(&path, json!({"release_notes": "x"})).await.status, 200);
    assert_eq!(world.put(&path, json!({"action": {"overall": "cancel"}})).await.status, 200);
    world.until(&submission, "canceled_by_developer/recalled/approved").await;
    assert_eq!(world.put(&path, json!({"action": {"technical": "submit"}})).await.status, 400, "at its end");
}

#[tokio::test]
async fn after_the_release_only_marketing_changes() {
    let world = World::new().await;
    let submission = world.create(world.complete_package("item", "badges.zip").await).await;
    world.until(&submission, "released_to_store/approved/approved").await;
    let path = format!("/products/packages/{submission}");
    world.put(&path, json!({"release_notes": "changed", "name": "New name"})).await;
    world.until(&submission, "released_to_store/approved/approved_with_modifications_pending").await;
    let view = world.get(&path).await.body;
    assert_eq!((&view["name"], &view["release_notes"]), (&json!("New name"), &json!("First")));
    world.put(&path, json!({"action": {"marketing": "submit"}})).await;
    world.until(&submission, "released_to_store/approved/approved").await;
    world.put(&path, json!({"action": {"overall": "remove"}})).await;
    world.until(&submission, "developer_removed_from_store/approved/approved").await;
    world.put(&path, json!({"action": {"marketing": "submit"}})).await;
    world.until(&submission, "released_to_store/approved/approved").await;
}

#[tokio::test]
async fn the_marketplace_can_take_a_package_out_of_the_store() {
    let script = Script::new().review("*", Review::default().admin_removes_after(Duration::from_mins(1)));
    let world = World::of(scripted(script)).await;
    let submission = world.create(world.complete_package("item", "badges.zip").await).await;
    world.until(&submission, "admin_removed_from_store/approved/approved").await;
}

#[tokio::test]
async fn the_sandbox_tests_and_reads_by_itself() {
    let world = World::of(scripted(Script::new()).environment(Environment::Sandbox)).await;
    let submission = world.create(world.complete_package("item", "badges.zip").await).await;
    world.until(&submission, "released_to_store/approved/approved").await;
    let runs: Vec<TestRun> =
        serde_json::from_value(world.get("/products/packages/item/item/status").await.body).unwrap();
    let mut tools: Vec<_> = runs.iter().filter_map(|run| run.name.as_deref()).collect();
    tools.sort_unstable();
    assert_eq!(tools, ["marketing", "phpcs", "varnish"], "nobody tests, and nobody looks for copied code");
}

#[tokio::test]
async fn reports_are_lists_for_tools_and_objects_for_people() {
    let world = World::of(scripted(Script::new().review("*", Review::default().technical([Verdict::Reject])))).await;
    let submission = world.create(world.complete_package("item", "badges.zip").await).await;
    world.until(&submission, "in_progress/rejected/approved").await;
    let runs: Vec<TestRun> =
        serde_json::from_value(world.get("/products/packages/sku/acme%2Fbadges/status").await.body).unwrap();
    let mut seen = Vec::new();
    for run in runs {
        let (tool, run_id) = (run.name.unwrap(), run.tool_run_id.unwrap());
        let answer = world.get(&format!("/products/packages/{submission}/status/{tool}/{run_id}")).await;
        assert_eq!(world.get(&format!("/{submission}/status/{tool}/{run_id}")).await.status, answer.status);
        let shape = match serde_json::from_value::<TestReport>(answer.body).unwrap().reports {
            Some(Reports::List(_)) => "list",
            Some(Reports::One(_)) => "object",
            _ => "none",
        };
        seen.push(format!("{tool} {} {shape}", run.status.unwrap()));
    }
    seen.sort();
    let expected =
        ["manual_qa fail object", "marketing pass object", "phpcpd pass none", "phpcs pass list", "varnish pass list"];
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_review_can_be_steered() {
    // So slow that nothing happens by itself.
    let world = World::of(Simulator::builder().speed(0.001)).await;
    let package = world.complete_package("item", "badges.zip").await;
    world.pass_scans();
    let submission = world.create(package).await;
    let simulator = &world.simulator;
    simulator.advance(&id(&submission), &Flow::Technical).unwrap();
    simulator.advance(&id(&submission), &Flow::Technical).unwrap();
    simulator.advance(&id(&submission), &Flow::Technical).unwrap();
    assert!(simulator.advance(&id(&submission), &Flow::Technical).is_err());
    simulator.step(&id(&submission), Step::MarketingRejected).unwrap();
    assert!(simulator.step(&id(&submission), Step::Launched).is_err());
    let status = simulator.snapshot().package(&submission).unwrap().status.to_string();
    assert_eq!(status, "in_progress/approved/rejected");
}

#[tokio::test]
async fn the_same_seed_gives_the_same_ids() {
    let mut ids = Vec::new();
    for seed in [1, 1, 2] {
        let world = World::of(Simulator::builder().seed(seed)).await;
        ids.push((world.upload_one("a.png", vec![0]).await, world.create(json!({"type": "theme"})).await));
    }
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0], ids[2]);
}
