//! One test for each statement of the API's documentation about single fields and parameters.

use eqp_simulator::Simulator;
use reqwest::Method;
use serde_json::{Value, json};

use eqp_test_support::marketplace::{TestMarketplace, zip};

const PACKAGES: &str = "/products/packages";

/// Starts a simulator with a speed at which nothing happens during a test.
async fn still() -> TestMarketplace {
    TestMarketplace::of(Simulator::builder().speed(0.001)).await
}

/// Submits a complete package, modified by `change`, for one review, and returns the item of the answer.
async fn submitted(review: &str, change: impl FnOnce(&mut Value)) -> (TestMarketplace, Value) {
    let harness = still().await;
    let mut package = harness.complete_package("item", "badges.zip").await;
    harness.pass_scans();
    package["action"] = json!({review: "submit"});
    change(&mut package);
    let answer = harness.post(PACKAGES, json!([package])).await.body[0].clone();
    (harness, answer)
}

async fn view(harness: &TestMarketplace, answer: &Value) -> Value {
    harness
        .get(&format!("{PACKAGES}/{}", answer["submission_id"].as_str().unwrap_or_else(|| panic!("{answer}"))))
        .await
        .body
}

#[tokio::test]
async fn one_document_of_three_kinds_is_enough_for_a_submission() {
    for review in ["technical", "marketing"] {
        for (kind, code) in [("user", 200), ("installation", 200), ("reference", 200), ("video", 1208)] {
            let (_, answer) = submitted(review, |package| {
                let guide = package["documentation_artifacts"]["user"].take();
                package["documentation_artifacts"] = json!({kind: guide});
            })
            .await;
            assert_eq!(answer["code"], code, "{review} with {kind}: {answer}");
        }
        let (_, answer) = submitted(review, |package| {
            package.as_object_mut().unwrap().remove("documentation_artifacts");
            package["type"] = json!("shared_package");
        })
        .await;
        assert_eq!(answer["code"], 200, "a shared package needs none: {answer}");
    }
}

#[tokio::test]
async fn of_a_file_that_a_package_names_only_the_id_is_read() {
    let (harness, answer) = submitted("technical", |package| {
        for artifact in ["/artifact", "/documentation_artifacts/user", "/media_artifacts/gallery_images/0"] {
            let artifact = package.pointer_mut(artifact).unwrap();
            artifact["filename"] = json!("another.zip");
            artifact["malware_status"] = json!("fail");
            artifact["colour"] = json!("red");
        }
    })
    .await;
    let read = view(&harness, &answer).await;
    for (artifact, filename) in [
        ("/artifact", "badges.zip"),
        ("/documentation_artifacts/user", "guide.pdf"),
        ("/media_artifacts/gallery_images/0", "icon.png"),
    ] {
        let artifact = read.pointer(artifact).unwrap();
        assert_eq!((&artifact["filename"], &artifact["malware_status"]), (&json!(filename), &json!("pass")));
        assert_eq!(artifact.get("colour"), None);
    }
}

#[tokio::test]
async fn browsers_are_ignored_beside_their_operating_systems() {
    for (browsers_and_systems, browsers) in
        [(json!([]), json!(["Chrome"])), (json!({"Chrome": ["Linux"]}), Value::Null)]
    {
        let (harness, answer) = submitted("technical", |package| {
            package["browsers"] = json!(["Chrome"]);
            package["browser_os_compatibility"] = browsers_and_systems;
        })
        .await;
        assert_eq!(view(&harness, &answer).await["browsers"], browsers);
    }
}

#[tokio::test]
async fn the_archive_decides_about_sku_and_version_once_its_scan_has_passed() {
    let harness = still().await;
    let archive = harness.upload_one("badges.zip", zip("acme/badges", "3.1.4")).await;
    let id = harness
        .create(json!({"type": "extension", "platform": "M2", "name": "A", "version": "1.0.0", "sku": "acme/other",
            "artifact": {"file_upload_id": archive}}))
        .await;
    let named = async || {
        let read = harness.get(&format!("{PACKAGES}/{id}")).await.body;
        (read["sku"].clone(), read["version"].clone())
    };
    assert_eq!(named().await, (json!("acme/other"), json!("1.0.0")));
    harness.pass_scans();
    assert_eq!(named().await, (json!("acme/badges"), json!("3.1.4")));
    assert_eq!(harness.get(&format!("{PACKAGES}/skus/acme%2Fbadges?version=3.1.4")).await.body[0]["submission_id"], id);
    assert_eq!(harness.get(&format!("{PACKAGES}/skus/acme%2Fother")).await.status, 404);
}

#[tokio::test]
async fn a_key_is_named_by_its_encoded_label_and_the_account_in_item_or_query() {
    let harness = still().await;
    let keys = format!("{}/keys", harness.user_path());
    let made = harness.post(&keys, json!({"m2": [{"label": "a b/c"}, {"label": "two", "uid": "MAG9"}, {}]})).await.body;
    let codes: Vec<_> = made["m2"].as_array().unwrap().iter().map(|key| key["code"].as_i64().unwrap()).collect();
    assert_eq!(codes, [200, 200, 400]);
    for (path, item, status) in [
        ("a%20b%2Fc", json!({"is_enabled": false}), 200),
        ("two", json!({"is_enabled": false, "uid": "MAG9"}), 200),
        ("two?uid=MAG9", json!({"is_enabled": true}), 200),
        ("two", json!({"is_enabled": true}), 404),
    ] {
        let changed = harness.put(&format!("{keys}/{path}"), json!({"m2": [item]})).await;
        assert_eq!(changed.status, status, "{path} {item}");
        assert!(status != 200 || changed.body["m2"][0]["is_enabled"] == item["is_enabled"], "{}", changed.body);
    }
    for (path, status) in [("two", 404), ("two?uid=MAG9", 204), ("a%20b%2Fc", 204)] {
        assert_eq!(harness.call(Method::DELETE, &format!("{keys}/{path}"), None).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn every_documented_field_filters_and_sorts() {
    let harness = still().await;
    let mut package = harness.complete_package("first-item", "badges.zip").await;
    for (field, value) in [
        ("is_patch", json!(true)),
        ("process_as_patch", json!("no")),
        ("stability", json!("beta")),
        ("custom_license_name", json!("Ours")),
        ("custom_license_url", json!("https://vendor.example/licence")),
        ("license_type", json!("custom")),
        ("requested_launch_date", json!("2031-02-03 04:05:06")),
        ("action", json!({})),
    ] {
        package[field] = value;
    }
    harness.pass_scans();
    let id = harness.create(package).await;
    harness.create(json!({"item_id": "second", "type": "theme", "name": "Dark"})).await;
    for (query, fits) in [
        ("type=extension", true),
        ("type=ext", false),
        ("platform=M2", true),
        ("license_type=custom", true),
        ("license_type=cust", false),
        ("is_patch=true", true),
        ("process_as_patch=no", true),
        ("stability=beta", true),
        ("eqp_status.overall=draft&name=badges", true),
        ("eqp_status.technical=draft&name=badges", true),
        ("eqp_status.marketing=draft&name=badges", true),
        ("eqp_status.marketing=approved", false),
        ("item_id=st-it", true),
        ("sku=cme%2Fbad", true),
        ("version=1.2", true),
        ("name=adge", true),
        ("long_description=adge", true),
        ("release_notes=irs", true),
        ("custom_license_name=ur", true),
        ("custom_license_url=vendor.ex", true),
        ("requested_launch_date=2031-02-03", true),
        ("requested_launch_date=2031-02-04", false),
        ("original_launch_date=2031-02-03", false),
        ("latest_launch_date=2031-02-03", false),
        ("created_at=2001-01-01", false),
        ("modified_at=2001-01-01", false),
    ] {
        let found = harness.get(&format!("{PACKAGES}?{query}")).await.body;
        let found: Vec<_> = found.as_array().unwrap().iter().map(|package| package["submission_id"].clone()).collect();
        assert_eq!(found, if fits { vec![json!(id)] } else { Vec::new() }, "{query}");
    }
    for field in
        "type platform license_type is_patch process_as_patch stability eqp_status.overall eqp_status.technical \
        eqp_status.marketing item_id submission_id sku version name long_description release_notes custom_license_name \
        custom_license_url requested_launch_date original_launch_date latest_launch_date created_at modified_at"
            .split_whitespace()
    {
        let sorted = harness.get(&format!("{PACKAGES}?sort=-{field}")).await;
        assert_eq!((sorted.status, sorted.body.as_array().unwrap().len()), (200, 2), "{field}");
    }
    let reversed = harness.get(&format!("{PACKAGES}?sort=-type,%2Bname")).await.body;
    assert_eq!(reversed[0]["type"], "theme");
    // Files are paged only.
    let files = harness.get("/files/uploads?filename=badges").await.body;
    assert_eq!(files.as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_report_has_two_paths_and_copied_code_has_none() {
    let harness = TestMarketplace::new().await;
    let id = harness.create(harness.complete_package("item", "badges.zip").await).await;
    harness.until(&id, "released_to_store/approved/approved").await;
    let runs = harness.get(&format!("{PACKAGES}/{id}/status")).await.body;
    assert_eq!(runs, harness.get(&format!("/{id}/status")).await.body);
    for run in runs.as_array().unwrap() {
        let tool = run["name"].as_str().unwrap();
        let path = format!("/{id}/status/{tool}/{}", run["tool_run_id"].as_str().unwrap());
        let (long, short) = (harness.get(&format!("{PACKAGES}{path}")).await, harness.get(&path).await);
        assert_eq!((long.status, &long.body), (short.status, &short.body), "{tool}");
        assert_eq!(long.status == 200, tool != "phpcpd", "{tool}");
    }
}

#[tokio::test]
async fn a_profile_has_every_field_that_is_documented() {
    let harness = still().await;
    let profile = harness.get(&harness.user_path()).await.body;
    for (object, fields) in [
        (
            "",
            "mage_id adobe_user_id first_name last_name email screen_name has_completed_profile has_accepted_tos \
             profile_image_artifact send_newsletter tos_accepted_version tos_accepted_date is_company vendor_name \
             partner_level locale timezone payment_type payment_info taxpayer_type tax_review_status tax_withhold_percent \
             extension_share_percent theme_share_percent install_share_percent support_share_percent privacy_policy_url \
             api_callbacks",
        ),
        ("/personal_profile", "bio last_logged_in created_at modified_at social_media_info addresses"),
        ("/company_profile", "name bio website_url primary_email support_email"),
        ("/organizations/0", "org_id org_name"),
        ("/eqp_api", "is_eligible has_credentials"),
    ] {
        let read = profile.pointer(object).unwrap_or_else(|| panic!("{object}: {profile}"));
        for field in fields.split_whitespace() {
            assert!(read.get(field).is_some(), "{object} {field}: {read}");
        }
    }
    let payment: Value = serde_json::from_str(profile["payment_info"].as_str().unwrap()).unwrap();
    assert!(payment.is_object(), "JSON in text: {payment}");
    for action in ["draft", "submit", "publish"] {
        let saved = harness.put(&harness.user_path(), json!({"action": action, "screen_name": action})).await;
        assert_eq!((saved.status, &saved.body["screen_name"]), (200, &json!(action)));
    }
    assert_eq!(harness.put(&harness.user_path(), profile).await.status, 200, "what is read can be sent again");
}

#[tokio::test]
async fn lists_page_filter_and_count_as_documented() {
    let harness = still().await;
    for number in 0..25 {
        let item_id = format!("item-{number:02}");
        harness.create(json!({"item_id": item_id, "type": "extension", "platform": "M2", "name": "Gift Cards & More", "version": "1.0.0",
        "long_description": "x"})).await;
    }
    for (query, count, first) in [
        ("", 20, Value::Null),
        ("?limit=-1&sort=%2Bitem_id", 25, json!("item-00")),
        ("?limit=2&offset=3&sort=%2Bitem_id", 2, json!("item-03")),
        ("?item_id=M-1&limit=-1&sort=-item_id", 10, json!("item-19")),
        ("?eqp_status.overall=draft&limit=-1", 25, Value::Null),
        ("?eqp_status.overall=dra", 0, Value::Null),
        ("?type=all&limit=-1", 25, Value::Null),
        ("?type=theme", 0, Value::Null),
    ] {
        let answer = harness.get(&format!("/products/packages{query}")).await;
        let listed = answer.body.as_array().unwrap();
        assert_eq!(listed.len(), count, "{query}");
        assert!(first.is_null() || listed[0]["item_id"] == first, "{query}: {}", listed[0]["item_id"]);
        assert!(answer.headers.contains_key("x-total-count"), "{query}");
    }
}
