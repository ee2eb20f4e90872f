//! Tests that a listing which is written to a folder and read again is the one that the Marketplace has.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use eqp_release::listing_files::{Listing, ListingFolder, compare};
use eqp_test_support::marketplace::{TestMarketplace, client_of};
use eqp_types::{Sku, SubmissionId};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// Text with line breaks, quotes, spaces at its ends and characters of all planes.
fn text() -> impl Strategy<Value = String> {
    let part = prop_oneof!["[a-z<>&\"'/ ]{1,12}", Just("\n".to_owned()), Just("\r\n".to_owned()), "\\PC{1,4}"];
    vec(part, 0..8).prop_map(|parts| parts.concat())
}

fn amount() -> impl Strategy<Value = Value> {
    let text = (25_u32..9_999, 0_u32..100).prop_map(|(whole, cents)| format!("{whole}.{cents:02}"));
    prop_oneof![(25_u32..9_999).prop_map(|whole| json!(whole)), text.prop_map(|text| json!(text))]
}

fn listing() -> impl Strategy<Value = Value> {
    let options = vec(("[a-z]{1,6}", any::<bool>()), 0..3).prop_map(|options| {
        options.into_iter().map(|(name, value)| (name, json!(value))).collect::<serde_json::Map<_, _>>()
    });
    let shown =
        (text(), text(), vec("//[A-Z][a-z]{1,8}//[A-Z][a-z]{1,8}", 0..3), vec("https://[a-z]{1,9}\\.example", 0..3));
    let sold = (vec(amount(), 0..2), options, proptest::option::of("https://[a-z]{1,9}\\.example"));
    (shown, sold).prop_map(|((name, description, categories, videos), (prices, options, license))| {
        let prices: Vec<Value> = ["CE", "EE"]
            .iter()
            .zip(prices)
            .map(|(edition, price)| json!({"edition": edition, "currency_code": "USD", "price": price}))
            .collect();
        json!({
            "type": "extension", "platform": "M2", "version": "1.0.0", "name": name, "long_description": description,
            "categories": categories, "prices": prices, "media_artifacts": {"video_urls": videos},
            "marketing_options": options, "license_type": "custom", "custom_license_url": license,
            "version_compatibility": [{"edition": "CE", "versions": ["2.4"]}, {"edition": "EE", "versions": ["2.4"]}],
        })
    })
}

#[test]
fn what_was_pulled_is_what_the_marketplace_has() {
    let runtime = Runtime::new().unwrap();
    let marketplace = runtime.block_on(TestMarketplace::new());
    let client = client_of(&marketplace.simulator);
    let sku = Sku::new("acme/checkout").unwrap();
    let mut runner = TestRunner::new(Config { cases: 48, failure_persistence: None, ..Config::default() });
    let result = runner.run(&listing(), |package| {
        let folder = tempfile::tempdir().unwrap();
        let id = runtime.block_on(marketplace.create(package));
        let package = runtime.block_on(client.packages().get(&SubmissionId::new(id).unwrap())).unwrap();
        let live = Listing::of(&sku, &package).unwrap();
        let folder = ListingFolder::new(folder.path(), &sku).unwrap();
        prop_assert!(folder.read().unwrap().is_none());
        folder.write(&live, live.fields()).unwrap();
        let stored = folder.read().unwrap().unwrap();
        prop_assert_eq!(stored.fields(), live.fields());
        prop_assert_eq!(compare(&stored, &live), []);
        Ok(())
    });
    result.unwrap();
}

#[test]
fn only_plain_names_become_folders() {
    for (sku, accepted) in [
        ("acme/checkout", true),
        ("acme/check.out-2_x", true),
        ("acme/..", false),
        ("../x", false),
        ("acme/.git", false),
    ] {
        let Ok(sku) = Sku::new(sku) else { continue };
        assert_eq!(ListingFolder::new("listings".as_ref(), &sku).is_ok(), accepted, "{sku}");
    }
}
