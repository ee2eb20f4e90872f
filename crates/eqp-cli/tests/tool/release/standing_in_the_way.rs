//! Tests versions that are already in review.

use eqp_test_support::submission::Submission;
use serde_json::json;

use super::fixture::{Fixture, only_scans, result};

fn version(number: &'static str) -> Submission {
    Submission::module().composer(|composer| composer["version"] = json!(number))
}

#[tokio::test(flavor = "multi_thread")]
async fn another_version_in_review_is_left_alone_unless_it_is_superseded() {
    let fixture = Fixture::open(only_scans()).await;
    assert_eq!(fixture.release(&[]).code, 0);
    let first = fixture.look().accounts[0].packages[0].submission_id.to_string();

    fixture.prepare(&version("1.3.0"), |_| {});
    let left = fixture.release(&["--json"]);
    assert_eq!((left.code, &result(&left)["result"]), (1, &json!("others_in_review")), "{left:?}");
    assert!(left.stderr.contains(&first) && left.stderr.contains("--supersede"), "{}", left.stderr);
    assert_eq!(fixture.look().accounts[0].packages.len(), 1);

    let ended = fixture.release(&["--supersede"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let snapshot = fixture.look();
    let states: Vec<_> = snapshot.accounts[0].packages.iter().map(|package| package.status.to_string()).collect();
    assert_eq!(states, ["draft/recalled/recalled", "in_progress/in_automation/awaiting_marketing_review"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_archive_of_a_version_in_review_replaces_it_only_with_supersede() {
    let fixture = Fixture::open(only_scans()).await;
    assert_eq!(fixture.release(&[]).code, 0);
    fixture.prepare(&Submission::module().file("Model/Label.php", "<?php\n"), |_| {});
    let left = fixture.release(&["--json"]);
    assert_eq!((left.code, &result(&left)["result"]), (1, &json!("in_review")), "{left:?}");
    let archives = || fixture.look().accounts[0].files.iter().filter(|file| file.filename == "submission.zip").count();
    assert_eq!(archives(), 1, "nothing was sent");

    let ended = fixture.release(&["--supersede", "--json"]);
    assert_eq!((ended.code, &result(&ended)["result"]), (0, &json!("pending")), "{ended:?}");
    assert!(ended.stderr.contains("recalled "), "{}", ended.stderr);
    assert_eq!((archives(), fixture.status().as_str()), (2, "in_progress/in_automation/awaiting_marketing_review"));
    // This version is in review now, so nothing is recalled again.
    let again = fixture.release(&["--supersede"]);
    assert!(again.code == 0 && !again.stderr.contains("recalled "), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_one_archive_for_ever() {
    let fixture = Fixture::open(super::fixture::at_once()).await;
    assert_eq!(fixture.release(&["--until", "released", "--timeout", "60s"]).code, 0);
    fixture.prepare(&Submission::module().file("Model/Label.php", "<?php\n"), |_| {});
    let ended = fixture.release(&["--json"]);
    assert_eq!((ended.code, &result(&ended)["result"]), (1, &json!("version_taken")), "{ended:?}");
    assert!(ended.stderr.contains("instead of 1.2.0"), "{ended:?}");
    // The archive has a new version and the manifest the old one: the error contains both.
    fixture.prepare(&version("1.3.0"), |listing| listing["version"] = json!("1.2.0"));
    let stale = fixture.release(&["--json", "--skip-check"]);
    assert_eq!((stale.code, &result(&stale)["result"]), (1, &json!("version_taken")), "{stale:?}");
    assert!(
        stale.stderr.contains("version 1.2.0") && stale.stderr.contains("set `version` in the manifest to 1.3.0"),
        "{stale:?}"
    );
    // The next version of a product contains its SKU, which the Marketplace then requires.
    fixture.prepare(&version("1.3.0"), |listing| {
        listing.as_object_mut().unwrap().remove("sku");
    });
    let ended = fixture.release(&["--until", "released", "--timeout", "60s"]);
    assert_eq!(ended.code, 0, "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_it_back_while_it_is_waited_for_ends_the_wait() {
    let fixture = Fixture::open(only_scans()).await;
    let mut running = fixture.start(&["--until", "released", "--progress", "json"]);
    let id = super::fixture::reads(&mut running, "submit", "done")["submission_id"].as_str().unwrap().to_owned();
    assert_eq!(fixture.home.run_aside(&["packages", "recall", "--submission", &id]).code, 0);
    let ended = tokio::task::block_in_place(|| running.end());
    assert_eq!((ended.code, &result(&ended)["result"]), (1, &json!("recalled")), "{ended:?}");
    assert_eq!(fixture.release(&[]).code, 0);
    assert_eq!(fixture.status(), "in_progress/in_automation/awaiting_marketing_review");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_in_the_place_of_a_file_is_recognised_and_the_right_option_named() {
    let fixture = Fixture::open(only_scans()).await;
    let handle = fixture.release(&[]).stdout.trim().to_owned();
    let refused = fixture.home.run_aside(&["packages", "recall", &handle]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.stderr.contains(&format!("eqp packages recall --submission {handle}")), "{refused:?}");
    let refused = fixture.home.run_aside(&["release", &handle]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.stderr.contains(&format!("--submission {handle}")), "{refused:?}");
    let missing = fixture.home.run_aside(&["packages", "recall", "relaese.toml"]);
    assert!(missing.code == 2 && !missing.stderr.contains("--submission"), "{missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_archive_names_the_command_that_shows_the_whole_report() {
    let fixture = Fixture::open(only_scans()).await;
    fixture.prepare(&Submission::module(), |listing| listing["categories"] = json!([]));
    let refused = fixture.release(&[]);
    assert_eq!(refused.code, 5, "{refused:?}");
    let command = "eqp packages check submission.zip --manifest release.toml";
    assert!(refused.stderr.contains(command), "{refused:?}");
    let words: Vec<_> = command.split(' ').skip(1).collect();
    assert_eq!(fixture.home.run_aside(&words).code, 5);
}
