//! One test for each statement of the API's documentation, and of programs that use it, that the simulator follows, so
//! that a client tested here works with the Marketplace.

use eqp_simulator::{NewVersions, Scan, Script, Simulator, Spelling};
use eqp_types::{FileRecord, Package, Timestamp, UserProfile};
use reqwest::Method;
use serde_json::{Value, json};
use time::OffsetDateTime;

use eqp_test_support::marketplace::TestMarketplace;

/// Starts a simulator with a speed at which nothing happens during a test.
async fn still() -> TestMarketplace {
    TestMarketplace::of(Simulator::builder().speed(0.001)).await
}

fn other() -> eqp_simulator::SimulatorBuilder {
    Simulator::builder().speed(600.0).spelling(Spelling::Other)
}

fn draft(item_id: &str) -> Value {
    json!({"item_id": item_id, "type": "extension", "platform": "M2", "name": "Gift Cards & More", "version": "1.0.0",
        "long_description": "x"})
}

async fn view(harness: &TestMarketplace, id: &str) -> Value {
    harness.get(&format!("/products/packages/{id}")).await.body
}

#[tokio::test]
async fn no_uid_and_uid_all_both_mean_all_keys() {
    let harness = still().await;
    let keys = format!("{}/keys", harness.user_path());
    harness.post(&keys, json!({"m2": [{"label": "own"}, {"label": "other", "uid": "MAG9"}]})).await;
    let mage_id = harness.simulator.mage_id().clone();
    for (query, count) in [
        (String::new(), 2),
        ("?uid=all".to_owned(), 2),
        ("?type=all&uid=all".to_owned(), 2),
        (format!("?uid={mage_id}"), 1),
        ("?uid=MAG9".to_owned(), 1),
        ("?uid=all&label=own".to_owned(), 1),
        ("?uid=nobody".to_owned(), 0),
    ] {
        let listed = harness.get(&format!("{keys}{query}")).await.body;
        assert_eq!(listed["m2"].as_array().unwrap().len(), count, "{query}");
    }
    // The answer to a change has no code, and contains the new state.
    let changed = harness.put(&format!("{keys}/own"), json!({"m2": [{"is_enabled": false}]})).await.body;
    assert_eq!((&changed["m2"][0]["is_enabled"], changed["m2"][0].get("code")), (&json!(false), None));
}

#[tokio::test]
async fn the_pricing_model_is_an_object_set_by_the_creation_and_may_be_written_flat() {
    let harness = still().await;
    let model = json!({"pricing_type": "subscription", "payment_period": 12});
    let mut flat = draft("flat");
    flat["pricing_type"] = json!("subscription");
    flat["payment_period"] = json!(12);
    let mut object = draft("object");
    object["pricing_model"] = model.clone();
    for (package, item) in [(flat, "flat"), (object, "object")] {
        let id = harness.create(package).await;
        assert_eq!(view(&harness, &id).await["pricing_model"], model, "{item}");
        let changed = json!({"pricing_model": {"pricing_type": "one-time", "payment_period": 1}, "name": "B"});
        assert_eq!(harness.put(&format!("/products/packages/{item}"), changed).await.status, 200);
        assert_eq!(view(&harness, &id).await["pricing_model"], model, "{item} is set by the creation only");
    }
    // Older pages show two separate fields, and so does the other spelling.
    let harness = TestMarketplace::of(other()).await;
    let mut package = draft("object");
    package["pricing_model"] = model;
    let read = view(&harness, &harness.create(package).await).await;
    assert_eq!((&read["pricing_type"], read.get("pricing_model")), (&json!("subscription"), None));
}

#[tokio::test]
async fn type_and_platform_can_be_changed_sku_and_version_cannot() {
    let harness = still().await;
    let mut package = draft("one");
    package["sku"] = json!("acme/badges");
    let id = harness.create(package).await;
    let sent = json!({"type": "theme", "platform": "M2", "sku": "acme/other", "version": "9.0.0"});
    assert_eq!(harness.put("/products/packages/one", sent).await.status, 200);
    let read = view(&harness, &id).await;
    assert_eq!((&read["type"], &read["platform"]), (&json!("theme"), &json!("M2")));
    assert_eq!((&read["sku"], &read["version"]), (&json!("acme/badges"), &json!("1.0.0")));
}

#[tokio::test]
async fn approved_waits_for_the_launch_date_and_launches_leave_their_dates() {
    let harness = TestMarketplace::new().await;
    let now = OffsetDateTime::now_utc();
    let later = Timestamp::of(now + time::Duration::hours(24)).to_string();
    let mut package = harness.complete_package("later", "badges.zip").await;
    package["requested_launch_date"] = json!(later);
    let waiting = harness.create(package).await;
    let mut package = harness.complete_package("now", "search.zip").await;
    package["requested_launch_date"] = json!(later);
    package["launch_on_approval"] = json!(true);
    let launched = harness.create(package).await;
    harness.until(&launched, "released_to_store/approved/approved").await;
    harness.until(&waiting, "approved/approved/approved").await;
    let read = view(&harness, &waiting).await;
    assert_eq!((&read["requested_launch_date"], read.get("original_launch_date")), (&json!(later), None));
    let read = view(&harness, &launched).await;
    let date = |name: &str| read[name].as_str().unwrap().parse::<Timestamp>().unwrap().to_utc();
    assert!(date("requested_launch_date") < now, "`launch_on_approval` puts the date into the past: {read}");
    assert_eq!(date("original_launch_date"), date("latest_launch_date"));
    // The package is launched at the requested date.
    let url = format!("{}/simulator/v1/clock", harness.simulator.base_url());
    let token = harness.simulator.control_token().expose();
    harness.http.post(&url).bearer_auth(token).json(&json!({"skip": "25h"})).send().await.unwrap();
    harness.until(&waiting, "released_to_store/approved/approved").await;
}

#[tokio::test]
async fn categories_may_begin_with_the_separator_and_share_a_main_category() {
    for (categories, code) in [
        (json!(["//Extensions//Payments & Security//Checkout Enhancements", "Extensions//Content"]), 200),
        (json!(["//Extensions//Content", "//Themes//Dark"]), 400),
    ] {
        let harness = still().await;
        let mut package = harness.complete_package("item", "badges.zip").await;
        harness.pass_scans();
        package["categories"] = categories.clone();
        assert_eq!(harness.post("/products/packages", json!([package])).await.body[0]["code"], code, "{categories}");
    }
}

#[tokio::test]
async fn a_slash_after_a_collection_or_an_id_is_accepted() {
    let harness = still().await;
    let id = harness.create(draft("one")).await;
    let file = harness.upload_one("a.png", vec![0]).await;
    for path in [
        "/products/packages".to_owned(),
        format!("/products/packages/{id}"),
        "/products/packages/items/one".to_owned(),
        "/products/packages/items".to_owned(),
        format!("/products/packages/{id}/status"),
        "/files/uploads".to_owned(),
        format!("/files/uploads/{file}"),
        harness.user_path(),
        format!("{}/keys", harness.user_path()),
    ] {
        let (plain, with_slash) = (harness.get(&path).await, harness.get(&format!("{path}/")).await);
        assert_eq!((plain.status, with_slash.status), (200, 200), "{path}");
        assert_eq!(plain.body, with_slash.body, "{path}");
    }
    assert_eq!(harness.put(&format!("/products/packages/{id}/"), json!({"name": "B"})).await.status, 200);
}

#[tokio::test]
async fn a_summary_is_short_and_profile_numbers_are_numbers() {
    let harness = still().await;
    let summary = harness.get(&format!("{}?style=summary", harness.user_path())).await.body;
    for field in ["mage_id", "adobe_user_id", "has_accepted_tos", "profile_image_artifact"] {
        assert!(summary.get(field).is_some(), "{field}: {summary}");
    }
    for field in ["vendor_name", "partner_level", "api_callbacks"] {
        assert!(summary.get(field).is_none(), "{field}: {summary}");
    }
    let profile = harness.get(&harness.user_path()).await.body;
    let numbers = [
        ("partner_level", 4),
        ("payment_type", 1),
        ("taxpayer_type", 2),
        ("tax_review_status", 3),
        ("extension_share_percent", 85),
    ];
    let others = { TestMarketplace::of(other()).await }.get("/users/MAG123456789").await.body;
    for (field, number) in numbers {
        assert_eq!((&profile[field], &others[field]), (&json!(number), &json!(number.to_string())), "{field}");
    }
    for read in [profile, others] {
        let read: UserProfile = serde_json::from_value(read).unwrap();
        assert_eq!(read.partner_level.as_deref(), Some("4"));
    }
}

#[tokio::test]
async fn entries_of_reports_repeat_whose_they_are() {
    let harness = TestMarketplace::new().await;
    let id = harness.create(harness.complete_package("item", "badges.zip").await).await;
    harness.until(&id, "released_to_store/approved/approved").await;
    let runs = harness.get(&format!("/products/packages/{id}/status")).await.body;
    for (tool, more) in [
        ("phpcs", &["php_version"][..]),
        ("varnish", &["php_version", "magento_edition", "magento_platform", "magento_version"]),
        ("manual_qa", &[]),
        ("marketing", &[]),
    ] {
        let run = runs.as_array().unwrap().iter().find(|run| run["name"] == tool).unwrap();
        let path = format!("/products/packages/{id}/status/{tool}/{}", run["tool_run_id"].as_str().unwrap());
        let report = harness.get(&path).await.body;
        let entry = if report["reports"].is_array() { &report["reports"][0] } else { &report["reports"] };
        for whole in [&report, entry] {
            let named = [&whole["tool"], &whole["vendor"], &whole["extension"], &whole["version"]];
            assert_eq!(named.map(|text| text.as_str().unwrap_or("-")), [tool, "acme", "badges", "1.2.0"], "{report}");
            assert!(whole["date"].is_string(), "{report}");
        }
        assert!(more.iter().all(|field| entry[field].is_string()), "{report}");
    }
}

#[tokio::test]
async fn prices_are_us_dollars() {
    for (currency, code) in [("USD", 200), ("EUR", 400)] {
        let harness = still().await;
        let mut package = harness.complete_package("item", "badges.zip").await;
        harness.pass_scans();
        package["prices"] = json!([{"edition": "CE", "currency_code": currency, "price": 99, "installation_price": 0}]);
        let answer = harness.post("/products/packages", json!([package])).await.body;
        assert_eq!(answer[0]["code"], code, "{answer}");
    }
}

#[tokio::test]
async fn the_url_of_a_file_is_absolute() {
    let harness = still().await;
    let file = harness.upload_one("a.png", vec![0]).await;
    for record in
        [harness.get(&format!("/files/uploads/{file}")).await.body, harness.get("/files/uploads").await.body[0].clone()]
    {
        let expected = format!("{}/rest/v1/files/uploads/{file}", harness.simulator.base_url());
        assert_eq!(record["url"], json!(expected));
        serde_json::from_value::<FileRecord>(record).unwrap();
    }
}

#[tokio::test]
async fn files_of_shared_packages_are_scanned_linked_and_shown() {
    let harness =
        TestMarketplace::of(Simulator::builder().speed(600.0).script(Script::new().scan("shared*", Scan::NeverEnds)))
            .await;
    let shared = harness.upload_one("shared-1.0.0.zip", vec![1]).await;
    let mut package = harness.complete_package("item", "badges.zip").await;
    package["shared_packages"] =
        json!([{"artifact": {"file_upload_id": shared}}, {"artifact": {"sku": "acme/core", "version": "1.0.0"}}]);
    assert_eq!(harness.post("/products/packages", json!([package])).await.body[0]["code"], 1321);
    harness.pass_scans();
    let id = harness.create(package).await;
    let record = harness.get(&format!("/files/uploads/{shared}")).await.body;
    assert_eq!(record["submission_ids"], json!([id]));
    let read = view(&harness, &id).await;
    assert_eq!(read["shared_packages"][0]["artifact"]["malware_status"], "pass");
    assert_eq!(read["shared_packages"][1]["artifact"], json!({"sku": "acme/core", "version": "1.0.0"}));
    serde_json::from_value::<Package>(read).unwrap();
}

#[tokio::test]
async fn packages_show_how_often_they_were_submitted_and_how_the_store_spells_them() {
    let harness = still().await;
    let id = harness.create(draft("one")).await;
    let read = view(&harness, &id).await;
    assert_eq!(read["submission_counts"], json!({"technical": 0, "marketing": 0}));
    assert_eq!((&read["url_key"], &read["short_description"]), (&json!("gift-cards-more"), &json!("")));
    assert_eq!(read["mage_id"], json!(harness.simulator.mage_id()));
    let package = harness.complete_package("two", "badges.zip").await;
    harness.pass_scans();
    let id = harness.create(package).await;
    assert_eq!(view(&harness, &id).await["submission_counts"], json!({"technical": 1, "marketing": 1}));
}

#[tokio::test]
async fn a_package_by_its_item_id_is_one_object_or_a_list_of_one() {
    let (usual, other) = (still().await, TestMarketplace::of(other()).await);
    for harness in [&usual, &other] {
        harness.create(draft("one")).await;
    }
    let path = "/products/packages/items/one";
    assert_eq!(usual.get(path).await.body["item_id"], "one");
    assert_eq!(other.get(path).await.body[0]["item_id"], "one");
}

#[tokio::test]
async fn the_requested_launch_date_is_not_read_back_under_that_name_everywhere() {
    let mut package = draft("one");
    package["requested_launch_date"] = json!("2030-01-31 09:00:00");
    let (usual, other) = (still().await, TestMarketplace::of(other()).await);
    assert_eq!(
        view(&usual, &usual.create(package.clone()).await).await["requested_launch_date"],
        "2030-01-31 09:00:00"
    );
    assert!(view(&other, &other.create(package).await).await.get("requested_launch_date").is_none());
}

#[tokio::test]
async fn a_new_version_inherits_what_it_lacks_unless_the_marketplace_is_strict() {
    for (rule, code) in [(NewVersions::Inherit, 200), (NewVersions::Strict, 1208)] {
        let harness = TestMarketplace::of(Simulator::builder().speed(600.0).new_versions(rule)).await;
        let mut first = harness.complete_package("first", "badges.zip").await;
        first["sku"] = json!("acme/badges");
        let first = harness.create(first).await;
        harness.until(&first, "released_to_store/approved/approved").await;
        let mut next = harness.complete_package("next", "badges.zip").await;
        let archive =
            harness.upload_one("badges.zip", eqp_test_support::marketplace::zip("acme/badges", "1.3.0")).await;
        next["artifact"] = json!({"file_upload_id": archive});
        next["sku"] = json!("acme/badges");
        next["version"] = json!("1.3.0");
        for field in ["long_description", "categories", "license_type", "media_artifacts", "version_compatibility"] {
            next.as_object_mut().unwrap().remove(field);
        }
        harness.pass_scans();
        let answer = harness.post("/products/packages", json!([next])).await.body;
        assert_eq!(answer[0]["code"], code, "{rule:?}: {answer}");
        if code == 200 {
            let old = view(&harness, &first).await;
            let new = view(&harness, answer[0]["submission_id"].as_str().unwrap()).await;
            for field in ["long_description", "categories", "license_type", "media_artifacts"] {
                assert_eq!(new[field], old[field], "{field}");
            }
            assert_eq!(new["version"], "1.3.0");
        }
    }
}

#[tokio::test]
async fn stamps_show_the_wall_clock_at_any_speed_and_packages_change_a_second_apart() {
    let harness = TestMarketplace::of(Simulator::builder().speed(5_000.0)).await;
    let id = harness.create(harness.complete_package("item", "badges.zip").await).await;
    harness.until(&id, "released_to_store/approved/approved").await;
    let now = OffsetDateTime::now_utc();
    let read = view(&harness, &id).await;
    let stamp = |name: &str| read[name].as_str().unwrap().parse::<Timestamp>().unwrap().to_utc();
    let changes = 9;
    // Timestamps are ahead of the clock only by the seconds that keep changes distinct.
    assert!(stamp("modified_at") <= now + time::Duration::seconds(changes), "{read} at {now}");
    assert!(stamp("created_at") <= now && stamp("created_at") < stamp("modified_at"), "{read}");

    // Skipped time is added.
    let url = format!("{}/simulator/v1/clock", harness.simulator.base_url());
    let token = harness.simulator.control_token().expose();
    let skip = harness.http.post(&url).bearer_auth(token).json(&json!({"skip": "3h"}));
    let skipped: Value = skip.send().await.unwrap().json().await.unwrap();
    let shown = skipped["now"].as_str().unwrap().parse::<Timestamp>().unwrap().to_utc();
    let expected = OffsetDateTime::now_utc() + time::Duration::hours(3);
    assert!((expected - shown).abs() < time::Duration::minutes(1), "{skipped} at {expected}");
}

#[tokio::test]
async fn a_session_lasts_as_documented_and_a_wrong_grant_type_is_refused() {
    let harness = still().await;
    for (body, status, expires_in) in [
        (json!({"grant_type": "session", "expires_in": 600}), 200, json!(600)),
        (json!({"grant_type": "session", "expires_in": 99_999}), 200, json!(7200)),
        (json!({"grant_type": "session"}), 200, json!(7200)),
        (json!({"grant_type": "password"}), 400, Value::Null),
    ] {
        let answer = harness.new_token(body.clone()).await;
        assert_eq!((answer.status, &answer.body["expires_in"]), (status, &expires_in), "{body}");
    }
    let key = harness.simulator.api_key();
    let legacy = harness.http.post(harness.url("/apps/session/token"));
    let legacy = legacy.basic_auth(&key.application_id, Some(key.application_secret.expose()));
    let legacy = eqp_test_support::marketplace::answer(legacy.json(&json!({"grant_type": "session"}))).await;
    assert_eq!(legacy.status, 200);
}

#[tokio::test]
async fn every_refusal_has_a_code_and_a_message() {
    let harness = still().await;
    for (method, path, body) in [
        (Method::GET, "/products/packages/nobody".to_owned(), None),
        (Method::GET, "/files/uploads/nothing".to_owned(), None),
        (Method::GET, "/users/MAG999".to_owned(), None),
        (Method::PUT, harness.user_path(), Some(json!({"action": "explode"}))),
        (Method::POST, "/products/packages".to_owned(), Some(json!({}))),
        (Method::DELETE, "/files/uploads/nothing".to_owned(), None),
    ] {
        let refused = harness.call(method, &path, body).await;
        assert!((400..500).contains(&refused.status), "{path}");
        assert!(refused.body["code"].is_i64() && refused.body["message"].is_string(), "{path}: {}", refused.body);
    }
}
