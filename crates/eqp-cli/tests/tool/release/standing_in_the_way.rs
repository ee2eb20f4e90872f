//! Versions that are in review already.

use eqp_test_support::submission::Submission;
use serde_json::json;

use super::scene::{Scene, only_scans, result};

fn version(number: &'static str) -> Submission {
    Submission::module().composer(|composer| composer["version"] = json!(number))
}

#[tokio::test(flavor = "multi_thread")]
async fn another_version_in_review_is_left_alone_unless_it_is_superseded() {
    let scene = Scene::open(only_scans()).await;
    assert_eq!(scene.release(&[]).code, 0);
    let first = scene.look().accounts[0].packages[0].submission_id.to_string();

    scene.prepare(&version("1.3.0"), |_| {});
    let left = scene.release(&["--json"]);
    assert_eq!((left.code, &result(&left)["outcome"]), (1, &json!("others_in_review")), "{left:?}");
    assert!(left.stderr.contains(&first) && left.stderr.contains("--supersede"), "{}", left.stderr);
    assert_eq!(scene.look().accounts[0].packages.len(), 1);

    let ended = scene.release(&["--supersede"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let snapshot = scene.look();
    let states: Vec<_> = snapshot.accounts[0].packages.iter().map(|package| package.status.to_string()).collect();
    assert_eq!(states, ["draft/recalled/recalled", "in_progress/in_automation/awaiting_marketing_review"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_archive_of_a_version_in_review_takes_its_place_only_when_told() {
    let scene = Scene::open(only_scans()).await;
    assert_eq!(scene.release(&[]).code, 0);
    scene.prepare(&Submission::module().file("Model/Label.php", "<?php\n"), |_| {});
    let left = scene.release(&["--json"]);
    assert_eq!((left.code, &result(&left)["outcome"]), (1, &json!("in_review")), "{left:?}");
    let archives = || scene.look().accounts[0].files.iter().filter(|file| file.filename == "submission.zip").count();
    assert_eq!(archives(), 1, "nothing was sent");

    let ended = scene.release(&["--supersede", "--json"]);
    assert_eq!((ended.code, &result(&ended)["outcome"]), (0, &json!("pending")), "{ended:?}");
    assert!(ended.stderr.contains("took "), "{}", ended.stderr);
    assert_eq!((archives(), scene.status().as_str()), (2, "in_progress/in_automation/awaiting_marketing_review"));
    // It is this one now: nothing is taken back again.
    let again = scene.release(&["--supersede"]);
    assert!(again.code == 0 && !again.stderr.contains("took "), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_one_archive_for_ever() {
    let scene = Scene::open(super::scene::at_once()).await;
    assert_eq!(scene.release(&["--until", "released", "--timeout", "60s"]).code, 0);
    scene.prepare(&Submission::module().file("Model/Label.php", "<?php\n"), |_| {});
    let ended = scene.release(&["--json"]);
    assert_eq!((ended.code, &result(&ended)["outcome"]), (1, &json!("version_taken")), "{ended:?}");
    // The next version of a product names its SKU, which the Marketplace wants from then on.
    scene.prepare(&version("1.3.0"), |listing| {
        listing.as_object_mut().unwrap().remove("sku");
    });
    let ended = scene.release(&["--until", "released", "--timeout", "60s"]);
    assert_eq!(ended.code, 0, "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_it_back_while_it_is_waited_for_ends_the_wait() {
    let scene = Scene::open(only_scans()).await;
    let mut running = scene.start(&["--until", "released", "--progress", "json"]);
    let id = super::scene::reads(&mut running, "submit", "done")["submission_id"].as_str().unwrap().to_owned();
    assert_eq!(scene.home.run_aside(&["packages", "recall", "--submission", &id]).code, 0);
    let ended = tokio::task::block_in_place(|| running.end());
    assert_eq!((ended.code, &result(&ended)["outcome"]), (1, &json!("taken_back")), "{ended:?}");
    assert_eq!(scene.release(&[]).code, 0);
    assert_eq!(scene.status(), "in_progress/in_automation/awaiting_marketing_review");
}
