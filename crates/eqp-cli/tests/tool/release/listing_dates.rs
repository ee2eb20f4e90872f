//! Tests the dates of listings and the comparison with a release line, with a product in the simulated store.

use eqp_test_support::submission::Submission;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::fixture::{Fixture, at_once};

/// Releases a product that shows these versions of Commerce, and writes release lines whose newest was released some days ago.
async fn listed(versions: &[&str], days: i64) -> Fixture {
    let fixture = Fixture::open(at_once()).await;
    fixture.prepare(&Submission::module(), |listing| {
        listing["version_compatibility"] = json!([{"edition": "CE", "versions": versions}]);
        listing["prices"] = json!([{"edition": "CE", "currency_code": "USD", "price": 99}]);
    });
    let ended = fixture.release(&["--until", "released", "--timeout", "60s"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let before = |days| (OffsetDateTime::now_utc() - Duration::days(days)).date().to_string();
    let release = |tag: &str, days| json!([{"publishedAt": format!("{}T14:00:00Z", before(days)), "tagName": tag}]);
    let lines = json!({"2.4.8": {"releases": release("2.4.8", 400)}, "2.4.9": {"releases": release("2.4.9", days)}});
    fixture.home.write("lines.json", &lines.to_string());
    let archive = fixture.home.path().join("submission.zip");
    fixture.home.configure(&format!("[products.\"acme/module-badges\"]\nsource = \"{}\"\n", archive.display()));
    fixture
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_does_not_show_the_newest_line_is_due_and_the_missing_claim_is_named() {
    let fixture = listed(&["2.4.8"], 40).await;
    let due = ["listings", "due", "--release-lines", "lines.json", "--exit-code"];
    let ended = fixture.home.run_aside(&[&due[..], &["--json"]].concat());
    let dates = serde_json::from_str::<Value>(&ended.stdout).unwrap()["dates"].clone();
    assert_eq!((ended.code, dates.as_array().unwrap().len()), (8, 1), "{ended:?}");
    let expected = json!(["compatibility", "2.4.9", true, "acme/module-badges"]);
    assert_eq!(json!([dates[0]["kind"], dates[0]["line"], dates[0]["has_passed"], dates[0]["sku"]]), expected);
    let shown = fixture.home.run_aside(&due);
    assert_eq!(shown.code, 8, "{shown:?}");
    for text in
        ["shows no version compatible with Commerce 2.4.9", "Adobe's e-mail takes precedence", "lines.json as of"]
    {
        assert!(shown.stdout.contains(text), "{text}: {shown:?}");
    }

    let recertify = ["packages", "recertify", "--commerce", "2.4.9", "--release-lines", "lines.json"];
    let shown = fixture.home.run_aside(&recertify);
    assert_eq!(shown.code, 0, "{shown:?}");
    for text in [
        "eqp packages init --sku acme/module-badges --output acme-module-badges.toml",
        "version_compatibility = [{ edition = \"CE\", versions = [\"2.4.8\", \"2.4.9\"] }]",
        "~8.3.0||~8.4.0||~8.5.0",
    ] {
        assert!(shown.stdout.contains(text), "{text}: {shown:?}");
    }
    let json = fixture.home.run_aside(&[&recertify[..], &["acme/module-badges", "--json"]].concat());
    let product = serde_json::from_str::<Value>(&json.stdout).unwrap()["products"][0].clone();
    assert_eq!((&product["is_claimed"], &product["missing_php"]), (&json!(false), &json!([])), "{product}");
    assert_eq!(fixture.look().accounts[0].packages.len(), 1, "nothing was submitted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_shows_minor_versions_includes_the_newest_line_and_wrong_arguments_are_refused() {
    let fixture = listed(&["2.4"], 40).await;
    let due = fixture.home.run_aside(&["listings", "due", "--release-lines", "lines.json", "--exit-code"]);
    assert!(due.code == 0 && due.stdout.contains("No date is due (1 listing in the store)"), "{due:?}");
    let recertify = |options: &[&str]| {
        let lines = ["packages", "recertify", "--release-lines", "lines.json", "--commerce"];
        fixture.home.run_aside(&[&lines[..], options].concat())
    };
    let nothing = recertify(&["2.4.9"]);
    assert!(nothing.code == 0 && !nothing.stdout.contains("Run:"), "{nothing:?}");
    let unknown = recertify(&["2.4.10"]);
    assert!(unknown.code == 2 && unknown.stderr.contains("known lines: 2.4.9, 2.4.8"), "{unknown:?}");
    assert_eq!(recertify(&["2.4.9", "acme/other"]).code, 4);
    fixture.home.write("lines.json", "[]");
    let malformed = recertify(&["2.4.9"]);
    assert!(malformed.code == 2 && malformed.stderr.contains("core-releases.json"), "{malformed:?}");
}
