//! Tests the explanation of rejections: one report per reason of the catalogue, and the grouping of findings.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::collections::BTreeSet;

use eqp_check::{Check, reasons};
use eqp_release::explain::{FoundBefore, ReasonGroup, groups_of};
use eqp_test_support::submission::Submission;
use eqp_types::TestReport;
use serde_json::{Value, json};

/// The rules of the code sniffer, one per reason.
const SNIFFS: &[(&str, &str, &str)] = &[
    ("eval", "Squiz.PHP.Eval.Discouraged", "Use of eval() is discouraged"),
    (
        "superglobal",
        "Magento2.Security.Superglobal.SuperglobalUsageError",
        "Direct use of $_POST Superglobal detected.",
    ),
    ("exit", "Magento2.Security.LanguageConstruct.ExitUsage", "Use of exit language construct is discouraged."),
    (
        "insecure-function",
        "Magento2.Security.InsecureFunction.FoundWithAlternative",
        "The use of function unserialize() is forbidden",
    ),
    ("include-file", "Magento2.Security.IncludeFile.FoundIncludeFile", "Include statement detected."),
    ("raw-sql", "Magento2.SQL.RawQuery.FoundRawSql", "Possible raw SQL statement \"SELECT\" detected."),
    ("unescaped-output", "Magento2.Security.XssTemplate.FoundUnescaped", "Unescaped output detected."),
    ("this-in-template", "Magento2.Templates.ThisInTemplate.FoundThis", "The use of $this in templates is deprecated."),
    (
        "discouraged-function",
        "Magento2.Functions.DiscouragedFunction.Discouraged",
        "The use of function curl_init() is discouraged",
    ),
    (
        "object-manager",
        "Magento2.Classes.ObjectInstantiation.FoundDirectInstantiation",
        "Direct object instantiation is discouraged",
    ),
    (
        "php-version",
        "PHPCompatibility.FunctionUse.RemovedFunctions.eachRemoved",
        "Function each() is removed since PHP 8.0",
    ),
    ("reserved-word", "MEQP2.NamingConventions.ReservedWords.FoundReservedWords", "\"resource\" is a reserved word"),
    ("empty-catch", "Generic.CodeAnalysis.EmptyStatement.DetectedCatch", "Empty CATCH statement detected"),
    (
        "direct-throw",
        "Magento2.Exceptions.DirectThrow.FoundDirectThrow",
        "Direct throw of generic Exception is discouraged.",
    ),
    ("strict-types-syntax", "Generic.PHP.Syntax.PHPSyntax", "PHP syntax error: unexpected token"),
    (
        "obsolete-code",
        "Magento2.Legacy.ObsoleteResponse.LoadLayoutResponseMethodFound",
        "Use \\Magento\\Framework\\View instead",
    ),
    ("other-sniff", "Magento2.PHP.ShortEchoSyntax.ShortEchoTag", "Short echo tag syntax must be used"),
];

/// Sentences of other tools and of reviewers, one per reason.
const SENTENCES: &[(&str, &str, &str)] = &[
    ("malware", "malware", "Infected file found"),
    ("copied-code", "phpcpd", "12 % of the code is duplicated"),
    ("page-not-cached", "varnish", "category page stays MISS where HIT was expected"),
    ("page-not-purged", "varnish", "the product page was not purged"),
    ("not-installable", "varnish", "Your requirements could not be resolved to an installable set of packages."),
    ("setup-upgrade-fails", "varnish", "setup:upgrade: Unable to apply data patch"),
    ("compilation-fails", "varnish", "setup:di:compile: Class does not exist"),
    ("deployment-fails", "varnish", "static-content:deploy: LESS error"),
    ("guide-incomplete", "manual_qa", "The User Guide does not describe the settings."),
    ("feature-missing", "manual_qa", "Tech: the badge does not work on the cart page."),
    ("errors-in-log", "manual_qa", "An exception is thrown when saving."),
    ("console-error", "manual_qa", "There is a JavaScript error on the product page."),
    ("credentials-missing", "manual_qa", "Please provide a test account."),
    ("title", "marketing", "Title: must not contain the word Magento."),
    ("installation-in-description", "marketing", "Long Description: remove the installation instructions."),
    ("contact-in-description", "marketing", "Long Description: remove contact data."),
    ("features-list", "marketing", "Long Description: add a Features section."),
    ("language", "marketing", "Long Description: several spelling errors."),
    ("release-notes", "marketing", "Release notes: not readable."),
    ("description", "marketing", "Long Description: too vague."),
    ("icon", "marketing", "Icon: too small."),
    ("gallery", "marketing", "Screenshots are blurred."),
    ("trademark", "marketing", "Remove the trademark of another company."),
    ("price", "marketing", "The pricing does not match."),
    ("category", "marketing", "Choose another category."),
];

fn sniffed(versions: &[&str], messages: &Value) -> TestReport {
    let file = "/eqp-automation/temp/acme/badges/acme-badges-1.2.0/Model/Pay.php";
    let reports: Vec<Value> = versions
        .iter()
        .map(|version| {
            json!({"tool": "phpcs", "php_version": version, "status": "FAIL",
                "details": {"totals": {"errors": 1}, "files": {file: {"messages": messages}}}})
        })
        .collect();
    serde_json::from_value(json!({"tool": "phpcs", "status": "FAIL", "reports": reports})).unwrap()
}

fn said(tool: &str, sentence: &str) -> TestReport {
    let report = match tool {
        "varnish" => {
            json!([{"status": "FAIL", "php_version": "8.4", "magento_version": "2.4.8", "magento_edition": "EE",
            "details": [{"command": "varnishtest", "output": sentence}]}])
        }
        _ => {
            json!({"status": "FAIL", "details": {"reasons": [sentence], "attachment": "https://files.example/shots.zip"}})
        }
    };
    serde_json::from_value(json!({"tool": tool, "status": "FAIL", "reports": report})).unwrap()
}

#[test]
fn every_reason_is_recognised_in_a_report_with_its_file_and_line() {
    let mut recognised = BTreeSet::new();
    for (number, (id, source, message)) in (1..).zip(SNIFFS) {
        let report = sniffed(
            &["8.3"],
            &json!([{"message": message, "source": source, "type": "ERROR", "line": number, "column": 9}]),
        );
        let [group] = &groups_of("phpcs", &report)[..] else { panic!("{id}: {report:?}") };
        let [place] = &group.places[..] else { panic!("{id}: {group:?}") };
        assert_eq!(place.reason.map(|reason| reason.id), Some(*id), "{source}");
        assert_eq!(
            (place.file.as_deref(), place.line, place.column),
            (Some("Model/Pay.php"), Some(number), Some(9)),
            "{id}"
        );
        assert_eq!(group.found_before, FoundBefore::NotCompared { rule: "code-sniffer".to_owned() }, "{id}");
        recognised.insert(*id);
    }
    for (id, tool, sentence) in SENTENCES {
        let report = said(tool, sentence);
        let [group] = &groups_of(tool, &report)[..] else { panic!("{id}: {report:?}") };
        let found = group.places.iter().find_map(|place| place.reason);
        assert_eq!(found.map(|reason| reason.id), Some(*id), "{sentence}: {group:?}");
        assert!(group.places[0].message.contains(sentence), "{group:?}");
        if matches!(*tool, "manual_qa" | "marketing") {
            assert_eq!(group.attachment.as_deref(), Some("https://files.example/shots.zip"), "{id}");
        }
        recognised.insert(*id);
    }
    let all: BTreeSet<_> = reasons().map(|reason| reason.id).collect();
    assert_eq!(all.difference(&recognised).collect::<Vec<_>>(), Vec::<&&str>::new());
    assert!(all.len() >= 30);
}

#[test]
fn findings_are_grouped_by_the_environments_in_which_they_occur() {
    let message = |line: u32| json!({"message": "m", "source": "Squiz.PHP.Eval", "type": "ERROR", "line": line});
    let (both, one) = (json!([message(3), message(7)]), json!([message(3)]));
    let file = "/eqp-automation/temp/acme/badges/acme-badges-1.2.0/a.php";
    let single = |version: &str, messages: &Value| json!({"php_version": version, "status": "FAIL", "details": {"files": {file: {"messages": messages}}}});
    let report = json!({"tool": "phpcs", "status": "FAIL", "reports": [single("8.3", &one), single("8.4", &both)]});
    let groups = groups_of("phpcs", &serde_json::from_value(report).unwrap());
    let shown = |group: &ReasonGroup| {
        (group.environments.join(", "), group.places.iter().map(|place| place.line.unwrap()).collect::<Vec<_>>())
    };
    assert_eq!(
        groups.iter().map(shown).collect::<Vec<_>>(),
        [("PHP 8.3, PHP 8.4".to_owned(), vec![3]), ("PHP 8.4".to_owned(), vec![7])]
    );

    let varnish = |edition: &str, output: &str| {
        json!({"status": "FAIL", "magento_version": "2.4.8", "magento_edition": edition, "php_version": "8.4",
            "details": [{"command": "varnishtest", "output": output}]})
    };
    let reports = json!([varnish("CE", "stays MISS"), varnish("EE", "stays MISS"), varnish("EE", "setup:upgrade")]);
    let report = json!({"tool": "varnish", "status": "FAIL", "reports": reports});
    let groups = groups_of("varnish", &serde_json::from_value(report).unwrap());
    assert_eq!(groups.len(), 2, "{groups:?}");
    assert_eq!(groups[0].environments, ["CE 2.4.8, PHP 8.4", "EE 2.4.8, PHP 8.4"]);

    // Reports of any shape are explained as the store words them.
    for (tool, report, expected) in [
        ("phpstan", json!({"status": "FAIL", "reports": [{"status": "FAIL", "details": {"level": 9}}]}), "level"),
        ("phpcs", json!({"status": "FAIL", "reports": []}), "no reason"),
        ("phpcs", json!({"status": "error"}), "no reason"),
    ] {
        let groups = groups_of(tool, &serde_json::from_value(report).unwrap());
        assert!(groups[0].places[0].message.contains(expected), "{groups:?}");
    }
}

#[test]
fn a_check_of_the_archive_tells_whether_a_reason_was_found_before() {
    let layout = "<page><body>\n<block name=\"x\" cacheable=\"false\"/></body></page>";
    let name = "view/frontend/layout/catalog_category_view.xml";
    let folder = tempfile::tempdir().unwrap();
    let check = |submission: Submission| Check::new().run(&submission.write(folder.path()).unwrap()).unwrap();
    let (bad, good) = (check(Submission::module().file(name, layout)), check(Submission::module()));
    let compared = |tool: &str, report: &TestReport, check: &eqp_check::Report| {
        let groups = groups_of(tool, report);
        let mut explanation: eqp_release::explain::Explanation = eqp_release::explain::Explanation::of_groups(groups);
        explanation.compare(check);
        explanation.groups.remove(0)
    };
    let miss = said("varnish", "category page stays MISS where HIT was expected");
    let found = compared("varnish", &miss, &bad);
    assert_eq!(found.found_before, FoundBefore::Yes { rule: "layout-uncacheable".to_owned() });
    assert_eq!(found.found_in_archive, [format!("{name}:2")]);
    let not_found = compared("varnish", &miss, &good).found_before;
    assert_eq!(not_found, FoundBefore::No { rule: "layout-uncacheable".to_owned() });
    let sniff = sniffed(&["8.3"], &json!([{"message": "m", "source": "Squiz.PHP.Eval", "type": "ERROR", "line": 1}]));
    let not_run = compared("phpcs", &sniff, &good).found_before;
    assert!(matches!(&not_run, FoundBefore::DidNotRun { reason, .. } if reason.contains("disabled")), "{not_run:?}");
    assert_eq!(
        compared("marketing", &said("marketing", "Icon: too small."), &good).found_before,
        FoundBefore::OnlyStore
    );
}
