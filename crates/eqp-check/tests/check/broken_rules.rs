//! Tests every rule that can run with a submission that violates only this rule.

use std::collections::BTreeSet;
use std::path::Path;

use eqp_check::{Check, Report, Severity, Tools, rules};
use eqp_test_support::submission::{PNG, Submission};
use serde_json::{Value, json};

use crate::fixture::{Fixture, broken};
use crate::odd_archives::{
    bomb, encrypted, falsely_utf8, flipped, link, other_compression, stored, twice, with_name, zip,
};
use crate::programs;

/// The change of a valid submission.
enum Break {
    /// Another submission, with its listing.
    Submission(fn() -> Submission),
    /// An archive without a listing.
    Bytes(fn() -> Vec<u8>),
    /// The module's listing is changed.
    Listing(fn(&mut Value, &Path)),
    /// An external program reports a finding.
    Program(fn(&Path) -> (Tools, Option<std::path::PathBuf>)),
}

use Break::{Bytes, Listing, Program, Submission as Other};

fn module_with(change: impl FnOnce(&mut Value)) -> Submission {
    Submission::module().composer(change)
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn table() -> Vec<(&'static str, Break)> {
    vec![
        ("archive-is-zip", Bytes(|| b"PK but not really".to_vec())),
        ("archive-size", Bytes(|| stored(&Submission::module(), 31 * 1024 * 1024))),
        ("archive-bomb", Bytes(bomb)),
        ("archive-encrypted", Bytes(encrypted)),
        ("archive-damaged", Bytes(flipped)),
        ("archive-compression", Bytes(other_compression)),
        ("top-folder", Bytes(|| zip(&[("a/composer.json", b"{}"), ("b/LICENSE", b"x")]))),
        ("composer-present", Bytes(|| Submission::module().without("composer.json").bytes())),
        ("composer-second", Bytes(|| Submission::module().file("src/composer.json", "{}").bytes())),
        ("name-escapes", Bytes(|| with_name(b"../../etc/cron.d/x"))),
        ("name-encoding", Bytes(falsely_utf8)),
        ("name-portable", Bytes(|| with_name(b"Model\\Other.php"))),
        ("entry-link", Bytes(link)),
        ("entry-twice", Bytes(twice)),
        ("vcs-files", Bytes(|| Submission::module().file(".gitignore", "vendor\n").bytes())),
        ("clutter", Bytes(|| Submission::module().file(".idea/workspace.xml", "<x/>").bytes())),
        ("composer-json", Bytes(|| Submission::module().file("composer.json", "\u{feff}{}").bytes())),
        (
            "composer-size",
            Bytes(|| {
                Submission::module().file("composer.json", format!("{{}}{}", " ".repeat(2 * 1024 * 1024))).bytes()
            }),
        ),
        ("composer-name", Bytes(|| module_with(|c| c["name"] = json!("badges")).bytes())),
        ("composer-name-case", Bytes(|| module_with(|c| c["name"] = json!("Acme/module-badges")).bytes())),
        ("composer-theme-name", Bytes(|| Submission::theme().composer(|c| c["name"] = json!("acme/snow")).bytes())),
        ("composer-version", Bytes(|| module_with(|c| c["version"] = json!("1.2")).bytes())),
        ("composer-version-plain", Bytes(|| module_with(|c| c["version"] = json!("1.2.0-p1")).bytes())),
        ("composer-type", Bytes(|| module_with(|c| c["type"] = json!("library")).bytes())),
        ("composer-extra", Bytes(|| module_with(|c| c["extra"] = json!({"map": [["*", "Acme"]]})).bytes())),
        ("composer-source", Bytes(|| module_with(|c| c["dist"] = json!({"type": "zip"})).bytes())),
        (
            "dependency-forbidden",
            Bytes(|| module_with(|c| c["require"]["magento/magento2-base"] = json!("^2.4")).bytes()),
        ),
        ("dependency-wildcard", Bytes(|| module_with(|c| c["require"]["magento/framework"] = json!("*")).bytes())),
        ("dependency-alias", Bytes(|| module_with(|c| c["require"]["acme/x"] = json!("dev-main as 1.0.0")).bytes())),
        ("dependency-php", Other(|| module_with(|c| c["require"]["php"] = json!("~8.1.0||~8.2.0")))),
        ("autoload-files", Bytes(|| module_with(|c| c["autoload"]["files"] = json!(["boot.php"])).bytes())),
        ("autoload-namespace", Bytes(|| module_with(|c| c["autoload"]["psr-4"] = json!({})).bytes())),
        (
            "autoload-namespace-needless",
            Bytes(|| Submission::language().composer(|c| c["autoload"]["psr-4"] = json!({"Acme\\Gd\\": ""})).bytes()),
        ),
        (
            "autoload-source-folder",
            Bytes(|| module_with(|c| c["autoload"]["psr-4"] = json!({"Acme\\Badges\\": "src/"})).bytes()),
        ),
        ("metapackage-require", Bytes(|| Submission::metapackage().composer(|c| c["require"] = json!({})).bytes())),
        ("registration", Bytes(|| Submission::module().file("registration.php", "").bytes())),
        ("registration-name", Bytes(|| Submission::module().file("registration.php", "<?php // Acme_Other\n").bytes())),
        ("module-xml", Bytes(|| Submission::module().without("etc/module.xml").bytes())),
        ("theme-xml", Bytes(|| Submission::theme().without("theme.xml").bytes())),
        ("language-xml", Bytes(|| Submission::language().file("language.xml", "").bytes())),
        ("component-xml", Bytes(|| Submission::theme().file("theme.xml", "<theme><title>Snow</theme>").bytes())),
        ("metapackage-alone", Bytes(|| Submission::metapackage().file("Model/Badge.php", "<?php\n").bytes())),
        ("unfinished", Bytes(|| Submission::module().file("Model/Later.php", "<?php\n// FIXME\n").bytes())),
        ("secret-file", Bytes(|| Submission::module().file(".env", "KEY=1\n").bytes())),
        (
            "secret-text",
            Bytes(|| {
                Submission::module()
                    .file("Model/Key.php", format!("<?php\n$key = '{}{}';\n", "sk_live_", "4".repeat(24)))
                    .bytes()
            }),
        ),
        (
            "layout-uncacheable",
            Bytes(|| {
                let layout = "<page><body>\n<block name=\"a\" cacheable=\"false\"/></body></page>";
                Submission::module().file("view/frontend/layout/default.xml", layout).bytes()
            }),
        ),
        ("code-sniffer", Program(|folder| (programs::phpcs_that_finds(folder), None))),
        ("semantic-version", Program(programs::svc_that_finds)),
        ("title-length", Listing(|l, _| l["name"] = json!("All The Badges That You Want"))),
        ("title-words", Listing(|l, _| l["name"] = json!("Badges Extension"))),
        ("title-vendor", Listing(|l, _| l["name"] = json!("Acme Badges"))),
        ("title-and", Listing(|l, _| l["name"] = json!("Badges And Labels"))),
        ("title-form", Listing(|l, _| l["name"] = json!("Product badges"))),
        (
            "description-length",
            Listing(|l, _| {
                let text = format!("{}<p>{}</p>", l["long_description"].as_str().unwrap(), "long ".repeat(6000));
                l["long_description"] = json!(text);
            }),
        ),
        (
            "description-opening",
            Listing(|l, _| {
                l["long_description"] = json!(format!("<h2>Badges</h2>{}", l["long_description"].as_str().unwrap()));
            }),
        ),
        (
            "description-features",
            Listing(|l, _| l["long_description"] = json!("<p>It does.</p><h2>Features</h2><ul><li>One</li></ul>")),
        ),
        (
            "description-installation",
            Listing(|l, _| {
                l["long_description"] =
                    json!(format!("{}<p>composer require acme/x</p>", l["long_description"].as_str().unwrap()));
            }),
        ),
        (
            "description-links",
            Listing(|l, _| {
                l["long_description"] =
                    json!(format!("{}<p>https://a.example</p>", l["long_description"].as_str().unwrap()));
            }),
        ),
        (
            "description-style",
            Listing(|l, _| {
                l["long_description"] =
                    json!(format!("{}<p style='color: red'>x</p>", l["long_description"].as_str().unwrap()));
            }),
        ),
        (
            "description-account",
            Listing(|l, _| {
                l["external_services"] = json!({"items": [{"name": "Pay", "url": "https://pay.example", "owner": "self", "pay_to": "self"}]});
            }),
        ),
        ("release-notes-length", Listing(|l, _| l["release_notes"] = json!("more ".repeat(2001)))),
        ("release-notes-markdown", Listing(|l, _| l["release_notes"] = json!("## Added\n\n- Badges"))),
        ("release-notes-style", Listing(|l, _| l["release_notes"] = json!("<p style=\"x\">y</p>"))),
        (
            "gallery-count",
            Listing(|l, _| {
                l["media_artifacts"]["gallery_images"].as_array_mut().unwrap().truncate(1);
            }),
        ),
        ("video-count", Listing(|l, _| l["media_artifacts"]["video_urls"] = json!(["https://vimeo.com/1"]))),
        (
            "image-file",
            Listing(|l, folder| {
                std::fs::write(folder.join("icon.gif"), "GIF89a").unwrap();
                l["media_artifacts"]["icon_image"] = json!({"file": folder.join("icon.gif")});
            }),
        ),
        (
            "document-file",
            Listing(|l, folder| {
                std::fs::write(folder.join("guide.pdf"), PNG).unwrap();
                l["documentation_artifacts"]["user"] = json!({"file": folder.join("guide.pdf")});
            }),
        ),
        (
            "document-twice",
            Listing(|l, _| {
                l["documentation_artifacts"]["installation"] = l["documentation_artifacts"]["user"].clone();
            }),
        ),
        (
            "file-present",
            Listing(|l, folder| l["documentation_artifacts"]["reference"] = json!({"file": folder.join("none.pdf")})),
        ),
        ("categories", Listing(|l, _| l["categories"] = json!(["//Extensions//Marketing", "//Themes//Sales"]))),
        ("category-form", Listing(|l, _| l["categories"] = json!(["Extensions//Marketing"]))),
        ("price-form", Listing(|l, _| l["prices"][0]["price"] = json!(99.999))),
        ("price-initial", Listing(|l, _| l["prices"][0]["initial_price"] = json!(99))),
        ("price-range", Listing(|l, _| l["prices"][0]["price"] = json!(15.5))),
        (
            "price-editions",
            Listing(|l, _| {
                l["prices"].as_array_mut().unwrap().truncate(1);
            }),
        ),
        ("pricing-model", Listing(|l, _| l["pricing_model"]["payment_period"] = json!(12))),
        (
            "support-tiers",
            Listing(|l, _| {
                l["support_tiers"] = json!([{"tier": 1, "edition": "CE", "monthly_period": 2, "prices": [{"currency_code": "USD", "price": 25}]}]);
            }),
        ),
        (
            "support-subscription",
            Listing(|l, _| {
                l["pricing_model"] = json!({"pricing_type": "subscription", "payment_period": 12});
                l["support_tiers"] = json!([{"tier": 1, "edition": "CE", "monthly_period": 12, "prices": [{"currency_code": "USD", "price": 25}]}]);
            }),
        ),
        (
            "external-services",
            Listing(|l, _| {
                let text =
                    format!("{}<h2>Account and Pricing</h2><p>None.</p>", l["long_description"].as_str().unwrap());
                l["long_description"] = json!(text);
                l["external_services"] =
                    json!({"items": [{"name": "Pay", "url": "https://pay.example", "owner": "us", "pay_to": "self"}]});
            }),
        ),
        ("listing-values", Listing(|l, _| l["stability"] = json!("solid"))),
        ("launch-date", Listing(|l, _| l["requested_launch_date"] = json!("2026-12-01T09:00:00Z"))),
        ("sku-form", Listing(|l, _| l["sku"] = json!("badges"))),
        ("sku-is-name", Listing(|l, _| l["sku"] = json!("acme/other"))),
        ("version-is-same", Listing(|l, _| l["version"] = json!("1.3.0"))),
        ("type-fits", Listing(|l, _| l["type"] = json!("theme"))),
        ("technical-fields", Listing(|l, _| l["release_notes"] = json!(""))),
        (
            "user-guide",
            Listing(|l, _| {
                let guide = l["documentation_artifacts"]["user"].take();
                l["documentation_artifacts"]["reference"] = guide;
            }),
        ),
        ("marketing-fields", Listing(|l, _| l["categories"] = json!([]))),
        (
            "custom-license",
            Listing(|l, _| {
                l["license_type"] = json!("custom");
                l["custom_license_name"] = json!("Acme License");
            }),
        ),
    ]
}

fn check(fixture: &Fixture, case: &Break) -> Report {
    let module = Submission::module();
    let path = |bytes: &[u8]| fixture.archive(bytes);
    match case {
        Other(make) => fixture.check(&make()),
        Bytes(make) => fixture.check_bytes(&make()),
        Listing(change) => {
            let listing = fixture.listing(&module, |listing| change(listing, fixture.folder.path()));
            Check::new().listing(listing).run(&path(&module.bytes())).unwrap()
        }
        Program(make) => {
            let (tools, previous) = make(fixture.folder.path());
            let check = Check::new().tools(tools);
            let check = previous.into_iter().fold(check, Check::previous);
            check.run(&path(&module.bytes())).unwrap()
        }
    }
}

#[test]
fn each_rule_is_broken_alone() {
    for (rule, case) in table() {
        let report = check(&Fixture::new(), &case);
        assert_eq!(broken(&report), BTreeSet::from([rule]), "{:#?}", report.findings);
        let blocks = rules().any(|other| other.id == rule && other.severity == Severity::Blocking);
        assert_eq!(report.is_blocked(), blocks, "{rule}");
        assert!(!report.is_clean());
        assert!(!report.not_run.iter().any(|not_run| not_run.rule.id == rule), "{rule} found something, so it ran");
    }
}

#[test]
fn every_rule_that_can_run_is_in_the_table() {
    let in_table: BTreeSet<_> = table().into_iter().map(|(rule, _)| rule).collect();
    let can_run: BTreeSet<_> =
        rules().filter(|rule| rule.severity != Severity::StoreOnly).map(|rule| rule.id).collect();
    assert_eq!(in_table, can_run);
}
