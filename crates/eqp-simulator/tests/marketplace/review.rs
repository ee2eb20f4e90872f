use std::time::Duration;

use eqp_simulator::{Decision, Review, Scan, Script, Simulator, Step};
use eqp_types::{Environment, Flow, Reports, SubmissionId, TestReport, TestRun};
use serde_json::json;

use eqp_test_support::marketplace::TestMarketplace;

fn scripted(script: Script) -> eqp_simulator::SimulatorBuilder {
    Simulator::builder().speed(600.0).script(script)
}

fn id(text: &str) -> SubmissionId {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_good_package_reaches_the_store() {
    let harness = TestMarketplace::of(Simulator::builder()).await;
    let package = harness.complete_package("item", "badges.zip").await;
    harness.pass_scans();
    let answer = harness.post("/products/packages", json!([package])).await.body;
    let expected =
        json!({"overall": "in_progress", "technical": "in_automation", "marketing": "awaiting_marketing_review"});
    assert_eq!(answer[0]["eqp_status"], expected);

    let harness = TestMarketplace::new().await;
    let submission = harness.create(harness.complete_package("item", "badges.zip").await).await;
    harness.until(&submission, "released_to_store/approved/approved").await;
    let view = harness.get(&format!("/products/packages/{submission}")).await.body;
    assert_eq!(view["max_version_launched"]["submission_id"], submission);
    assert_eq!(view["actions_now_available"]["overall"], json!(["remove"]));
}

#[tokio::test]
async fn a_rejected_listing_passes_when_it_is_submitted_again() {
    let review = Review::default().marketing([Decision::Reject, Decision::Approve]);
    let harness = TestMarketplace::of(scripted(Script::new().review("item*", review))).await;
    let submission = harness.create(harness.complete_package("item-1", "badges.zip").await).await;
    harness.until(&submission, "in_progress/approved/rejected").await;
    let again = json!({"name": "Better badges", "action": {"marketing": "submit"}});
    assert_eq!(harness.put("/products/packages/item-1", again).await.status, 200);
    harness.until(&submission, "released_to_store/approved/approved").await;
}

#[tokio::test]
async fn a_file_that_is_not_clean_ends_both_reviews() {
    let harness = TestMarketplace::of(scripted(Script::new().scan("*infected*", Scan::Fails))).await;
    let submission = harness.create(harness.complete_package("item", "infected.zip").await).await;
    harness.until(&submission, "in_progress/rejected/rejected").await;
    let runs = harness.get(&format!("/products/packages/{submission}/status")).await.body;
    assert_eq!(runs, json!([]), "there are no more tests");
}

#[tokio::test]
async fn a_submission_before_the_end_of_a_scan_is_item_code_1321_and_succeeds_after_it() {
    let harness = TestMarketplace::of(scripted(Script::new().scan("guide*", Scan::NeverEnds))).await;
    let package = harness.complete_package("item", "badges.zip").await;
    let early = harness.post("/products/packages", json!([package])).await;
    let refused = json!([{"code": 1321, "message": "Malware scan is still in progress"}]);
    assert_eq!((early.status, early.body), (200, refused.clone()));
    assert!(harness.simulator.snapshot().accounts[0].packages.is_empty(), "nothing is done");

    // The same holds for a draft that an update submits, in a batch and alone.
    let mut draft = package.clone();
    draft["action"] = json!({});
    let created = harness.post("/products/packages", json!([draft])).await.body;
    let submission = created[0]["submission_id"].as_str().unwrap().to_owned();
    let submit = json!({"submission_id": submission, "action": {"technical": "submit"}});
    let early = harness.put("/products/packages", json!([submit])).await;
    assert_eq!((early.status, early.body), (200, refused));
    let early = harness.put(&format!("/products/packages/{submission}"), submit.clone()).await;
    assert_eq!((early.status, &early.body["code"]), (400, &json!(1321)));

    harness.pass_scans();
    assert_eq!(harness.put("/products/packages", json!([submit])).await.body[0]["code"], 200);
    harness.until(&submission, "in_progress/approved/draft").await;
}

#[tokio::test]
async fn a_recall_stops_the_review_and_opens_the_package() {
    let script = Script::new().review("item", Review::default().technical([Decision::Never]));
    let harness = TestMarketplace::of(scripted(script)).await;
    let submission = harness.create(harness.complete_package("item", "badges.zip").await).await;
    harness.until(&submission, "in_progress/in_manual_qa/approved").await;
    let path = format!("/products/packages/{submission}");
    assert_eq!(harness.put(&path, json!({"release_notes": "x"})).await.status, 400, "in review");
    assert_eq!(harness.put(&path, json!({"action": {"technical": "submit"}})).await.status, 400, "in review");
    assert_eq!(harness.put(&path, json!({"action": {"technical": "recall"}})).await.status, 200);
    harness.until(&submission, "in_progress/recalled/approved").await;
    assert_eq!(harness.put(&path, json!({"release_notes": "x"})).await.status, 200);
    assert_eq!(harness.put(&path, json!({"action": {"overall": "cancel"}})).await.status, 200);
    harness.until(&submission, "canceled_by_developer/recalled/approved").await;
    assert_eq!(harness.put(&path, json!({"action": {"technical": "submit"}})).await.status, 400, "at its end");
}

#[tokio::test]
async fn after_the_release_only_marketing_changes() {
    let harness = TestMarketplace::new().await;
    let submission = harness.create(harness.complete_package("item", "badges.zip").await).await;
    harness.until(&submission, "released_to_store/approved/approved").await;
    let path = format!("/products/packages/{submission}");
    harness.put(&path, json!({"release_notes": "changed", "name": "New name"})).await;
    harness.until(&submission, "released_to_store/approved/approved_with_modifications_pending").await;
    let view = harness.get(&path).await.body;
    assert_eq!((&view["name"], &view["release_notes"]), (&json!("New name"), &json!("First")));
    harness.put(&path, json!({"action": {"marketing": "submit"}})).await;
    harness.until(&submission, "released_to_store/approved/approved").await;
    harness.put(&path, json!({"action": {"overall": "remove"}})).await;
    harness.until(&submission, "developer_removed_from_store/approved/approved").await;
    harness.put(&path, json!({"action": {"marketing": "submit"}})).await;
    harness.until(&submission, "released_to_store/approved/approved").await;
}

#[tokio::test]
async fn the_marketplace_can_remove_a_package_from_the_store() {
    let script = Script::new().review("*", Review::default().admin_removes_after(Duration::from_mins(1)));
    let harness = TestMarketplace::of(scripted(script)).await;
    let submission = harness.create(harness.complete_package("item", "badges.zip").await).await;
    harness.until(&submission, "admin_removed_from_store/approved/approved").await;
}

#[tokio::test]
async fn the_sandbox_reviews_automatically() {
    let harness = TestMarketplace::of(scripted(Script::new()).environment(Environment::Sandbox)).await;
    let submission = harness.create(harness.complete_package("item", "badges.zip").await).await;
    harness.until(&submission, "released_to_store/approved/approved").await;
    let runs: Vec<TestRun> =
        serde_json::from_value(harness.get("/products/packages/item/item/status").await.body).unwrap();
    let mut tools: Vec<_> = runs.iter().filter_map(|run| run.name.as_deref()).collect();
    tools.sort_unstable();
    assert_eq!(tools, ["marketing", "phpcs", "varnish"], "nobody tests, and nobody looks for copied code");
}

#[tokio::test]
async fn reports_are_lists_for_tools_and_objects_for_people() {
    let harness =
        TestMarketplace::of(scripted(Script::new().review("*", Review::default().technical([Decision::Reject])))).await;
    let submission = harness.create(harness.complete_package("item", "badges.zip").await).await;
    harness.until(&submission, "in_progress/rejected/approved").await;
    let runs: Vec<TestRun> =
        serde_json::from_value(harness.get("/products/packages/sku/acme%2Fbadges/status").await.body).unwrap();
    let mut seen = Vec::new();
    for run in runs {
        let (tool, run_id) = (run.name.unwrap(), run.tool_run_id.unwrap());
        let answer = harness.get(&format!("/products/packages/{submission}/status/{tool}/{run_id}")).await;
        assert_eq!(harness.get(&format!("/{submission}/status/{tool}/{run_id}")).await.status, answer.status);
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
    // At this speed nothing happens during the test.
    let harness = TestMarketplace::of(Simulator::builder().speed(0.001)).await;
    let package = harness.complete_package("item", "badges.zip").await;
    harness.pass_scans();
    let submission = harness.create(package).await;
    let simulator = &harness.simulator;
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
        let harness = TestMarketplace::of(Simulator::builder().seed(seed)).await;
        ids.push((harness.upload_one("a.png", vec![0]).await, harness.create(json!({"type": "theme"})).await));
    }
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0], ids[2]);
}
