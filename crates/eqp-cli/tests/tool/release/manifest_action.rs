//! Tests that the manifest's `action` selects the reviews.

use eqp_test_support::submission::Submission;
use serde_json::json;

use super::fixture::{Fixture, WITHOUT_PHPCS, at_once, only_scans, result};

#[tokio::test(flavor = "multi_thread")]
async fn the_manifests_action_decides_which_reviews_it_is_submitted_for() {
    for (action, status) in [
        (json!({"technical": "submit"}), "in_progress/in_automation/draft"),
        (json!({"marketing": "submit"}), "in_progress/draft/awaiting_marketing_review"),
        (json!({"technical": "submit", "marketing": "submit"}), "in_progress/in_automation/awaiting_marketing_review"),
    ] {
        let fixture = Fixture::open(only_scans()).await;
        fixture.prepare(&Submission::module(), |listing| listing["action"] = action.clone());
        let ended = fixture.release(&[]);
        assert_eq!(ended.code, 0, "{action}: {ended:?}");
        assert_eq!(fixture.status(), status, "{action}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_that_track_contradicts_is_refused_before_anything_is_sent() {
    let fixture = Fixture::open(only_scans()).await;
    for (action, options) in [
        (json!({"technical": "submit"}), &["--track", "both"][..]),
        (json!({"technical": "submit", "marketing": "submit"}), &["--track", "marketing"]),
        (json!({"technical": "draft"}), &["--track", "technical"]),
        (json!({"technical": "draft", "marketing": "draft"}), &[]),
        (json!({"technical": "recall"}), &[]),
        (json!({"overall": "cancel"}), &[]),
    ] {
        fixture.prepare(&Submission::module(), |listing| listing["action"] = action.clone());
        let refused = fixture.release(options);
        assert_eq!(refused.code, 2, "{action} {options:?}: {refused:?}");
    }
    assert!(fixture.look().accounts[0].files.is_empty() && fixture.look().accounts[0].packages.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_looks_at_the_reviews_that_the_manifest_submits() {
    let fixture = Fixture::open(only_scans()).await;
    let check = |options: &[&str]| {
        let arguments = ["packages", "check", "submission.zip", "--manifest", "release.toml", "--json"];
        fixture.home.run_aside(&[&arguments[..], options].concat())
    };
    // Without a listing, the package can only be submitted for the technical review.
    let technical = |action: serde_json::Value| {
        fixture.prepare(&Submission::module(), |listing| {
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
    let fixture = Fixture::open(only_scans()).await;
    let ended = fixture.home.run_aside(&[&["release", "submission.zip"][..], &WITHOUT_PHPCS].concat());
    assert_eq!(ended.code, 0, "{ended:?}");
    std::fs::remove_file(fixture.home.path().join("release.toml")).unwrap();
    let missing = fixture.home.run_aside(&["release", "submission.zip"]);
    assert!(missing.code == 2 && missing.stderr.contains("eqp packages init"), "{missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_in_the_store_is_reported_as_such() {
    let fixture = Fixture::open(at_once()).await;
    assert_eq!(fixture.release(&["--until", "released", "--timeout", "60s"]).code, 0);
    for until in ["scan", "released"] {
        let again = fixture.release(&["--until", until]);
        assert_eq!(again.code, 0, "{again:?}");
        assert!(again.stderr.contains("is in the store already; nothing was sent"), "{until}: {again:?}");
    }
    let reported = fixture.release(&["--json"]);
    assert_eq!(result(&reported)["result"], json!("already_released"));
    let planned = fixture.release(&["--dry-run"]);
    assert!(planned.code == 0 && planned.stdout.contains("already in the store"), "{planned:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_fails_where_the_release_would() {
    let fixture = Fixture::open(at_once()).await;
    assert_eq!(fixture.release(&["--until", "released", "--timeout", "60s"]).code, 0);
    // The archive changed, and its version did not.
    fixture.prepare(&Submission::module().file("Model/Label.php", "<?php\n"), |_| {});
    let released = fixture.release(&[]);
    let planned = fixture.release(&["--dry-run"]);
    assert_eq!((planned.code, released.code), (1, 1), "{planned:?}");
    assert!(planned.stdout.contains("would stop") && planned.stderr.contains("a new version"), "{planned:?}");
    let reported = fixture.release(&["--dry-run", "--json"]);
    assert_eq!((reported.code, reported.stdout.lines().count()), (1, 1), "{reported:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_for_one_review_that_would_wait_for_the_other_one_is_refused_before_anything_is_sent() {
    let fixture = Fixture::open(only_scans()).await;
    for options in [
        &["--track", "technical", "--until", "released"][..],
        &["--track", "technical", "--until", "marketing"],
        &["--track", "marketing", "--until", "technical"],
        &["--track", "technical", "--until", "released", "--dry-run"],
    ] {
        let refused = fixture.release(options);
        assert_eq!(refused.code, 2, "{options:?}: {refused:?}");
        assert!(refused.stderr.contains("would not be submitted for it"), "{refused:?}");
    }
    fixture.prepare(&Submission::module(), |listing| listing["action"] = json!({"technical": "submit"}));
    let refused = fixture.release(&["--until", "released", "--json"]);
    assert_eq!((refused.code, &result(&refused)["result"]), (2, &json!("unreachable")), "{refused:?}");
    assert!(fixture.look().accounts[0].files.is_empty() && fixture.look().accounts[0].packages.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_ends_at_once_when_the_review_that_it_needs_was_never_submitted() {
    let fixture = Fixture::open(only_scans()).await;
    fixture.prepare(&Submission::module(), |listing| listing["action"] = json!({"technical": "submit"}));
    let handle = fixture.release(&[]).stdout.trim().to_owned();
    for (flow, until) in [("overall", "released_to_store"), ("overall", "approved"), ("marketing", "approved")] {
        let ended = fixture.home.run_aside(&["wait", &handle, "--flow", flow, "--until", until, "--json"]);
        assert_eq!((ended.code, &result(&ended)["result"]), (1, &json!("not_submitted")), "{flow} {until}: {ended:?}");
        assert!(ended.stderr.contains("--flow technical") && ended.stderr.contains(until), "{ended:?}");
    }
    // The submitted review is awaited.
    assert_eq!(fixture.home.run_aside(&["wait", &handle, "--flow", "technical", "--timeout", "1s"]).code, 6);
    let timed_out = fixture.release(&["--until", "technical", "--timeout", "1s"]);
    assert!(timed_out.stderr.contains(&format!("eqp wait {handle} --flow technical")), "{timed_out:?}");

    // After the other review is submitted too, the version can be released.
    fixture.prepare(&Submission::module(), |listing| listing["action"] = json!({"marketing": "submit"}));
    assert_eq!(fixture.release(&[]).code, 0);
    assert_eq!(fixture.home.run_aside(&["wait", &handle, "--timeout", "1s"]).code, 6);
    let waiting = fixture.release(&["--until", "released", "--timeout", "1s"]);
    assert_eq!(waiting.code, 6, "{waiting:?}");
}
