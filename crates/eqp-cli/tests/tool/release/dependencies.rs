//! Tests the order between a vendor's own products: what a version requires has to be in the store before it is submitted.

use eqp_simulator::Step;
use eqp_test_support::submission::Submission;
use serde_json::{Value, json};

use super::fixture::{Fixture, WITHOUT_PHPCS, at_once, only_scans, reads, result};

/// Writes archive and manifest of a product with these requirements into a folder, and returns the path of the manifest.
fn product(fixture: &Fixture, name: &str, version: &str, requires: &[(&str, &str)]) -> String {
    let folder = fixture.home.path().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let submission = Submission::module().composer(|composer| {
        composer["name"] = json!(format!("acme/{name}"));
        composer["version"] = json!(version);
        for (package, versions) in requires {
            composer["require"][package] = json!(versions);
        }
    });
    let archive = submission.write(&folder).unwrap();
    let mut listing = submission.listing(&folder).unwrap();
    // The Marketplace accepts each name once.
    listing["name"] = json!(format!("Fast {name}"));
    listing["artifact"] = json!({"file": archive});
    let table: toml::Table = serde_json::from_value(json!({"package": listing})).unwrap();
    fixture.home.write(&format!("{name}/release.toml"), &toml::to_string(&table).unwrap());
    format!("{name}/release.toml")
}

fn release(fixture: &Fixture, manifests: &[&str], options: &[&str]) -> eqp_test_support::tool::Ended {
    let manifests = manifests.iter().flat_map(|manifest| ["--manifest", manifest]);
    let arguments: Vec<_> =
        ["release"].into_iter().chain(WITHOUT_PHPCS).chain(manifests).chain(options.iter().copied()).collect();
    fixture.home.run_aside(&arguments)
}

/// Returns the SKUs of the submissions, in the order of their creation.
fn submitted(fixture: &Fixture) -> Vec<String> {
    fixture.look().accounts[0].packages.iter().map(|package| package.sku.clone()).collect()
}

fn approve(fixture: &Fixture, submission: &str) {
    for step in [Step::TechnicalApproved, Step::MarketingApproved, Step::Launched] {
        let _ = fixture.simulator.step(&submission.parse().unwrap(), step);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_until_the_store_has_what_the_archive_requires() {
    let fixture = Fixture::open(only_scans()).await;
    let core = product(&fixture, "core", "1.9.3", &[]);
    let checkout = product(&fixture, "checkout", "1.5.0", &[("acme/core", "^1.9"), ("acme/tools", "dev-main")]);
    let refused = release(&fixture, &[&checkout], &["--json"]);
    let reported = result(&refused);
    assert_eq!((refused.code, &reported["result"]), (1, &json!("dependencies_not_ready")), "{refused:?}");
    assert_eq!(reported["unmet_dependencies"][0]["state"], "missing", "{reported}");
    assert!(refused.stderr.contains("acme/core ^1.9: no matching version is submitted"), "{refused:?}");
    assert!(refused.stderr.contains("acme/tools dev-main: it is not known"), "{refused:?}");
    assert!(fixture.look().accounts[0].files.is_empty() && submitted(&fixture).is_empty());

    let handle = release(&fixture, &[&core], &[]).stdout.trim().to_owned();
    let planned = release(&fixture, &[&checkout], &["--dry-run"]);
    assert!(
        planned.code == 1 && planned.stderr.contains(&format!("version 1.9.3 is in review ({handle})")),
        "{planned:?}"
    );
    let planned = release(&fixture, &[&checkout], &["--dry-run", "--ignore-dependency", "acme/core"]);
    assert!(planned.code == 0 && planned.stdout.contains("would submit acme/checkout 1.5.0"), "{planned:?}");
    let planned = release(&fixture, &[&checkout], &["--dry-run", "--wait-for-dependencies"]);
    assert!(planned.code == 0 && planned.stdout.contains("would wait until the store has"), "{planned:?}");
    let waited = release(&fixture, &[&checkout], &["--wait-for-dependencies", "--timeout", "1s"]);
    assert!(waited.code == 6 && waited.stderr.contains("it requires acme/core ^1.9"), "{waited:?}");

    let files = fixture.look().accounts[0].files.len();
    let options = ["--wait-for-dependencies", "--timeout", "60s", "--progress", "json"];
    let mut running =
        fixture.home.start(&[&["release", "--manifest", &checkout][..], &WITHOUT_PHPCS, &options].concat());
    reads(&mut running, "dependencies", "begins");
    assert_eq!((fixture.look().accounts[0].files.len(), submitted(&fixture)), (files, vec!["acme/core".to_owned()]));
    approve(&fixture, &handle);
    let ended = tokio::task::block_in_place(|| running.end());
    assert_eq!((ended.code, &result(&ended)["result"]), (0, &json!("pending")), "{ended:?}");
    assert_eq!(submitted(&fixture), ["acme/core", "acme/checkout"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_requirement_is_not_waited_for() {
    let fixture = Fixture::open(only_scans()).await;
    let core = product(&fixture, "core", "1.9.3", &[]);
    let checkout = product(&fixture, "checkout", "1.5.0", &[("acme/core", "~1.9.0")]);
    let handle = release(&fixture, &[&core], &[]).stdout.trim().to_owned();
    fixture.simulator.step(&handle.parse().unwrap(), Step::TechnicalRejected).unwrap();
    let refused = release(&fixture, &[&checkout], &["--wait-for-dependencies", "--timeout", "60s"]);
    assert!(refused.code == 1 && refused.stderr.contains("version 1.9.3 was rejected"), "{refused:?}");
    assert!(refused.stderr.contains("release a corrected version of acme/core first"), "{refused:?}");
    assert_eq!(submitted(&fixture), ["acme/core"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_products_are_released_in_the_order_in_which_they_require_each_other() {
    let fixture = Fixture::open(at_once()).await;
    let core = product(&fixture, "core", "1.9.3", &[]);
    let checkout = product(&fixture, "checkout", "1.5.0", &[("acme/core", "^1.9")]);
    let options = ["--until", "released", "--timeout", "60s"];
    let ended = release(&fixture, &[&checkout, &core], &options);
    assert_eq!((ended.code, ended.stdout.lines().count()), (0, 2), "{ended:?}");
    assert_eq!(submitted(&fixture), ["acme/core", "acme/checkout"]);
    // The same call again finds everything done.
    assert_eq!(release(&fixture, &[&checkout, &core], &options).code, 0);
    assert_eq!(submitted(&fixture).len(), 2);
    let both = release(&fixture, &[&checkout, &core], &[&options[..], &["--json"]].concat());
    let results = both.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["result"].clone());
    assert_eq!(results.collect::<Vec<_>>(), ["reached", "reached"], "{both:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_that_has_to_wait_does_not_hold_up_the_others_and_circles_are_errors() {
    let fixture = Fixture::open(only_scans()).await;
    let core = product(&fixture, "core", "1.9.3", &[]);
    let checkout = product(&fixture, "checkout", "1.5.0", &[("acme/core", "^1.9")]);
    let blog = product(&fixture, "blog", "3.0.0", &[]);
    // Neither the store nor this call has the required version: nothing is sent.
    let pro = product(&fixture, "pro", "1.0.0", &[("acme/core", "^2.0")]);
    let refused = release(&fixture, &[&core, &pro], &[]);
    assert!(refused.code == 1 && refused.stderr.contains("acme/core ^2.0"), "{refused:?}");
    // Products that require each other cannot be ordered.
    let a = product(&fixture, "a", "1.0.0", &[("acme/b", "*")]);
    let b = product(&fixture, "b", "1.0.0", &[("acme/a", "^1.0")]);
    let circle = release(&fixture, &[&core, &a, &b], &[]);
    assert_eq!(circle.code, 1, "{circle:?}");
    assert!(circle.stderr.contains("acme/a 1.0.0 requires acme/b 1.0.0 requires acme/a 1.0.0"), "{circle:?}");
    assert!(fixture.look().accounts[0].files.is_empty());
    for wrong in [&["submission.zip"][..], &["--submission", "s1"], &["--manifest", "core/release.toml"]] {
        assert_eq!(release(&fixture, &[&core, &blog], wrong).code, 2, "{wrong:?}");
    }

    let ended = release(&fixture, &[&checkout, &blog, &core], &[]);
    assert!(ended.code == 1 && ended.stderr.contains("acme/checkout 1.5.0 was not submitted"), "{ended:?}");
    assert_eq!(submitted(&fixture), ["acme/blog", "acme/core"]);
}
