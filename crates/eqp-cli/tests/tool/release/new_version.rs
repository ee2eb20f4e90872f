//! Tests a new version of a product that is in the store.

use eqp_simulator::{NewVersions, Simulator};
use eqp_test_support::submission::Submission;
use serde_json::{Value, json};

use super::fixture::{Fixture, at_once};

/// Prepares the next version, with only the fields that real release scripts send.
fn prepare_next(fixture: &Fixture) {
    fixture.prepare(&Submission::module().composer(|composer| composer["version"] = json!("1.3.0")), |listing| {
        let kept = ["sku", "type", "platform", "version_compatibility", "name", "release_notes", "version"];
        let guide = listing["documentation_artifacts"]["user"].clone();
        let fields = listing.as_object_mut().unwrap();
        fields.retain(|name, _| kept.contains(&name.as_str()));
        fields.insert("documentation_artifacts".to_owned(), json!({"user": guide}));
    });
}

async fn with_a_version_in_the_store(rule: NewVersions) -> Fixture {
    let fixture = Fixture::with(Simulator::builder().script(at_once()).new_versions(rule)).await;
    let first = fixture.release(&["--until", "released", "--timeout", "60s"]);
    assert_eq!(first.code, 0, "{first:?}");
    prepare_next(&fixture);
    fixture
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_inherits_the_listing_and_what_it_lacks_is_a_warning() {
    let fixture = with_a_version_in_the_store(NewVersions::Inherit).await;
    let ended = fixture.release(&["--until", "released", "--timeout", "60s"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stderr.contains("marketing-fields") && ended.stderr.contains("earlier version"), "{}", ended.stderr);
    let shown = fixture.home.run_aside(&["packages", "show", ended.stdout.trim(), "--json"]);
    let package = serde_json::from_str::<Value>(&shown.stdout).unwrap()["package"].clone();
    for field in ["long_description", "categories", "license_type", "media_artifacts", "prices"] {
        assert!(!package[field].is_null(), "{field}: {package}");
    }
    assert_eq!(package["version"], json!("1.3.0"));

    // The check needs an option, or the archive of the previous version.
    let check = |options: &[&str]| {
        let arguments = ["packages", "check", "submission.zip", "--manifest", "release.toml"];
        fixture.home.run_aside(&[&arguments[..], options].concat()).code
    };
    assert_eq!((check(&[]), check(&["--new-version"]), check(&["--previous", "submission.zip"])), (5, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strict_marketplace_refuses_it_and_a_first_version_is_always_complete() {
    let fixture = with_a_version_in_the_store(NewVersions::Strict).await;
    let refused = fixture.release(&[]);
    assert!(refused.code == 5 && refused.stderr.contains("1208"), "{refused:?}");

    let fixture = Fixture::open(at_once()).await;
    prepare_next(&fixture);
    let refused = fixture.release(&[]);
    assert!(refused.code == 5 && refused.stderr.contains("marketing-fields"), "{refused:?}");
    assert!(fixture.look().accounts[0].files.is_empty());
}
