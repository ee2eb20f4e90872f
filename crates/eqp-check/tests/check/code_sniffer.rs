//! Tests the code sniffer with a real phpcs and a small rule set that has the store's name, and with reports that phpcs has written
//! elsewhere.

use std::path::{Path, PathBuf};
use std::process::Command;

use eqp_check::{Check, CodeSniffer, Report, Tools};
use eqp_test_support::submission::Submission;

use crate::fixture::{Fixture, locations, not_run};
use crate::programs::program;

/// The phpcs of Debian's package php-codesniffer.
const PHPCS: &str = "/usr/bin/phpcs";

fn standard() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/check/standard")
}

/// Returns phpcs with the rule set, or `None` if it is not installed.
fn phpcs() -> Option<CodeSniffer> {
    let runs = Command::new(PHPCS).arg("--version").output().is_ok_and(|output| output.status.success());
    if !runs {
        println!("not run: there is no {PHPCS} (Debian's packages php-codesniffer and php-cli)");
        return None;
    }
    Some(CodeSniffer::new(PHPCS).argument("--runtime-set").argument("installed_paths").argument(standard()))
}

fn module() -> Submission {
    Submission::module()
        .file("Model/Pay.php", "<?php\n\neval($_POST['rule']); // phpcs:ignore\n")
        .file("Model/Old.php", "<?php\n// TODO: replace\nereg('a', $b);\n")
        .file("view/pay.phtml", "<p><?= 1 ?></p>\n<?php eval('1');\n")
        .file("view/pay.js", "eval('1');\n")
}

fn check(fixture: &Fixture, submission: &Submission, tools: Tools) -> Report {
    Check::new().tools(tools).run(&fixture.archive(&submission.bytes())).unwrap()
}

#[test]
fn a_real_phpcs_finds_the_errors_that_block_and_ignores_suppressions() {
    let Some(sniffer) = phpcs() else { return };
    let fixture = Fixture::new();
    let tools = Tools::none().code_sniffer(sniffer.clone());
    let report = check(&fixture, &module(), tools.clone());
    assert_eq!(locations(&report, "code-sniffer"), ["Model/Pay.php:3", "view/pay.phtml:2"]);
    assert_eq!(report.findings[0].message, "Use of eval() is discouraged (Squiz.PHP.Eval.Discouraged)");
    // phpcs 3 exits with 1 for the warning, which does not count.
    let warned = check(&fixture, &Submission::module().file("Model/Old.php", "<?php\n// TODO: replace\n"), tools);
    assert!(locations(&warned, "code-sniffer").is_empty() && not_run(&warned, "code-sniffer").is_none(), "{warned:?}");
    let missing = check(&fixture, &module(), Tools::none().code_sniffer(CodeSniffer::new(PHPCS)));
    let reason = not_run(&missing, "code-sniffer").unwrap();
    assert!(reason.contains("\"Magento2\" coding standard is not installed"), "{reason}");
}

#[test]
fn a_report_that_ci_has_written_is_read_instead_of_running_phpcs() {
    if phpcs().is_none() {
        return;
    }
    let fixture = Fixture::new();
    let (folder, sources) = (fixture.folder.path(), fixture.folder.path().join("builds/acme/badges"));
    module().file("Test/Unit/PayTest.php", "<?php eval('1');\n").write_files(&sources).unwrap();
    let report = folder.join("report.json");
    let sniff = |more: &[&str]| {
        let mut command = Command::new(PHPCS);
        command.arg("--runtime-set").arg("installed_paths").arg(standard()).arg("--standard=Magento2");
        command.args(["--extensions=php,phtml", "--report=json"]).args(more);
        command.arg(format!("--report-file={}", report.display())).arg(&sources);
        command.status().unwrap();
    };
    let read = |submission: &Submission| check(&fixture, submission, Tools::none().phpcs_report(report.clone()));
    // The file that is not packed does not count, nor does an error of a lower severity, which the flags of CI did not exclude.
    sniff(&["--ignore-annotations"]);
    let found = read(&module());
    assert_eq!(locations(&found, "code-sniffer"), ["Model/Pay.php:3", "view/pay.phtml:2"]);
    assert!(not_run(&found, "semantic-version").is_some());
    // A file that the report does not cover may contain anything.
    let newer = read(&module().file("Model/New.php", "<?php\n"));
    let reason = not_run(&newer, "code-sniffer").unwrap();
    assert!(reason.contains("and not Model/New.php"), "{reason}");
    std::fs::write(&report, r#"{"totals": {"errors": 0}, "files": {"/builds/Other.php": {"messages": []}}}"#).unwrap();
    let other = read(&module());
    let reason = not_run(&other, "code-sniffer").unwrap();
    assert!(reason.contains("was not written for this package"), "{reason}");
}

#[test]
fn a_file_that_is_not_a_complete_report_counts_as_not_run() {
    let fixture = Fixture::new();
    let report = fixture.folder.path().join("report.json");
    for (text, expected) in [
        ("", "not a report of phpcs"),
        ("<?xml version=\"1.0\"?><phpcs/>", "not a report of phpcs"),
        ("[1, 2]", "not a report of phpcs"),
        ("{\"files\": {}}", "missing field `totals`"),
        ("{\"totals\": {\"errors\": 0}, \"files\": {}}", "does not cover"),
        ("{\"totals\": {\"errors\": 0}, \"files\": {\"a.php\": {\"messages\": [", "not a report of phpcs"),
    ] {
        std::fs::write(&report, text).unwrap();
        let checked = check(&fixture, &Submission::module(), Tools::none().phpcs_report(report.clone()));
        let reason = not_run(&checked, "code-sniffer").unwrap();
        assert!(reason.contains(expected), "{text}: {reason}");
        assert!(!checked.is_blocked());
    }
}

#[test]
fn a_phpcs_that_crashes_did_not_run_and_its_exit_code_does_not_count() {
    let fixture = Fixture::new();
    let report = "report=''; for a; do case \"$a\" in --report-file=*) report=\"${a#--report-file=}\";; esac; done\n";
    let json = "{\"totals\":{\"errors\":0,\"warnings\":4,\"fixable\":2},\"files\":[]}";
    for (script, expected) in [
        (format!("{report}printf '%s' '{{\"totals\":{{\"errors\":0' > \"$report\"\nexit 0"), Some("a complete report")),
        ("echo 'PHP Fatal error: Allowed memory size exhausted' >&2; exit 255".to_owned(), Some("Allowed memory size")),
        ("kill -9 $$".to_owned(), Some("wrote no report")),
        ("exit 0".to_owned(), Some("wrote no report")),
        // Warnings in phpcs 3, fixable ones, and a bit mask of phpcs 4.
        (format!("{report}echo '{json}' > \"$report\"; exit 1"), None),
        (format!("{report}echo '{json}' > \"$report\"; exit 2"), None),
        (format!("{report}echo '{json}' > \"$report\"; exit 3"), None),
    ] {
        let checked = check(&fixture, &Submission::module(), program(fixture.folder.path(), "phpcs", &script));
        let reason = not_run(&checked, "code-sniffer");
        match expected {
            Some(expected) => assert!(reason.unwrap().contains(expected), "{script}: {reason:?}"),
            None => assert_eq!(reason, None, "{script}"),
        }
        assert!(!checked.is_blocked(), "{script}");
    }
}
