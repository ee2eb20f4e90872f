//! Tests `packages check`, `init` and `rules`, which need neither a Marketplace nor a database nor an access key.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use eqp_test_support::process_runs;
use eqp_test_support::submission::Submission;
use serde_json::Value;

use eqp_test_support::tool::{Ended, Home};

fn with(submission: &Submission) -> Home {
    let home = Home::new(crate::EQP);
    submission.write(home.path()).unwrap();
    home
}

/// Returns a module with a blocking finding, a warning, and a warning that a manifest can suppress.
fn imperfect() -> Submission {
    Submission::module()
        .composer(|composer| composer["version"] = "1.2".into())
        .file(".gitignore", "vendor\n")
        .file("Test/Unit/BadgeTest.php", "<?php\n// TODO\n")
}

/// Writes a submission's listing as a manifest, followed by `more`.
fn manifest(home: &Home, submission: &Submission, more: &str) {
    let listing = submission.listing(home.path()).unwrap();
    let table: toml::Table = serde_json::from_value(serde_json::json!({"package": listing})).unwrap();
    home.write("release.toml", &format!("{}\n{more}", toml::to_string(&table).unwrap()));
}

fn check(home: &Home, arguments: &[&str]) -> Ended {
    home.run(&[&["packages", "check", "submission.zip", "--skip-programs"], arguments].concat())
}

/// The registry may grow.
const COUNTS: (&str, &str) =
    (r"\d+ total, \d+ ran, (\d+) not run, \d+ store-only", "[all] total, [most] ran, $1 not run, [some] store-only");

#[test]
fn a_good_submission_passes_also_with_strict() {
    let submission = Submission::module();
    let home = with(&submission);
    manifest(&home, &submission, "");
    let ended = check(&home, &["--manifest", "release.toml", "--strict", "--allow-not-run", "code-sniffer"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    insta::with_settings!({filters => [COUNTS]}, { insta::assert_snapshot!(ended.stdout) });
}

#[test]
fn a_report_names_rule_location_and_remedy() {
    let home = with(&imperfect());
    manifest(
        &home,
        &imperfect(),
        "[[check.suppress]]\nrule = \"unfinished\"\nat = \"Test/*\"\nreason = \"test data\"\n",
    );
    let ended = check(&home, &["--manifest", "release.toml"]);
    assert_eq!(ended.code, 5);
    insta::with_settings!({filters => [COUNTS]}, {
        insta::assert_snapshot!(format!("{}--- stderr\n{}", ended.stdout, ended.stderr));
    });
}

#[test]
fn the_marketplace_passes_over_nothing() {
    let submission = Submission::module().file("Test/Unit/BadgeTest.php", "<?php\n// TODO\n");
    let home = with(&submission);
    manifest(&home, &submission, "[[check.suppress]]\nrule = \"unfinished\"\nreason = \"test data\"\n");
    let strict = ["--manifest", "release.toml", "--strict", "--allow-not-run", "code-sniffer", "--json"];
    let passed = check(&home, &strict);
    let report: Value = serde_json::from_str(&passed.stdout).unwrap();
    assert_eq!((passed.code, &report["counts"]["suppressed"]), (0, &1.into()));
    let as_marketplace = check(&home, &[&strict[..], &["--as-marketplace"]].concat());
    let report: Value = serde_json::from_str(&as_marketplace.stdout).unwrap();
    assert_eq!((as_marketplace.code, &report["counts"]["suppressed"]), (5, &0.into()));
}

#[test]
fn warnings_fail_only_when_asked_to() {
    let home = with(&Submission::module().file(".gitignore", "x"));
    assert_eq!(check(&home, &[]).code, 0);
    assert_eq!(check(&home, &["--strict"]).code, 5);
}

#[test]
fn a_check_in_which_a_blocking_rule_did_not_run_does_not_look_like_a_pass() {
    let mut home = with(&Submission::module());
    home.set("PATH", home.path().display().to_string());
    let plain = ["packages", "check", "submission.zip"];
    let shown = home.run(&plain);
    assert_eq!(shown.code, 0, "{shown:?}");
    let last = shown.stdout.lines().last().unwrap();
    assert_eq!(last, "incomplete: blocking rules that did not run: code-sniffer");
    let json: Value = serde_json::from_str(&home.run(&[&plain[..], &["--json"]].concat()).stdout).unwrap();
    assert_eq!((&json["passed"], &json["result"]), (&false.into(), &"incomplete".into()));
    let annotated = home.run(&[&plain[..], &["--format", "github"]].concat());
    assert!(annotated.stdout.contains("::warning title=code-sniffer::code-sniffer did not run"), "{annotated:?}");
    // Skipping the programs does not turn the gap into a pass.
    for strict in [&["--strict"][..], &["--strict", "--skip-programs"]] {
        let strict = home.run(&[&plain[..], strict].concat());
        assert!(strict.code == 1 && strict.stderr.contains("incomplete, which is not a pass"), "{strict:?}");
        assert!(strict.stderr.contains("blocking rule code-sniffer did not run: "), "{strict:?}");
        assert!(strict.stderr.contains("eqp tools install"), "{strict:?}");
        assert!(strict.stderr.contains("--allow-not-run code-sniffer"), "{strict:?}");
    }
    assert_eq!(home.run(&[&plain[..], &["--strict", "--allow-not-run", "code-sniffer"]].concat()).code, 0);
    let other = home.run(&[&plain[..], &["--strict", "--allow-not-run", "semantic-version"]].concat());
    assert_eq!(other.code, 1, "{other:?}");
    let unknown = home.run(&[&plain[..], &["--allow-not-run", "archive-size"]].concat());
    assert!(unknown.code == 2 && unknown.stderr.contains("code-sniffer and semantic-version"), "{unknown:?}");
    let bin = home.path().join("phpcs");
    let script = "#!/bin/sh\nfor a; do case \"$a\" in --report-file=*) echo '{\"totals\":{\"errors\":0},\"files\":[]}' > \"${a#--report-file=}\";; esac; done\n";
    std::fs::write(&bin, script).unwrap();
    std::fs::set_permissions(&bin, Permissions::from_mode(0o755)).unwrap();
    let json: Value = serde_json::from_str(&home.run(&[&plain[..], &["--json", "--strict"]].concat()).stdout).unwrap();
    assert_eq!((&json["passed"], &json["result"]), (&true.into(), &"passed".into()));
}

#[test]
fn a_program_has_as_much_time_as_it_is_given() {
    let mut home = with(&Submission::module());
    let bin = home.path().join("phpcs");
    std::fs::write(&bin, "#!/bin/sh\nexec sleep 300\n").unwrap();
    std::fs::set_permissions(&bin, Permissions::from_mode(0o755)).unwrap();
    home.set("PATH", format!("{}:/usr/bin:/bin", home.path().display()));
    let ended = home.run(&["packages", "check", "submission.zip", "--tool-timeout", "1s"]);
    assert!(ended.code == 0 && ended.stdout.contains("phpcs timed out after 1 s"), "{ended:?}");
}

#[test]
fn every_form_is_one_that_its_reader_takes() {
    let home = with(&imperfect());
    let sarif = check(&home, &["--format", "sarif"]);
    assert_eq!(serde_json::from_str::<Value>(&sarif.stdout).unwrap()["version"], "2.1.0");
    let junit = check(&home, &["--format", "junit"]);
    assert!(junit.stdout.starts_with("<?xml") && junit.stdout.contains("<failure"), "{}", junit.stdout);
    let json = check(&home, &["--format", "json"]);
    assert_eq!(json.stdout, check(&home, &["--json"]).stdout);
    for ended in [sarif, junit, json] {
        assert_eq!(ended.code, 5);
    }
    let both = check(&home, &["--json", "--format", "sarif"]);
    assert_eq!((both.code, both.stdout.as_str()), (2, ""));
}

#[test]
fn annotations_are_written_where_github_reads_them() {
    let mut home = with(&imperfect());
    home.set("GITHUB_ACTIONS", "true");
    let ended = check(&home, &[]);
    assert_eq!(ended.code, 5);
    assert!(ended.stdout.starts_with("::error file=composer.json,line="), "{}", ended.stdout);
    assert!(check(&home, &["--format", "table"]).stdout.starts_with(" severity"));
}

#[test]
fn what_cannot_be_read_and_a_wrong_manifest_are_code_2() {
    let home = with(&Submission::module());
    let none = home.run(&["packages", "check", "none.zip"]);
    assert_eq!((none.code, none.stdout.as_str()), (2, ""));
    assert!(none.stderr.contains("cannot read none.zip"), "{}", none.stderr);
    assert!(none.stderr.contains("next: pass an archive that exists"), "{}", none.stderr);
    for (manifest, said) in [
        ("[package]\ncategorys = []\n", "did you mean `package.categories`?"),
        (
            "[package]\nname = \"x\"\n[[check.suppress]]\nrule = \"unfinishd\"\nreason = \"r\"\n",
            "did you mean `unfinished`?",
        ),
        ("[package]\nname = \"x\"\n[[check.suppress]]\nrule = \"unfinished\"\nreason = \"\"\n", "without a reason"),
        ("[package]\nname = \"x\"\n[[check.suppress]]\nrule = \"unfinished\"\n", "reason"),
        ("[package]\nname = \"x\"\n[check]\nsupress = []\n", "did you mean `check.suppress`?"),
    ] {
        home.write("release.toml", manifest);
        let ended = check(&home, &["--manifest", "release.toml"]);
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{manifest}: {}", ended.stderr);
        assert!(ended.stderr.contains(said), "{manifest}: {}", ended.stderr);
    }
}

#[test]
fn of_several_packages_the_one_with_the_archive_s_name_is_checked() {
    let home = with(&Submission::module());
    home.write("release.toml", "[[package]]\nsku = \"acme/other\"\nname = \"Other Extension\"\n[[package]]\nsku = \"acme/module-badges\"\nname = \"Badges\"\n");
    let report: Value = serde_json::from_str(&check(&home, &["--manifest", "release.toml", "--json"]).stdout).unwrap();
    let rules: Vec<_> =
        report["findings"].as_array().unwrap().iter().map(|finding| finding["rule"].as_str().unwrap()).collect();
    assert!(
        rules.contains(&"technical-fields") && !rules.contains(&"title-words") && !rules.contains(&"sku-is-name"),
        "{rules:?}"
    );
    home.write("release.toml", "[[package]]\nsku = \"acme/a\"\n[[package]]\nsku = \"acme/b\"\n");
    let ended = check(&home, &["--manifest", "release.toml"]);
    assert!(ended.code == 2 && ended.stderr.contains("acme/module-badges"), "{ended:?}");
}

#[test]
fn a_generated_manifest_lacks_only_what_its_owner_knows() {
    let home = with(&Submission::module());
    let ended = home.run(&["packages", "init", "submission.zip"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "release.toml\n"));
    insta::assert_snapshot!(std::fs::read_to_string(home.path().join("release.toml")).unwrap());
    let report: Value = serde_json::from_str(&check(&home, &["--manifest", "release.toml", "--json"]).stdout).unwrap();
    let mut missing: Vec<_> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["location"]["name"].as_str().unwrap())
        .collect();
    missing.sort_unstable();
    missing.dedup();
    assert_eq!(
        missing,
        [
            "categories",
            "documentation_artifacts",
            "long_description",
            "media_artifacts.gallery_images",
            "media_artifacts.icon_image",
            "name",
            "release_notes",
        ]
    );
    // Commands that use the Marketplace read it too.
    let again = home.run(&["packages", "init", "submission.zip"]);
    assert!(again.code == 2 && again.stderr.contains("--force"), "{again:?}");
    assert_eq!(home.run(&["packages", "init", "submission.zip", "--force"]).code, 0);
    let shown = home.run(&["packages", "init", "submission.zip", "--output", "-"]);
    assert_eq!(shown.stdout, std::fs::read_to_string(home.path().join("release.toml")).unwrap());
    home.write("text.zip", "<!DOCTYPE html><title>Sign in</title>");
    let page = home.run(&["packages", "init", "text.zip"]);
    assert!(page.code == 1 && page.stderr.contains("not a zip archive: it is an HTML page"), "{page:?}");
}

#[test]
fn a_signal_ends_the_check_and_the_program_that_it_runs() {
    let mut home = with(&Submission::module());
    let bin = home.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let script = "#!/bin/sh\nenv > \"$(dirname \"$0\")/environment\"\necho $$ > \"$(dirname \"$0\")/pid\"\nmv \"$(dirname \"$0\")/pid\" \"$(dirname \"$0\")/running\"\nsleep 300\n";
    std::fs::write(bin.join("phpcs"), script).unwrap();
    std::fs::set_permissions(bin.join("phpcs"), Permissions::from_mode(0o755)).unwrap();
    home.set("PATH", format!("{}:/usr/bin:/bin", bin.display()));
    home.set("EQP_APPLICATION_SECRET", "hush");
    let running = home.start(&["packages", "check", "submission.zip"]);
    let begun = Instant::now();
    let waits = || assert!(begun.elapsed() < Duration::from_mins(1), "it does not begin, or does not end");
    let id = loop {
        match std::fs::read_to_string(bin.join("running")) {
            Ok(id) => break id.trim().to_owned(),
            Err(_) => waits(),
        }
        std::thread::yield_now();
    };
    running.terminate();
    let ended = running.end();
    let environment = std::fs::read_to_string(bin.join("environment")).unwrap();
    assert!(environment.contains("PATH=") && !environment.contains("EQP_"), "{environment}");
    assert_eq!(ended.code, 130, "{ended:?}");
    assert!(ended.stderr.contains("the check was stopped"), "{ended:?}");
    while process_runs(&id) {
        waits();
        std::thread::yield_now();
    }
}

#[test]
fn the_rules_are_listed_and_each_is_described() {
    let home = Home::new(crate::EQP);
    let listed = home.json(&["packages", "rules", "--json"]);
    let rules = listed["rules"].as_array().unwrap();
    let shown = home.run(&["packages", "rules"]).stdout;
    assert_eq!(shown.lines().count(), rules.len() + 1);
    for rule in rules {
        assert!(shown.contains(rule["id"].as_str().unwrap()), "{rule}");
    }
    insta::assert_snapshot!(home.run(&["packages", "rules", "composer-version"]).stdout);
    let unknown = home.run(&["packages", "rules", "composer-versoin"]);
    assert!(unknown.code == 4 && unknown.stderr.contains("did you mean `composer-version`?"), "{unknown:?}");
}
