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

#[test]
fn what_the_api_s_own_examples_show_is_never_blocked() {
    let scene = Scene::new();
    let submission = Submission::module();
    let uploaded = |id: &str| serde_json::json!({"file_upload_id": id});
    let listing = scene.listing(&submission, |listing| {
        for (field, value) in [
            ("name", serde_json::json!("One Click Checkout")),
            ("categories", serde_json::json!(["//Extensions//Payments & Security//Checkout Enhancements"])),
            (
                "prices",
                serde_json::json!([
                    {"edition": "CE", "currency_code": "USD", "price": 15.50},
                    {"edition": "EE", "currency_code": "USD", "price": 45.00, "installation_price": 0.00},
                ]),
            ),
            (
                "support_tiers",
                serde_json::json!([{"tier": 1, "edition": "CE", "monthly_period": 1, "short_description": "…",
                    "prices": [{"currency_code": "USD", "price": 25.00}]}]),
            ),
            ("browsers", serde_json::json!(["chrome", "firefox"])),
            ("browser_os_compatibility", serde_json::json!({"chrome": {"mac": ["39", "44"], "windows": ["43"]}})),
            ("documentation_artifacts", serde_json::json!({"user": uploaded("5c644d97bb7c41.37505716.6")})),
            (
                "media_artifacts",
                serde_json::json!({"icon_image": uploaded("5c129cd41ba478.65767699.1"),
                    "gallery_images": [uploaded("5c644fa344e5d7.04253635.8")]}),
            ),
            ("license_type", serde_json::json!("bsd")),
            ("release_notes", serde_json::json!("<Release notes here>")),
            ("long_description", serde_json::json!("<Long description here>")),
        ] {
            listing[field] = value;
        }
    });
    let report = Check::new().listing(listing).run(&scene.archive(&submission.bytes())).unwrap();
    assert!(report.passes(), "{:#?}", report.findings);
}
