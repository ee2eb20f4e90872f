//! What the store passes, passes here.

use eqp_check::{Check, Tracks};
use eqp_test_support::submission::Submission;

use crate::scene::{Scene, not_run};

#[test]
fn good_submissions_of_every_kind_pass_without_a_word() {
    for submission in [
        Submission::module(),
        Submission::module().in_folder("acme-module-badges-1.2.0/"),
        Submission::theme(),
        Submission::language(),
        Submission::metapackage(),
        Submission::shared_package(),
    ] {
        let report = Scene::new().check(&submission);
        assert!(report.passes_strictly(), "{submission:?}\n{:#?}", report.findings);
        // Only the programs of others did not run.
        let missing: Vec<_> = report.not_run.iter().map(|not_run| not_run.rule.id).collect();
        assert_eq!(missing, ["code-sniffer", "semantic-version"]);
    }
}

#[test]
fn an_archive_alone_leaves_the_rules_of_the_listing_uncounted() {
    let scene = Scene::new();
    let report = scene.check_bytes(&Submission::module().bytes());
    assert!(report.passes_strictly(), "{:#?}", report.findings);
    for rule in ["title-length", "technical-fields", "marketing-fields", "type-fits", "dependency-php"] {
        assert_eq!(not_run(&report, rule), Some("there is no manifest to look at"), "{rule}");
    }
    let counts = report.counts;
    assert_eq!(counts.rules, counts.ran + counts.not_run + counts.cannot_know);
    assert!(counts.cannot_know >= 10 && counts.ran > 30);
}

#[test]
fn a_review_that_is_not_asked_for_needs_no_fields() {
    let scene = Scene::new();
    let submission = Submission::module();
    let listing = scene.listing(&submission, |listing| {
        listing["long_description"] = serde_json::Value::Null;
    });
    let check = Check::new().listing(listing).tracks(Tracks::Technical);
    let report = check.run(&scene.archive(&submission.bytes())).unwrap();
    assert!(report.passes_strictly(), "{:#?}", report.findings);
    assert_eq!(not_run(&report, "marketing-fields"), Some("it is not submitted for marketing review"));
}

#[test]
fn a_name_in_capitals_and_a_source_folder_only_warn() {
    let submission = Submission::module().composer(|composer| {
        composer["name"] = "Acme/Module-Badges".into();
        composer["autoload"]["psr-4"] = serde_json::json!({"Acme\\Badges\\": "src/"});
    });
    let report = Scene::new().check_bytes(&submission.bytes());
    assert!(report.passes() && !report.passes_strictly());
}
