//! Tests the report formats for other programs.

use eqp_check::{Check, Report, Suppression, format};
use eqp_test_support::submission::Submission;

use crate::fixture::Fixture;

/// Returns a report with one finding of each kind: blocking, warning, with a line, of a field, of the archive,
/// suppressed.
fn report() -> Report {
    let fixture = Fixture::new();
    let submission = Submission::module()
        .composer(|composer| composer["version"] = "1.2".into())
        .file(".gitignore", "x")
        .file("Model/Later, or: never.php", "<?php\n\n// TODO: <b>50%</b> \"done\"\n")
        .file("Test/Unit/BadgeTest.php", "<?php\n# FIXME\n");
    let listing = fixture.listing(&submission, |listing| listing["name"] = "Product badges".into());
    let suppression = Suppression { rule: "unfinished".into(), at: Some("Test/*".into()), reason: "test data".into() };
    let check = Check::new().listing(listing).suppressions(vec![suppression]);
    check.run(&fixture.archive(&submission.bytes())).unwrap()
}

#[test]
fn json_is_one_object_with_everything() {
    let mut json = format::json(&report());
    // These two grow with the registry.
    let (not_run, counts) = (json["not_run"].take(), json["counts"].take());
    assert_eq!(counts["not_run"], not_run.as_array().unwrap().len());
    insta::assert_json_snapshot!(json);
}

#[test]
fn github_reads_one_annotation_a_line() {
    insta::assert_snapshot!(format::github(&report(), Some("release.toml")));
}

#[test]
fn junit_has_a_case_for_each_rule() {
    let xml = format::junit(&report(), false);
    let document = roxmltree::Document::parse(&xml).unwrap();
    let count = |name: &str| document.descendants().filter(|node| node.has_tag_name(name)).count();
    let suites = document.root_element();
    let told = |node: roxmltree::Node<'_, '_>, name: &str| node.attribute(name).unwrap().parse::<usize>().unwrap();
    assert_eq!((told(suites, "tests"), told(suites, "failures")), (count("testcase"), count("failure")));
    assert_eq!(told(suites, "tests"), eqp_check::rules().count());
    // Jenkins' schema does not have this attribute for all suites together.
    assert_eq!(suites.attribute("skipped"), None);
    let skipped: usize =
        suites.children().filter(roxmltree::Node::is_element).map(|suite| told(suite, "skipped")).sum();
    assert_eq!(skipped, count("skipped"));
    // The counts of each suite match its contents.
    for suite in suites.children().filter(|node| node.has_tag_name("testsuite")) {
        let cases = suite.children().filter(|node| node.has_tag_name("testcase")).count();
        assert_eq!(suite.attribute("tests").unwrap(), cases.to_string());
    }
    insta::assert_snapshot!(
        xml.split("    <testcase")
            .filter(|case| case.contains("<failure") || case.contains("<system-out"))
            .collect::<String>()
    );
    let strict = format::junit(&report(), true);
    assert!(strict.matches("<failure").count() > xml.matches("<failure").count());
}

#[test]
fn sarif_has_what_its_schema_requires() {
    let sarif = format::sarif(&report(), Some("release.toml"));
    assert_eq!(sarif["version"], "2.1.0");
    let run = &sarif["runs"][0];
    let driver = &run["tool"]["driver"];
    assert!(driver["name"].is_string());
    let rules = driver["rules"].as_array().unwrap();
    assert_eq!(rules.len(), eqp_check::rules().count());
    for result in run["results"].as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(["none", "note", "warning", "error"].contains(&result["level"].as_str().unwrap()));
        assert!(result["message"]["text"].is_string());
        let uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap();
        assert!(!uri.contains([' ', ':', '\\']) && !uri.starts_with('/'), "{uri}");
    }
    assert!(run["invocations"][0]["executionSuccessful"].is_boolean());
    insta::assert_json_snapshot!(run["results"]);
}

#[test]
fn gitlab_reads_an_issue_for_each_finding_and_each_gap() {
    insta::assert_json_snapshot!(format::code_quality(&report(), Some("release.toml")));
}

#[test]
fn markdown_begins_with_the_line_by_which_a_comment_is_found() {
    let report = report();
    insta::with_settings!({filters => [(r"\d+ of \d+ rules ran", "[most] rules ran")]}, {
        insta::assert_snapshot!(format::markdown(&report));
    });
}

#[test]
fn markdown_of_the_longest_report_fits_into_a_comment() {
    let mut submission = Submission::module();
    for number in 0..300 {
        let name = format!("{}{number}", "@acme_|<`é".repeat(30));
        submission = submission.file(&format!("{name}/.git/x"), "x").file(&format!("{name}/a.sql"), "x");
    }
    let report = Fixture::new().check_bytes(&submission.bytes());
    let text = format::markdown(&report);
    assert!(
        text.len() <= 60_000 && text.contains(" more findings") && text.ends_with("</details>\n"),
        "{}",
        text.len()
    );
    let last = text.lines().rfind(|line| line.starts_with("| ")).unwrap();
    assert!(last.ends_with(" |") && !text.contains("@acme"), "{last}");
}
