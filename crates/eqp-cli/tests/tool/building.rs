//! Tests `packages build` and `packages check FOLDER`, which need neither a Marketplace nor a database nor an access key.

use std::path::Path;

use eqp_test_support::submission::Submission;
use eqp_test_support::tool::{Ended, Home};
use serde_json::Value;

/// Creates a home with a repository in the folder `shop`, whose tag v1.2.0 is this submission and some files of developers.
fn with(submission: &Submission) -> Home {
    let home = Home::new(crate::EQP);
    let folder = home.path().join("shop");
    submission.write_files(&folder).unwrap();
    for name in ["Test/Unit/BadgeTest.php", ".github/workflows/test.yml", "docs/guide.md"] {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "x\n").unwrap();
    }
    std::fs::write(folder.join(".gitattributes"), "/docs export-ignore\n").unwrap();
    git(&home, &folder, &["init", "--quiet", "--initial-branch=main"]);
    tag(&home);
    home
}

/// Commits everything and moves the tag v1.2.0 there.
fn tag(home: &Home) {
    let folder = home.path().join("shop");
    git(home, &folder, &["add", "--all"]);
    git(home, &folder, &["commit", "--quiet", "--allow-empty", "--message", "change"]);
    git(home, &folder, &["tag", "--force", "v1.2.0"]);
}

fn git(home: &Home, folder: &Path, arguments: &[&str]) {
    let identity = ["-c", "user.name=Acme", "-c", "user.email=acme@example.com", "-c", "commit.gpgSign=false"];
    let output = home.command_of(&["git"]).args(identity).args(arguments).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

fn build(home: &Home, arguments: &[&str]) -> Ended {
    home.run(&[&["packages", "build", "shop", "--skip-programs"], arguments].concat())
}

fn secret() -> String {
    format!("<?php\n$key = '{}{}';\n", "sk_live_", "4".repeat(24))
}

#[test]
fn an_archive_is_built_checked_and_reported() {
    let home = with(&Submission::module());
    let planned = build(&home, &["--tag", "v1.2.0", "--dry-run"]);
    assert_eq!(planned.code, 0, "{planned:?}");
    assert!(!home.path().join("acme-module-badges-1.2.0.zip").exists());
    let ended = build(&home, &["--tag", "v1.2.0"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    assert_eq!(ended.stdout.replace("wrote", "would write"), planned.stdout);
    let filters = vec![
        (r"\d+ total, \d+ ran, \d+ not run, \d+ store-only", "[rules]"),
        (r"commit [0-9a-f]{12}", "commit [id]"),
        (r"\d+ rules? \(|did not run: [a-z0-9, -]+ \(", "did not run: [rules] ("),
    ];
    insta::with_settings!({filters => filters}, { insta::assert_snapshot!(ended.stdout) });
    let again: Value = home.json(&["packages", "build", "shop", "--skip-programs", "--tag", "v1.2.0", "--json"]);
    assert_eq!((&again["state"], &again["source"]["tag"]), (&"same".into(), &"v1.2.0".into()));
    assert_eq!(again["check"]["counts"]["blocking"], 0);
    let dry: Value =
        home.json(&["packages", "build", "shop", "--skip-programs", "--working-tree", "--dry-run", "--json"]);
    assert_eq!((&dry["sha256"], &dry["source"]["kind"]), (&again["sha256"], &"working-tree".into()));
}

#[test]
fn umask_and_time_zone_do_not_change_the_bytes() {
    let home = with(&Submission::module());
    let mut archives = Vec::new();
    for (umask, zone) in [("022", "UTC"), ("077", "Pacific/Auckland")] {
        let clone = home.path().join(format!("clone{umask}"));
        let script = format!(
            "umask {umask} && git clone --quiet shop {clone} && {} packages build {clone} --tag v1.2.0 --skip-programs --out a{umask}.zip",
            crate::EQP,
            clone = clone.display(),
        );
        let output = home.command_of(&["sh", "-c", &script]).env("TZ", zone).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        archives.push(std::fs::read(home.path().join(format!("a{umask}.zip"))).unwrap());
    }
    assert_eq!(archives[0], archives[1]);
}

#[test]
fn a_secret_prevents_the_archive_unless_its_file_is_allowed() {
    let submission = Submission::module().file("Model/Key.php", secret()).file(".env", "KEY=1\n");
    let home = with(&submission);
    let refused = build(&home, &["--tag", "v1.2.0", "--allow-secret", ".env"]);
    assert!(refused.code == 5 && refused.stderr.contains("Model/Key.php:2"), "{refused:?}");
    assert!(!refused.stderr.contains("sk_live_") && !refused.stderr.contains(".env"), "{refused:?}");
    assert!(!home.path().join("acme-module-badges-1.2.0.zip").exists());
    // The folder is checked like the archive that would be built.
    let checked = home.run(&["packages", "check", "shop", "--skip-programs"]);
    assert!(checked.code == 5 && checked.stderr.contains("the folder contains secrets"), "{checked:?}");
    assert!(checked.stdout.contains("secret-text") && checked.stderr.contains("allow_secret"), "{checked:?}");
    home.write("allowed.toml", "[package]\n[build]\nallow_secret = [\".env\", \"Model/Key.php\"]\n");
    let arguments = ["packages", "check", "shop", "--skip-programs", "--manifest", "allowed.toml", "--new-version"];
    assert!(!home.run(&arguments).stderr.contains("contains secrets"));
    let allowed = build(&home, &["--tag", "v1.2.0", "--allow-secret", ".env", "--allow-secret", "./Model/Key.php"]);
    assert_eq!(allowed.code, 0, "{allowed:?}");
    let excluded = build(&home, &["--tag", "v1.2.0", "--exclude", ".env", "--exclude", "/Model/Key.php", "--force"]);
    assert_eq!(excluded.code, 0, "{excluded:?}");
}

#[test]
fn an_archive_that_the_store_would_reject_is_written_and_the_exit_code_says_so() {
    let home = with(&Submission::module().composer(|composer| composer["type"] = "library".into()));
    let ended = build(&home, &["--tag", "v1.2.0", "--out", "shop/../a.zip"]);
    assert!(ended.code == 5 && ended.stderr.contains("the store would reject a.zip"), "{ended:?}");
    assert!(ended.stdout.contains("composer-type") && home.path().join("a.zip").exists(), "{ended:?}");
    let warned = with(&Submission::module().file("Model/Open.php", "<?php\n// TODO\n"));
    assert_eq!(build(&warned, &["--tag", "v1.2.0"]).code, 0);
    assert_eq!(build(&warned, &["--tag", "v1.2.0", "--strict"]).code, 5);
}

#[test]
fn bad_input_is_refused_with_what_to_do() {
    let home = with(&Submission::module());
    std::fs::create_dir(home.path().join("out")).unwrap();
    let other = home.write("other.zip", "other");
    for (code, arguments, expected) in [
        (2, &[][..], "--tag <TAG>|--working-tree"),
        (2, &["--tag", "v1.2.0", "--working-tree"], "cannot be used with"),
        (2, &["--working-tree", "--version-from", "tag"], "--tag"),
        (4, &["--tag", "v1.3.0"], "such as v1.2.0"),
        (2, &["--tag", "v1.2.0", "--exclude", "!x"], "syntax of .gitignore"),
        (2, &["--tag", "v1.2.0", "--out", "other.zip"], "--force"),
        (2, &["--tag", "v1.2.0", "--out", "shop/composer.json", "--force"], "outside of the package"),
        (1, &["--tag", "v1.2.0", "--out", "other.zip/a.zip"], "cannot read other.zip/a.zip"),
        (
            2,
            &["--tag", "v1.2.0", "--out", "shop/Test/Unit/BadgeTest.php", "--force"],
            "one of the files of the package",
        ),
    ] {
        let refused = build(&home, arguments);
        assert_eq!(refused.code, code, "{arguments:?} {refused:?}");
        assert!(refused.stderr.contains(expected), "{arguments:?} {refused:?}");
    }
    assert_eq!(std::fs::read_to_string(other).unwrap(), "other");
    for folder in ["dist/", "out"] {
        let dry = build(&home, &["--tag", "v1.2.0", "--out", folder, "--dry-run"]);
        assert!(
            dry.code == 0 && dry.stdout.contains(&format!("would write {}/acme-", folder.trim_end_matches('/'))),
            "{dry:?}"
        );
    }
    let new_folder = build(&home, &["--tag", "v1.2.0", "--out", "dist/", "--exclude", "none/"]);
    assert!(new_folder.code == 0 && home.path().join("dist/acme-module-badges-1.2.0.zip").exists(), "{new_folder:?}");
    assert!(new_folder.stderr.contains("the pattern `none/` matches no file"), "{new_folder:?}");
    let into_folder = build(&home, &["--tag", "v1.2.0", "--out", "out"]);
    assert!(into_folder.code == 0 && home.path().join("out/acme-module-badges-1.2.0.zip").exists(), "{into_folder:?}");
    let plain = home.run(&["packages", "build", "out", "--tag", "v1.2.0"]);
    assert!(plain.code == 2 && plain.stderr.contains("--working-tree"), "{plain:?}");
    std::fs::write(home.path().join("shop/Model/New.php"), "<?php\n").unwrap();
    let dirty = build(&home, &["--working-tree", "--out", "dirty.zip"]);
    assert!(dirty.code == 0 && dirty.stderr.contains("differs from its commit: 1 file"), "{dirty:?}");
}

#[test]
fn a_folder_is_checked_like_its_archive() {
    let submission = Submission::module().file("Model/Open.php", "<?php\n// TODO\n");
    let home = with(&submission);
    submission.write(home.path()).unwrap();
    let check = |subject: &str| -> Value { home.json(&["packages", "check", subject, "--skip-programs", "--json"]) };
    let (mut folder, mut archive) = (check("shop"), check("submission.zip"));
    assert_eq!(folder["findings"][0]["rule"], "unfinished");
    for report in [&mut folder, &mut archive] {
        report["archive"].take();
    }
    assert_eq!(folder, archive);
    assert_eq!(
        std::fs::read_dir(home.path())
            .unwrap()
            .filter_map(Result::ok)
            .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "zip"))
            .count(),
        1,
        "nothing is written"
    );
}
