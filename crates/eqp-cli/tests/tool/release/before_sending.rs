//! Tests what is not sent, and what is rejected before anything is sent.

use eqp_simulator::Step;
use eqp_test_support::submission::Submission;
use serde_json::json;

use super::fixture::{Fixture, WITHOUT_PHPCS, at_once, only_scans, result};

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
async fn a_release_whose_code_sniffer_did_not_run_sends_nothing_until_that_is_allowed() {
    let mut fixture = Fixture::open(only_scans()).await;
    // An empty PATH: there is no phpcs.
    fixture.home.set("PATH", fixture.home.path().display().to_string());
    let release = |options: &[&str]| fixture.home.run_aside(&[&["release", "submission.zip"], options].concat());
    for options in [&[][..], &["--dry-run"], &["--allow-not-run", "semantic-version"]] {
        let refused = release(options);
        assert_eq!(refused.code, 1, "{options:?}: {refused:?}");
        assert!(
            refused.stderr.contains("blocking rule code-sniffer did not run: phpcs is not installed"),
            "{refused:?}"
        );
        assert!(refused.stderr.contains("eqp tools install"), "{refused:?}");
        assert!(refused.stderr.contains("--allow-not-run code-sniffer"), "{refused:?}");
    }
    let as_json = release(&["--json"]);
    let json = result(&as_json);
    assert_eq!((&json["result"], &json["handle"]), (&json!("check_incomplete"), &json!(null)), "{as_json:?}");
    assert_eq!((&json["not_run"][0]["rule"], &json["findings"]), (&json!("code-sniffer"), &json!([])), "{as_json:?}");
    // A report of another package is no replacement, and a missing one is wrong usage.
    fixture.home.write("phpcs.json", r#"{"totals": {"errors": 0}, "files": {"/ci/Other.php": {"messages": []}}}"#);
    let other = release(&["--phpcs-report", "phpcs.json"]);
    assert!(other.code == 1 && other.stderr.contains("phpcs.json was not used"), "{other:?}");
    assert_eq!(release(&["--phpcs-report", "none.json"]).code, 2);
    assert!(fixture.look().accounts[0].files.is_empty());

    let files: serde_json::Map<_, _> = ["registration.php", "Model/Badge.php", "view/frontend/templates/badge.phtml"]
        .map(|name| (format!("/ci/badges/{name}"), json!({"messages": []})))
        .into_iter()
        .collect();
    fixture.home.write("phpcs.json", &json!({"totals": {"errors": 0, "warnings": 3}, "files": files}).to_string());
    let planned = release(&["--phpcs-report", "phpcs.json", "--dry-run"]);
    assert_eq!(planned.code, 0, "{planned:?}");
    fixture.home.write("summary.md", "# Build\n");
    let summary = ["--summary", "summary.md"];
    let sent = release(&[&WITHOUT_PHPCS[..], &summary].concat());
    assert_eq!(sent.code, 0, "{sent:?}");
    let text = std::fs::read_to_string(fixture.home.path().join("summary.md")).unwrap();
    let handle = sent.stdout.trim();
    assert!(text.starts_with("# Build\n\n## ") && text.contains(&format!("Handle: {handle}")), "{text}");
    assert!(
        text.contains("**code-sniffer did not run**")
            && text.contains("<!-- eqp packages check: acme/module-badges -->"),
        "{text}"
    );
    // A summary that would be too large, or cannot be written, does not change the result.
    fixture.home.write("summary.md", &"x".repeat(1024 * 1024));
    let full = release(&[&WITHOUT_PHPCS[..], &summary].concat());
    assert!(full.code == 0 && full.stderr.contains("would be larger than 1 MiB"), "{full:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_is_declared_only_with_consent_and_the_plan_says_what_it_means() {
    let fixture = Fixture::open(at_once()).await;
    let first = fixture.release(&["--process-as-patch", "--dry-run"]);
    assert!(first.code == 0 && first.stderr.contains("no version is in the store"), "{first:?}");
    assert_eq!(fixture.release(&["--until", "released", "--timeout", "60s"]).code, 0);

    fixture.prepare(&version("1.3.0"), |_| {});
    let minor = fixture.release(&["--dry-run"]);
    assert!(minor.code == 0 && !minor.stderr.contains("patch"), "{minor:?}");
    let declared = fixture.release(&["--process-as-patch", "--dry-run"]);
    assert!(declared.code == 0 && declared.stderr.contains("manual QA is probably not skipped"), "{declared:?}");

    fixture.prepare(&version("1.2.1"), |listing| listing["process_as_patch"] = json!("no"));
    assert_eq!(fixture.release(&["--process-as-patch", "--dry-run"]).code, 2);
    fixture.prepare(&version("1.2.1"), |_| {});
    let possible = fixture.release(&["--dry-run"]);
    assert!(possible.code == 0 && possible.stderr.contains("could be reviewed as a patch of 1.2.0"), "{possible:?}");
    let sent = fixture.release(&["--process-as-patch", "--until", "none"]);
    assert!(sent.code == 0 && sent.stderr.contains("declared as a patch of 1.2.0"), "{sent:?}");
    let shown = fixture.home.run_aside(&["packages", "show", sent.stdout.trim(), "--json"]);
    assert!(shown.stdout.contains("\"process_as_patch\":\"yes\""), "{shown:?}");
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
