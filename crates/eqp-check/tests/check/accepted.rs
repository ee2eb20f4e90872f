//! Tests that the check passes what the store passes.

use eqp_check::{Check, Tracks};
use eqp_test_support::submission::Submission;

use crate::fixture::{Fixture, not_run};

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
        let report = Fixture::new().check(&submission);
        assert!(report.is_clean(), "{submission:?}\n{:#?}", report.findings);
        // Only the external programs did not run.
        let missing: Vec<_> = report.not_run.iter().map(|not_run| not_run.rule.id).collect();
        assert_eq!(missing, ["code-sniffer", "semantic-version"]);
    }
}

#[test]
fn an_archive_alone_leaves_the_rules_of_the_listing_uncounted() {
    let fixture = Fixture::new();
    let report = fixture.check_bytes(&Submission::module().bytes());
    assert!(report.is_clean(), "{:#?}", report.findings);
    for rule in ["title-length", "technical-fields", "marketing-fields", "type-fits", "dependency-php"] {
        assert_eq!(not_run(&report, rule), Some("there is no manifest"), "{rule}");
    }
    let counts = report.counts;
    assert_eq!(counts.rules, counts.ran + counts.not_run + counts.store_only);
    assert!(counts.store_only >= 10 && counts.ran > 30);
}

#[test]
fn a_review_that_is_not_asked_for_needs_no_fields() {
    let fixture = Fixture::new();
    let submission = Submission::module();
    let listing = fixture.listing(&submission, |listing| {
        listing["long_description"] = serde_json::Value::Null;
    });
    let check = Check::new().listing(listing).tracks(Tracks::Technical);
    let report = check.run(&fixture.archive(&submission.bytes())).unwrap();
    assert!(report.is_clean(), "{:#?}", report.findings);
    assert_eq!(not_run(&report, "marketing-fields"), Some("the submission is not for marketing review"));
}

#[test]
fn a_name_in_capitals_and_a_source_folder_only_warn() {
    let submission = Submission::module().composer(|composer| {
        composer["name"] = "Acme/Module-Badges".into();
        composer["autoload"]["psr-4"] = serde_json::json!({"Acme\\Badges\\": "src/"});
    });
    let report = Fixture::new().check_bytes(&submission.bytes());
    assert!(!report.is_blocked() && !report.is_clean());
}

#[test]
fn fields_of_a_review_that_is_not_submitted_for_only_warn() {
    let fixture = Fixture::new();
    let submission = Submission::module();
    let listing = fixture.listing(&submission, |listing| {
        listing["categories"] = serde_json::json!(["//Extensions", "//Themes"]);
        listing["prices"][0]["currency_code"] = "EUR".into();
        listing["pricing_model"] = serde_json::json!({"pricing_type": "rent"});
        listing["license_type"] = "beerware".into();
        listing["long_description"] = "long ".repeat(6_000).into();
    });
    let check = |tracks| {
        let check = Check::new().listing(listing.clone()).tracks(tracks);
        check.run(&fixture.archive(&submission.bytes())).unwrap()
    };
    let technical = check(Tracks::Technical);
    assert!(!technical.is_blocked() && technical.counts.warnings >= 5, "{:#?}", technical.findings);
    assert!(check(Tracks::Marketing).is_blocked() && check(Tracks::Both).is_blocked());
}

#[test]
fn one_document_of_three_kinds_is_enough_for_the_technical_review() {
    let fixture = Fixture::new();
    let submission = Submission::module();
    for kind in ["user", "installation", "reference"] {
        let listing = fixture.listing(&submission, |listing| {
            let guide = listing["documentation_artifacts"]["user"].take();
            listing["documentation_artifacts"] = serde_json::json!({kind: guide});
        });
        let report = Check::new().listing(listing).run(&fixture.archive(&submission.bytes())).unwrap();
        assert_eq!((report.is_blocked(), report.counts.warnings), (false, usize::from(kind != "user")), "{kind}");
    }
}

#[test]
fn a_subscription_has_a_price_for_its_first_year() {
    let fixture = Fixture::new();
    let submission = Submission::module();
    let listing = fixture.listing(&submission, |listing| {
        listing["pricing_model"] = serde_json::json!({"pricing_type": "subscription", "payment_period": 12});
        listing["prices"][0]["initial_price"] = "149.50".into();
    });
    let report = Check::new().listing(listing).run(&fixture.archive(&submission.bytes())).unwrap();
    assert!(report.is_clean(), "{:#?}", report.findings);
}

#[test]
fn the_namespaces_of_a_module_may_come_in_any_order() {
    let module = Submission::module()
        .without("etc/module.xml")
        .file("src/etc/module.xml", "<config><module name=\"Acme_Badges\"/></config>");
    let composer = |namespaces: &str| {
        let text = r#"{"name": "acme/module-badges", "version": "1.2.0", "type": "magento2-module",
            "require": {"php": ">=8.1"}, "autoload": {"files": ["registration.php"], "psr-4": NAMESPACES}}"#;
        module.clone().file("composer.json", text.replace("NAMESPACES", namespaces)).bytes()
    };
    for namespaces in [
        r#"{"Acme\\Badges\\Test\\": "Test", "Acme\\Badges\\": "src/"}"#,
        r#"{"Acme\\Badges\\": "./src", "Acme\\Badges\\Test\\": "Test"}"#,
        r#"{"Acme\\Badges\\": ["lib", "src"]}"#,
    ] {
        let report = Fixture::new().check_bytes(&composer(namespaces));
        assert!(!report.is_blocked(), "{namespaces}: {:#?}", report.findings);
    }
    assert!(Fixture::new().check_bytes(&composer(r#"{"Acme\\Badges\\": "lib"}"#)).is_blocked());
}

#[test]
fn what_the_api_s_own_examples_show_is_never_blocked() {
    let fixture = Fixture::new();
    let submission = Submission::module();
    let uploaded = |id: &str| serde_json::json!({"file_upload_id": id});
    let listing = fixture.listing(&submission, |listing| {
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
    let report = Check::new().listing(listing).run(&fixture.archive(&submission.bytes())).unwrap();
    assert!(!report.is_blocked(), "{:#?}", report.findings);
}
