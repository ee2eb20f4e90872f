//! Tests `tools install` and `tools list`, and checks with an installed code sniffer: the phpcs of Debian with a small rule set that has
//! the store's name.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use eqp_test_support::submission::Submission;
use eqp_test_support::tool::{Ended, Home};
use serde_json::Value;

const RULE_SET: &str = include_str!("../../../eqp-check/tests/check/standard/Magento2/ruleset.xml");
/// Runs the classes of Debian's package php-codesniffer.
const PHPCS: &str = "<?php\nrequire '/usr/share/php/PHP/CodeSniffer/autoload.php';\n\
                     $runner = new PHP_CodeSniffer\\Runner();\nexit($runner->runPHPCS());\n";
const PHPCS_PATH: &str = "vendor/squizlabs/php_codesniffer/bin/phpcs";
const STANDARD: &str = "vendor/magento/magento-coding-standard";

/// Returns a home without phpcs on PATH, or `None` if phpcs or PHP is not installed.
fn home() -> Option<Home> {
    let has_php = Command::new("/usr/bin/php").arg("--version").output().is_ok_and(|output| output.status.success());
    if !has_php || !Path::new("/usr/share/php/PHP/CodeSniffer/autoload.php").is_file() {
        println!("not run: Debian's packages php-codesniffer and php-cli are not installed");
        return None;
    }
    let mut home = Home::new(crate::EQP);
    std::fs::create_dir(home.path().join("bin")).unwrap();
    for program in ["php", "sh", "cp", "mkdir", "sleep", "env", "cat"] {
        let real = ["/usr/bin", "/bin"].map(|folder| Path::new(folder).join(program));
        let real = real.into_iter().find(|path| path.exists()).unwrap();
        std::os::unix::fs::symlink(real, home.path().join("bin").join(program)).unwrap();
    }
    home.set("PATH", home.path().join("bin").display().to_string());
    let submission = Submission::module().file("Model/Pay.php", "<?php\n\neval($_POST['rule']); // phpcs:ignore\n");
    submission.write(home.path()).unwrap();
    Some(home)
}

fn tree(phpcs: &str) -> Submission {
    Submission::metapackage()
        .file(PHPCS_PATH, phpcs)
        .file(&format!("{STANDARD}/composer.json"), "{\"version\": \"35\"}")
        .file(&format!("{STANDARD}/Magento2/ruleset.xml"), RULE_SET)
}

/// Writes an archive and returns its SHA-256.
fn archive(home: &Home, bytes: &[u8]) -> String {
    let path = home.path().join("sniffer.zip");
    std::fs::write(&path, bytes).unwrap();
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

fn install(home: &Home, sha256: &str, more: &[&str]) -> Ended {
    home.run(&[&["tools", "install", "--from", "sniffer.zip", "--sha256", sha256], more].concat())
}

fn check(home: &Home, more: &[&str]) -> Ended {
    home.run(&[&["packages", "check", "submission.zip"], more].concat())
}

#[test]
fn an_installed_code_sniffer_is_run_by_checks_until_a_file_changes() {
    let Some(home) = home() else { return };
    let sha256 = archive(&home, &tree(PHPCS).bytes());
    let none = home.run(&["tools", "list"]);
    assert!(none.code == 0 && none.stderr.contains("eqp tools install"), "{none:?}");
    assert!(check(&home, &[]).stdout.ends_with("did not run: code-sniffer\n"), "it is not installed");

    let wrong = install(&home, &"0".repeat(64), &[]);
    assert!(wrong.code == 1 && wrong.stderr.contains(&format!("has the SHA-256 {sha256}")), "{wrong:?}");
    let unverified = home.run(&["tools", "install", "--from", "sniffer.zip"]);
    assert!(unverified.code == 2 && unverified.stderr.contains("needs its SHA-256"), "{unverified:?}");
    let planned = install(&home, &sha256, &["--dry-run"]);
    assert!(planned.code == 0 && planned.stdout.contains("would install"), "{planned:?}");
    let listed: Value = home.json(&["tools", "list", "--json"]);
    assert_eq!(listed["tools"], serde_json::json!([]));

    let installed: Value = home.json(&["tools", "install", "--from", "sniffer.zip", "--sha256", &sha256, "--json"]);
    assert_eq!(
        (&installed["installed"]["standard"], &installed["installed"]["source"]),
        (&"35".into(), &"sniffer.zip".into())
    );
    let listed: Value = home.json(&["tools", "list", "--json"]);
    assert_eq!((&listed["tools"][0]["works"], &listed["pinned_standard"]), (&true.into(), &"35".into()), "{listed}");

    // Without further flags. A suppression in the code has no effect.
    let found = check(&home, &["--strict"]);
    assert!(
        found.code == 5 && found.stdout.contains("Model/Pay.php:3") && found.stdout.contains("Use of eval()"),
        "{found:?}"
    );
    Submission::module().write(home.path()).unwrap();
    let passed: Value = home.json(&["packages", "check", "submission.zip", "--json"]);
    assert_eq!(passed["result"], "passed", "{passed}");

    let ruleset =
        home.path().join("data/tools/magento-coding-standard/tree").join(STANDARD).join("Magento2/ruleset.xml");
    std::fs::write(ruleset, "<ruleset name=\"Magento2\"/>").unwrap();
    let changed = check(&home, &["--strict"]);
    assert!(changed.code == 1 && changed.stderr.contains("was changed or is incomplete"), "{changed:?}");
    let listed = home.run(&["tools", "list"]);
    assert!(listed.code == 0 && listed.stdout.contains(" no") && listed.stderr.contains("was changed"), "{listed:?}");
    assert_eq!(install(&home, &sha256, &[]).code, 0);
    assert_eq!(home.json(&["packages", "check", "submission.zip", "--json"]), passed);
}

#[test]
fn an_archive_that_is_not_a_working_code_sniffer_replaces_nothing() {
    let Some(home) = home() else { return };
    let good = archive(&home, &tree(PHPCS).bytes());
    assert_eq!(install(&home, &good, &[]).code, 0);
    for (bytes, expected) in [
        (b"<!DOCTYPE html>".to_vec(), "not a zip archive"),
        (Submission::module().bytes(), "there is no vendor/squizlabs"),
        (Submission::metapackage().file(PHPCS_PATH, PHPCS).bytes(), "Magento2/ruleset.xml"),
        (tree("<?php fwrite(STDERR, 'no extension xml'); exit(64);").bytes(), "no extension xml"),
        (tree("<?php echo 'The installed coding standards are PEAR and PSR2';").bytes(), "does not know the standard"),
        (tree(PHPCS).file("../../escaped.php", "x").bytes(), "leads out of the folder"),
    ] {
        let sha256 = archive(&home, &bytes);
        let refused = install(&home, &sha256, &[]);
        assert!(refused.code == 1 && refused.stderr.contains(expected), "{expected}: {refused:?}");
    }
    let listed: Value = home.json(&["tools", "list", "--json"]);
    assert_eq!(listed["tools"][0]["works"], true, "{listed}");
    assert_eq!(std::fs::read_dir(home.path().join("data/tools")).unwrap().count(), 1, "nothing else is left");
    assert_eq!(install(&home, &"0".repeat(64), &["--php", "bin/none"]).code, 2);
}

fn program(home: &Home, name: &str, script: &str) {
    let path = home.path().join("bin").join(name);
    let _ = std::fs::remove_file(&path);
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn composer_runs_in_an_empty_folder_with_a_cleaned_environment_and_within_its_time() {
    let Some(mut home) = home() else { return };
    tree(PHPCS).write_files(&home.path().join("packages")).unwrap();
    std::fs::create_dir_all(home.path().join("packages/vendor/bin")).unwrap();
    std::os::unix::fs::symlink(PHPCS_PATH, home.path().join("packages/vendor/bin/phpcs")).unwrap();
    home.set("EQP_APPLICATION_SECRET", "hush");
    home.set("COMPOSER_AUTH", "hush");
    home.set("https_proxy", "http://127.0.0.1:9");
    let seen = home.path().join("seen");
    let script = format!(
        "for last; do :; done\nenv > '{seen}'\necho \"$*\" >> '{seen}'\ncat \"$last/composer.json\" >> '{seen}'\n\
         cp -R '{packages}/vendor' \"$last/\"",
        seen = seen.display(),
        packages = home.path().join("packages").display()
    );
    program(&home, "composer", &script);
    let installed: Value = home.json(&["tools", "install", "--json"]);
    let hash = installed["installed"]["tree_sha256"].as_str().unwrap();
    let seen = std::fs::read_to_string(seen).unwrap();
    assert!(!seen.contains("hush") && seen.contains("https_proxy=http://127.0.0.1:9"), "{seen}");
    assert!(seen.contains("install --no-plugins --no-scripts --no-dev --no-interaction"), "{seen}");
    assert!(seen.contains("\"magento/magento-coding-standard\": \"35\""), "{seen}");
    assert!(check(&home, &[]).stdout.contains("Model/Pay.php:3"));

    // The same files have the same hash, which a job can require.
    let again = home.run(&["tools", "install", "--sha256", hash]);
    assert!(again.code == 0 && again.stdout.contains(hash), "{again:?}");
    let other = home.run(&["tools", "install", "--sha256", &"0".repeat(64)]);
    assert!(other.code == 1 && other.stderr.contains(hash), "{other:?}");

    program(&home, "composer", "echo 'curl error 6: Could not resolve host: repo.packagist.org' >&2; exit 100");
    let unreachable = home.run(&["tools", "install"]);
    assert!(unreachable.code == 1 && unreachable.stderr.contains("Could not resolve host"), "{unreachable:?}");
    assert!(unreachable.stderr.contains("--from FILE"), "{unreachable:?}");
    program(&home, "composer", "exec sleep 300");
    let hangs = home.run(&["tools", "install", "--timeout", "1s"]);
    assert!(hangs.code == 1 && hangs.stderr.contains("timed out after 1 s"), "{hangs:?}");
    program(&home, "new-php", "printf 8.5.0");
    let new = home.run(&["tools", "install", "--php", "bin/new-php"]);
    assert!(new.code == 1 && new.stderr.contains("PHP 8.5.0 is newer than 8.3"), "{new:?}");
    program(&home, "no-php", "echo hello");
    let none = home.run(&["tools", "install", "--php", "bin/no-php"]);
    assert!(none.code == 2 && none.stderr.contains("did not print its version"), "{none:?}");
    // Each failure left the installation as it was.
    let listed: Value = home.json(&["tools", "list", "--json"]);
    assert_eq!((&listed["tools"][0]["works"], &listed["tools"][0]["tree_sha256"]), (&true.into(), &hash.into()));
}
