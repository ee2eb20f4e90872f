//! Three products of a repository go from their tags to the store through the steps of the action, each killed at another step and run again.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use eqp_test_support::submission::Submission;
use serde_json::{Value, json};

use super::ci::{Action, bash, path};
use super::fixture::{Fixture, at_once};

/// The products in the order of their releases: folder, submission, the fault that stops its first run, and the line that is then shown.
fn products() -> [(&'static str, Submission, &'static str, &'static str); 3] {
    let named = |submission: Submission, name: &str| {
        submission.composer(|composer| composer["name"] = json!(format!("acme/module-{name}")))
    };
    let cart = named(Submission::module(), "cart").composer(|composer| {
        composer["require"]["acme/module-base"] = json!("^1.2");
        composer["require"]["acme/module-core"] = json!("^1.2");
    });
    [
        ("core", named(Submission::shared_package(), "core"), "latency=300s call=files.upload", "uploading "),
        ("base", named(Submission::module(), "base"), "latency=300s call=packages.create", "creating "),
        ("cart", cart, "latency=300s call=packages.update", "submitting "),
    ]
}

/// Writes a product, whose version is only in its tag, and whose release notes are only in its changelog.
fn write(fixture: &Fixture, folder: &str, submission: &Submission) {
    let path = fixture.home.path().join("packages").join(folder);
    let untagged = submission.clone().composer(|composer| drop(composer.as_object_mut().unwrap().remove("version")));
    untagged.write_files(&path).unwrap();
    let mut listing: Value = submission.listing(fixture.home.path()).unwrap();
    // No two products of the store have the same name.
    listing["name"] = json!(format!("Badges {folder}"));
    for field in ["version", "release_notes"] {
        listing.as_object_mut().unwrap().remove(field);
    }
    let table: toml::Table = serde_json::from_value(json!({"package": listing})).unwrap();
    fixture.home.write(&format!("packages/{folder}/release.toml"), &toml::to_string(&table).unwrap());
    let changes = format!("# Changelog\n\n## [1.2.0] - 2026-11-01\n\n- The first **{folder}**\n");
    fixture.home.write(&format!("packages/{folder}/CHANGELOG.md"), &changes);
}

/// Starts a command, and kills it with all processes that it has started when it shows a line.
fn kill_at(mut command: Command, line: &str) {
    let mut child = command.process_group(0).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let shown = lines.by_ref().map(Result::unwrap).find(|shown| shown.contains(line));
    let group = format!("-{}", child.id());
    assert!(Command::new("kill").args(["-9", "--", &group]).status().unwrap().success());
    child.wait().unwrap();
    assert!(shown.is_some(), "{line:?} was not shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_product_is_submitted_once_wherever_its_first_run_was_killed() {
    let fixture = Fixture::open(at_once()).await;
    for (folder, submission, ..) in &products() {
        write(&fixture, folder, submission);
    }
    let commit = "git init --quiet && git add packages && git -c user.name=A -c user.email=a@example.com commit --quiet \
                  --message x && for name in core base cart; do git tag $name/v1.2.0; done";
    let committed = bash(&fixture, commit, &HashMap::from([("PATH".to_owned(), path(&fixture))]));
    assert_eq!(committed.code, 0, "{committed:?}");

    for (folder, submission, fault, line) in products() {
        let manifest = format!("packages/{folder}/release.toml");
        let inputs = [
            ("eqp", env!("CARGO_BIN_EXE_eqp")),
            ("manifest", manifest.as_str()),
            ("environment", "production"),
            ("application-id", "app"),
            ("application-secret", "hush"),
            ("until", "released"),
            ("allow-not-run", "code-sniffer"),
        ];
        let action = Action::new(&fixture, &inputs, "/usr/bin:/bin")
            .set("GITHUB_REF_TYPE", "tag")
            .set("GITHUB_REF_NAME", &format!("{folder}/v1.2.0"));
        fixture.simulator.add_fault(fault.parse().unwrap());
        let command = action.until_last().unwrap();
        tokio::task::block_in_place(|| kill_at(command, line));
        fixture.simulator.clear_faults();
        for _ in 0..2 {
            let (ended, outputs) = action.run();
            assert_eq!((ended.code, outputs["result"].as_str()), (0, "done"), "{folder}: {ended:?}");
            let shown = fixture.home.run_aside(&["packages", "show", &outputs["handle"], "--json"]);
            let package = serde_json::from_str::<Value>(&shown.stdout).unwrap()["package"].clone();
            assert_eq!((&package["version"], &package["type"]), (&json!("1.2.0"), &submission_type(&submission)));
            assert_eq!(package["release_notes"], format!("<ul><li>The first <strong>{folder}</strong></li></ul>"));
        }
    }
    let snapshot = fixture.look();
    let statuses: Vec<_> = snapshot.accounts[0].packages.iter().map(|package| package.status.to_string()).collect();
    assert_eq!(statuses, ["released_to_store/approved/approved"; 3]);
    let summary = std::fs::read_to_string(fixture.home.path().join("GITHUB_STEP_SUMMARY")).unwrap();
    assert_eq!(summary.matches("**cart/v1.2.0**: done").count(), 2, "{summary}");
}

fn submission_type(submission: &Submission) -> Value {
    let folder = tempfile::tempdir().unwrap();
    submission.listing(folder.path()).unwrap()["type"].clone()
}
