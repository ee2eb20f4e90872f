//! Tests a release from a git tag with a manifest of three lines: the archive is built, the notes come from the changelog, and everything
//! else from the version in the store.

use std::path::Path;

use eqp_simulator::Script;
use eqp_test_support::submission::Submission;
use serde_json::{Value, json};

use super::fixture::{Fixture, at_once, reads, result};

const CHANGELOG: &str =
    "# Changelog\n\n## [1.3.0] - 2026-11-01\n\n### Added\n\n- Badges in the **cart**\n\n## [1.2.0]\n\n- First\n";

/// Releases version 1.2.0, and creates a repository with the tag v1.3.0 and a short manifest.
async fn fixture(script: Script) -> Fixture {
    let fixture = Fixture::open(script).await;
    let first = fixture.release(&["--until", "released", "--timeout", "60s"]);
    assert_eq!(first.code, 0, "{first:?}");
    let home = &fixture.home;
    let folder = home.path().join("shop");
    let next = Submission::module().composer(|composer| {
        composer.as_object_mut().unwrap().remove("version");
    });
    next.write_files(&folder).unwrap();
    home.write("shop/CHANGELOG.md", CHANGELOG);
    home.write(
        "shop/release.toml",
        "[package]\nsku = \"acme/module-badges\"\naction = { technical = \"submit\", marketing = \"submit\" }\n",
    );
    for arguments in
        [&["init", "--quiet"][..], &["add", "--all"], &["commit", "--quiet", "--message", "x"], &["tag", "v1.3.0"]]
    {
        git(&fixture, &folder, arguments);
    }
    fixture
}

fn git(fixture: &Fixture, folder: &Path, arguments: &[&str]) {
    let identity = ["-c", "user.name=Acme", "-c", "user.email=acme@example.com"];
    let output = fixture.home.command_of(&["git"]).args(identity).args(arguments).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

const RELEASE: [&str; 11] = [
    "release",
    "--tag",
    "v1.3.0",
    "--manifest",
    "shop/release.toml",
    "--notes-from",
    "changelog",
    "--from-previous",
    "--allow-not-run",
    "code-sniffer",
    "--yes",
];

fn package(fixture: &Fixture, id: &str) -> Value {
    let shown = fixture.home.run_aside(&["packages", "show", id, "--json"]);
    serde_json::from_str::<Value>(&shown.stdout).unwrap()["package"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_call_builds_takes_the_notes_and_submits_what_the_manifest_lacks() {
    let fixture = fixture(at_once()).await;
    let dry = fixture.home.run_aside(&[&RELEASE[..], &["--dry-run"]].concat());
    assert_eq!(dry.code, 0, "{dry:?}");
    let ended = fixture.home.run_aside(&[&RELEASE[..], &["--until", "released", "--timeout", "60s"]].concat());
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stderr.contains("taken from version 1.2.0 in the store: type, platform, name"), "{}", ended.stderr);
    let package = package(&fixture, ended.stdout.trim());
    assert_eq!(package["version"], "1.3.0");
    assert_eq!(package["release_notes"], "<h3>Added</h3><ul><li>Badges in the <strong>cart</strong></li></ul>");
    assert_eq!((&package["name"], &package["prices"][0]["price"]), (&json!("Product Badges"), &json!(99)));
    // The same command again finds everything done.
    let again =
        fixture.home.run_aside(&[&RELEASE[..], &["--until", "released", "--timeout", "60s", "--json"]].concat());
    assert_eq!((again.code, &result(&again)["result"]), (0, &json!("reached")), "{again:?}");
    assert_eq!(fixture.look().accounts[0].packages.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn whenever_it_is_killed_the_next_run_makes_one_submission() {
    for (fault, step) in [
        ("latency=300s call=files.upload", "upload"),
        ("latency=300s call=packages.create", "create"),
        ("latency=300s call=packages.update", "submit"),
    ] {
        let fixture = fixture(at_once()).await;
        fixture.simulator.add_fault(fault.parse().unwrap());
        let mut running = fixture.home.start(&[&RELEASE[..], &["--progress", "json"]].concat());
        tokio::task::block_in_place(|| reads(&mut running, step, "begins"));
        tokio::task::block_in_place(|| running.kill());
        fixture.simulator.clear_faults();
        let ended = fixture.home.run_aside(&[&RELEASE[..], &["--until", "released", "--timeout", "60s"]].concat());
        assert_eq!(ended.code, 0, "{fault}: {ended:?}");
        let account = &fixture.look().accounts[0];
        assert_eq!((account.packages.len(), account.files.len()), (2, 7), "{fault}: nothing was created twice");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_an_error_before_anything_is_sent() {
    let fixture = fixture(at_once()).await;
    let before = format!("{:?}", fixture.look().accounts[0].packages);
    let run = |arguments: &[&str]| {
        fixture.home.run_aside(&[&["release", "--manifest", "shop/release.toml"], arguments].concat())
    };
    let archive = ["submission.zip", "--skip-check"];
    for (code, arguments, expected) in [
        (4, &["--tag", "v9.0.0"][..], "such as v1.3.0"),
        (4, &["--tag", "v1.3.0", "--notes-from", "changelog:shop/README.md"], "no heading with a version"),
        (2, &["--tag", "v1.3.0", "--notes-from", "file:none.md"], "cannot read none.md"),
        (2, &["--tag", "v1.3.0", "--notes-from", "web"], "file:FILE"),
        (2, &["--tag", "v1.3.0", "submission.zip"], "cannot be used with"),
        (2, &["--tag", "v1.3.0", "--notes-from", "github"], "--notes-repository"),
    ] {
        let refused = run(arguments);
        assert_eq!(refused.code, code, "{arguments:?} {refused:?}");
        assert!(refused.stderr.contains(expected), "{arguments:?} {refused:?}");
    }
    fixture.simulator.add_fault("status=500 call=packages.by_sku".parse().unwrap());
    let unreadable = run(&[&archive[..], &["--from-previous"]].concat());
    assert!(unreadable.code != 0 && unreadable.stderr.contains("omit --from-previous"), "{unreadable:?}");
    fixture.simulator.clear_faults();
    fixture.home.write("other.toml", "[package]\nsku = \"acme/other\"\nversion = \"1.0.0\"\n");
    let none = fixture.home.run_aside(&[
        "release",
        "submission.zip",
        "--skip-check",
        "--manifest",
        "other.toml",
        "--from-previous",
    ]);
    assert!(none.code == 4 && none.stderr.contains("no version of acme/other is in the store"), "{none:?}");
    assert_eq!(format!("{:?}", fixture.look().accounts[0].packages), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_of_three_lines_is_written_for_a_product_in_the_store() {
    let fixture = fixture(at_once()).await;
    let init = ["packages", "init", "submission.zip", "--sku", "acme/module-badges", "--output", "short.toml"];
    let written = fixture.home.run_aside(&init);
    assert_eq!(written.code, 0, "{written:?}");
    assert!(written.stderr.contains("version 1.2.0") && written.stderr.contains("long_description"), "{written:?}");
    let text = std::fs::read_to_string(fixture.home.path().join("short.toml")).unwrap();
    let lines: Vec<_> = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert_eq!(lines, ["[package]", "sku = \"acme/module-badges\"", "artifact = { file = \"submission.zip\" }"]);
    let missing = fixture.home.run_aside(&["packages", "init", "--sku", "acme/other", "--output", "other.toml"]);
    assert!(missing.code == 4 && missing.stderr.contains("eqp packages init ARCHIVE"), "{missing:?}");
    assert!(!fixture.home.path().join("other.toml").exists());
}
