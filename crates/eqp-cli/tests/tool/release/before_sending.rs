//! Tests what is not sent, and what is rejected before anything is sent.

use eqp_simulator::Step;
use eqp_test_support::submission::Submission;
use serde_json::json;

use super::fixture::{Fixture, at_once, only_scans, result};

fn version(number: &'static str) -> Submission {
    Submission::module().composer(|composer| composer["version"] = json!(number))
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_texts_that_are_not_sent_are_reported() {
    let fixture = Fixture::open(only_scans()).await;
    let handle = fixture.release(&[]).stdout.trim().to_owned();
    let unchanged = fixture.release(&["--json"]);
    assert_eq!(result(&unchanged)["unsent_changes"], json!([]), "{unchanged:?}");
    assert!(!unchanged.stderr.contains("differs"), "{unchanged:?}");

    fixture.simulator.step(&handle.parse().unwrap(), Step::TechnicalApproved).unwrap();
    fixture.prepare(&Submission::module(), |listing| {
        let text = listing["long_description"].as_str().unwrap().replace("Own texts", "Own labels");
        listing["long_description"] = json!(text);
    });
    let ended = fixture.release(&["--json"]);
    assert_eq!((ended.code, &result(&ended)["unsent_changes"]), (0, &json!(["long_description"])), "{ended:?}");
    let recall = format!("eqp packages recall --submission {handle}");
    assert!(
        ended.stderr.contains("already submitted: long_description") && ended.stderr.contains(&recall),
        "{ended:?}"
    );
    let planned = fixture.release(&["--dry-run"]);
    assert!(planned.code == 0 && planned.stderr.contains("already submitted: long_description"), "{planned:?}");

    // The remedy works.
    assert_eq!(fixture.home.run_aside(&["packages", "recall", "--submission", &handle]).code, 0);
    let sent = fixture.release(&["--json"]);
    assert_eq!((sent.code, &result(&sent)["unsent_changes"]), (0, &json!([])), "{sent:?}");
    assert_eq!(result(&fixture.release(&["--json"]))["unsent_changes"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_action_is_refused_with_its_remedy() {
    let fixture = Fixture::open(only_scans()).await;
    fixture.prepare(&Submission::module(), |listing| listing["action"] = json!({}));
    for arguments in [
        &["release", "submission.zip"][..],
        &["release", "submission.zip", "--dry-run"],
        &["packages", "check", "submission.zip", "--manifest", "release.toml"],
    ] {
        let refused = fixture.home.run_aside(arguments);
        assert_eq!(refused.code, 2, "{arguments:?}: {refused:?}");
        assert!(refused.stderr.contains("`package.action` is an empty table"), "{refused:?}");
        assert!(refused.stderr.contains("omit `action`"), "{refused:?}");
    }
    assert!(fixture.look().accounts[0].files.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_contradicts_the_archive_fails_before_anything_is_sent() {
    let fixture = Fixture::open(only_scans()).await;
    fixture.prepare(&version("1.2.2"), |listing| listing["version"] = json!("1.1.0"));
    let check = ["packages", "check", "submission.zip", "--manifest", "release.toml", "--skip-programs"];
    for refused in [fixture.home.run_aside(&check), fixture.release(&["--dry-run"]), fixture.release(&[])] {
        assert_eq!(refused.code, 5, "{refused:?}");
        let printed = format!("{}{}", refused.stdout, refused.stderr);
        assert!(printed.contains("version-is-same") && printed.contains("1.1.0"), "{refused:?}");
        assert!(!printed.contains("--skip-check"), "it would not help: {refused:?}");
    }
    for options in [&["--skip-check", "--dry-run"][..], &["--skip-check"]] {
        let refused = fixture.release(options);
        assert_eq!(refused.code, 2, "{options:?}: {refused:?}");
        assert!(refused.stderr.contains("set `version` in the manifest to 1.2.2"), "{refused:?}");
    }
    assert!(fixture.look().accounts[0].files.is_empty() && fixture.look().accounts[0].packages.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_older_than_the_one_in_the_store_is_warned_about() {
    let fixture = Fixture::open(at_once()).await;
    assert_eq!(fixture.release(&["--until", "released", "--timeout", "60s"]).code, 0);
    std::fs::copy(fixture.home.path().join("submission.zip"), fixture.home.path().join("before.zip")).unwrap();
    fixture.prepare(&version("1.1.9"), |_| {});
    let checked = fixture.home.run_aside(&["packages", "check", "submission.zip", "--previous", "before.zip"]);
    let warning = "version 1.1.9 is older than version 1.2.0";
    assert!(checked.stderr.contains(warning), "{checked:?}");
    for options in [&["--dry-run"][..], &["--until", "none"]] {
        let ended = fixture.release(options);
        assert!(ended.code == 0 && ended.stderr.contains(warning), "{options:?}: {ended:?}");
    }
}
