//! The manifest's `action` decides what is submitted.

use eqp_test_support::submission::Submission;
use serde_json::json;

use super::scene::{Scene, at_once, only_scans, result};

#[tokio::test(flavor = "multi_thread")]
async fn the_manifests_action_decides_which_reviews_it_is_submitted_for() {
    for (action, status) in [
        (json!({"technical": "submit"}), "in_progress/in_automation/draft"),
        (json!({"marketing": "submit"}), "in_progress/draft/awaiting_marketing_review"),
        (json!({"technical": "submit", "marketing": "submit"}), "in_progress/in_automation/awaiting_marketing_review"),
    ] {
        let scene = Scene::open(only_scans()).await;
        scene.prepare(&Submission::module(), |listing| listing["action"] = action.clone());
        let ended = scene.release(&[]);
        assert_eq!(ended.code, 0, "{action}: {ended:?}");
        assert_eq!(scene.status(), status, "{action}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_that_track_contradicts_is_refused_before_anything_is_sent() {
    let scene = Scene::open(only_scans()).await;
    for (action, options) in [
        (json!({"technical": "submit"}), &["--track", "both"][..]),
        (json!({"technical": "submit", "marketing": "submit"}), &["--track", "marketing"]),
        (json!({"technical": "draft"}), &["--track", "technical"]),
        (json!({"technical": "draft", "marketing": "draft"}), &[]),
        (json!({"technical": "recall"}), &[]),
        (json!({"overall": "cancel"}), &[]),
    ] {
        scene.prepare(&Submission::module(), |listing| listing["action"] = action.clone());
        let refused = scene.release(options);
        assert_eq!(refused.code, 2, "{action} {options:?}: {refused:?}");
    }
    assert!(scene.look().accounts[0].files.is_empty() && scene.look().accounts[0].packages.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_looks_at_the_reviews_that_the_manifest_submits() {
    let scene = Scene::open(only_scans()).await;
    let check = |options: &[&str]| {
        let arguments = ["packages", "check", "submission.zip", "--manifest", "release.toml", "--json"];
        scene.home.run_aside(&[&arguments[..], options].concat())
    };
    // Without a listing for the store it is good for the technical review alone.
    let technical = |action: serde_json::Value| {
        scene.prepare(&Submission::module(), |listing| {
            listing["categories"] = json!([]);
            listing["action"] = action;
        });
    };
    technical(json!({"technical": "submit"}));
    assert_eq!(check(&[]).code, 0);
    assert_eq!(check(&["--track", "both"]).code, 2);
    technical(json!({"technical": "submit", "marketing": "submit"}));
    let refused = check(&[]);
    assert!(refused.code == 5 && refused.stdout.contains("marketing-fields"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn release_toml_is_read_where_no_manifest_is_named() {
    let scene = Scene::open(only_scans()).await;
    let ended = scene.home.run_aside(&["release", "submission.zip"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    std::fs::remove_file(scene.home.path().join("release.toml")).unwrap();
    let missing = scene.home.run_aside(&["release", "submission.zip"]);
    assert!(missing.code == 2 && missing.stderr.contains("eqp packages init"), "{missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_in_the_store_is_reported_as_such() {
    let scene = Scene::open(at_once()).await;
    assert_eq!(scene.release(&["--until", "released", "--timeout", "60s"]).code, 0);
    for until in ["scan", "released"] {
        let again = scene.release(&["--until", until]);
        assert_eq!(again.code, 0, "{again:?}");
        assert!(again.stderr.contains("is in the store already: nothing was sent"), "{until}: {again:?}");
    }
    let told = scene.release(&["--json"]);
    assert_eq!(result(&told)["outcome"], json!("already_released"));
    let planned = scene.release(&["--dry-run"]);
    assert!(planned.code == 0 && planned.stdout.contains("in the store already"), "{planned:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_fails_where_the_release_would() {
    let scene = Scene::open(at_once()).await;
    assert_eq!(scene.release(&["--until", "released", "--timeout", "60s"]).code, 0);
    // The archive changed, and its version did not.
    scene.prepare(&Submission::module().file("Model/Label.php", "<?php\n"), |_| {});
    let released = scene.release(&[]);
    let planned = scene.release(&["--dry-run"]);
    assert_eq!((planned.code, released.code), (1, 1), "{planned:?}");
    assert!(planned.stdout.contains("would end") && planned.stderr.contains("a new version"), "{planned:?}");
    let told = scene.release(&["--dry-run", "--json"]);
    assert_eq!((told.code, told.stdout.lines().count()), (1, 1), "{told:?}");
}
