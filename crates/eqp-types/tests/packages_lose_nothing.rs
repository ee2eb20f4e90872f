//! Tests that a package is written back without loss: neither unknown fields nor digits of numbers.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::collections::BTreeMap;

use eqp_types::{Amount, Edition, Package, PackageDraft, PackageType, PackageUpdate, SubmissionId};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// Normalises JSON: sorted names, no whitespace, no empty members, and numbers as text, because a code that was sent as
/// a number is written in quotes with the same digits.
fn one_spelling(json: &str) -> String {
    if let Ok(fields) = serde_json::from_str::<BTreeMap<String, &RawValue>>(json) {
        let fields = fields.iter().map(|(name, value)| (name, one_spelling(value.get())));
        let is_something = |value: &str| !matches!(value, "\"null\"" | "\"\"" | "[]" | "{}");
        let fields = fields.filter(|(_, value)| is_something(value));
        let fields: Vec<_> = fields.map(|(name, value)| format!("{name:?}:{value}")).collect();
        return format!("{{{}}}", fields.join(","));
    }
    if let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(json) {
        let items: Vec<_> = items.iter().map(|item| one_spelling(item.get())).collect();
        return format!("[{}]", items.join(","));
    }
    format!("{:?}", serde_json::from_str(json).unwrap_or_else(|_| json.to_owned()))
}

fn written_back<T: DeserializeOwned + Serialize>(json: &str) -> String {
    let value: T = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"));
    let written = serde_json::to_string(&value).unwrap();
    one_spelling(&written)
}

/// Generates any JSON, with numbers of more digits than an `f64` has.
fn any_json() -> impl Strategy<Value = String> {
    let number = prop_oneof!["-?(0|[1-9][0-9]{0,30})", "(0|[1-9][0-9]{0,5})\\.[0-9]{1,20}", "[1-9]e[0-9]{1,2}"];
    let leaf = prop_oneof![
        number,
        "[a-zA-Z0-9 ./-]{0,8}".prop_map(|text| format!("{text:?}")),
        Just("null".to_owned()),
        Just("true".to_owned()),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::btree_map(name(), inner, 0..4).prop_map(|fields| object(&fields)),
        ]
    })
}

/// Names of fields, known ones of parts among them.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "x[a-z]{0,4}",
        prop::sample::select(&[
            "edition",
            "price",
            "versions",
            "user",
            "icon_image",
            "file_upload_id",
            "items",
            "tier"
        ])
        .prop_map(str::to_owned),
    ]
}

fn object(fields: &BTreeMap<String, String>) -> String {
    let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name:?}: {value}")).collect();
    format!("{{{}}}", fields.join(", "))
}

/// Generates a package with values of the documented form for some fields, and any values for those that are read
/// leniently.
fn package() -> impl Strategy<Value = String> {
    const STRICT: &[&str] = &[
        "item_id",
        "type",
        "platform",
        "sku",
        "version",
        "name",
        "long_description",
        "release_notes",
        "license_type",
        "artifact",
        "action",
    ];
    let open: Vec<_> = PackageDraft::<eqp_types::FileReference>::field_names()
        .iter()
        .filter(|name| !STRICT.contains(*name))
        .copied()
        .chain(["mage_id", "max_version_launched", "submission_counts", "shelf_life"])
        .collect();
    let text = || "[a-zA-Z0-9/._ -]{1,12}".prop_map(|text| format!("{text:?}"));
    let amount =
        || prop_oneof!["[0-9]{1,4}\\.[0-9]{1,3}".prop_map(|text| format!("{text:?}")), "[1-9][0-9]{0,3}\\.[0-9]{1,3}"];
    let price = (text(), amount(), any_json()).prop_map(|(edition, price, other)| {
        format!("[{{\"edition\": {edition}, \"price\": {price}, \"other\": {other}}}]")
    });
    let media = (text(), any_json()).prop_map(|(id, other)| {
        format!("{{\"icon_image\": {{\"file_upload_id\": {id}, \"size\": {other}}}, \"gallery_images\": [], \"x\": {other}}}")
    });
    let documented = prop::option::of((
        prop::sample::select(&["type", "license_type", "sku", "name", "version", "stability"]),
        text(),
    ));
    (
        prop::collection::btree_map(prop::sample::select(open), any_json(), 0..6),
        prop::option::of(price),
        prop::option::of(media),
        documented,
    )
        .prop_map(|(fields, prices, media, documented)| {
            let mut fields: BTreeMap<String, String> =
                fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            fields.extend(prices.map(|prices| ("prices".to_owned(), prices)));
            fields.extend(media.map(|media| ("media_artifacts".to_owned(), media)));
            fields.extend(documented.map(|(name, text)| (name.to_owned(), text)));
            object(&fields)
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_package_holds_is_written_back(json in package()) {
        prop_assert_eq!(written_back::<Package>(&json), one_spelling(&json));
    }

    #[test]
    fn unknown_fields_of_a_request_are_sent(other in any_json(), price in "[1-9][0-9]{0,3}\\.[0-9]{1,3}") {
        let json = format!(
            r#"{{"name": "a", "prices": [{{"edition": "CE", "price": {price}, "x": {other}}}], "shelf": {other}}}"#
        );
        prop_assert_eq!(written_back::<PackageDraft>(&json), one_spelling(&json));
        prop_assert_eq!(written_back::<PackageUpdate>(&json), one_spelling(&json));
    }
}

#[test]
fn every_field_of_a_request_is_typed_where_it_is_read() {
    let file = r#"{"file_upload_id": "1.0"}"#;
    let json = format!(
        r#"{{"item_id": "a", "type": "theme", "platform": "M2", "sku": "a/b", "version": "1.0.0", "name": "A",
            "long_description": "B", "release_notes": "C", "license_type": "custom", "custom_license_name": "D",
            "custom_license_url": "E", "artifact": {file}, "version_compatibility": [{{"edition": "CE", "versions": ["2.4"]}}],
            "documentation_artifacts": {{"user": {file}}}, "media_artifacts": {{"icon_image": {file}, "gallery_images": [{file}]}},
            "categories": ["//A//B"], "pricing_model": {{"pricing_type": "subscription", "payment_period": 12}},
            "prices": [{{"edition": "EE", "price": 25.00}}], "support_tiers": [{{"tier": 1, "prices": [{{"price": "9.90"}}]}}],
            "shared_packages": [{{"artifact": {file}}}], "external_services": {{"is_saas": true, "items": [{{"owner": "self"}}]}},
            "browsers": ["chrome"], "browser_os_compatibility": {{"chrome": {{"mac": ["39"]}}}}, "marketing_options": {{"a": 1}},
            "technical_options": {{"b": 1}}, "requested_launch_date": "2026-01-01 00:00:00", "launch_on_approval": false,
            "is_patch": "yes", "process_as_patch": "unknown", "priority": "low", "stability": "beta"}}"#
    );
    let draft: PackageDraft = serde_json::from_str(&json).unwrap();
    assert!(draft.extra.is_empty(), "{:?}", draft.extra);
    let package: Package = serde_json::from_str(&json).unwrap();
    assert!(package.extra.is_empty(), "{:?}", package.extra);
    assert_eq!(package.to_draft(), draft);
    assert_eq!(draft.files().count(), 5);
    let written = serde_json::to_string(&draft).unwrap();
    let names: BTreeMap<String, &RawValue> = serde_json::from_str(&written).unwrap();
    let known = PackageDraft::<eqp_types::FileReference>::field_names().iter().filter(|name| **name != "action");
    assert_eq!(names.len(), known.clone().count());
    assert!(known.clone().all(|name| names.contains_key(*name)));
    assert_eq!(package.kind, Some(PackageType::Theme));
    assert_eq!(package.prices.unwrap()[0].price, Some(Amount::new("25.00")));
    assert_eq!(package.version_compatibility.unwrap()[0].edition, Some(Edition::Ce));
}

#[test]
fn an_update_names_its_submission_beside_the_changes() {
    let update: PackageUpdate = serde_json::from_str(r#"{"submission_id": "s1", "name": "A", "sku": null}"#).unwrap();
    assert_eq!(update.submission_id, Some(SubmissionId::new("s1").unwrap()));
    assert!(update.changes.extra.is_empty());
    assert_eq!(serde_json::to_string(&update).unwrap(), r#"{"submission_id":"s1","name":"A"}"#);
    assert!(serde_json::from_str::<PackageUpdate>(r#"{"submission_id": {}}"#).is_err());
}

#[test]
fn a_part_of_another_form_is_not_lost() {
    for odd in [r#"{"prices":{"CE":5.10}}"#, r#"{"media_artifacts":"none"}"#, r#"{"launch_on_approval":"1"}"#] {
        let package: Package = serde_json::from_str(odd).unwrap();
        assert!(package.prices.is_none() && package.media_artifacts.is_none() && package.launch_on_approval.is_none());
        assert_eq!(serde_json::to_string(&package).unwrap(), odd);
    }
}
