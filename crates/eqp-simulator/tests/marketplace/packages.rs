use eqp_types::{BatchItem, Package};
use reqwest::Method;
use serde_json::{Value, json};

use eqp_test_support::marketplace::TestMarketplace;

fn draft(item_id: &str, name: &str) -> Value {
    json!({"type": "extension", "platform": "M2", "item_id": item_id, "name": name, "version": "1.0.0",
        "long_description": "x"})
}

#[tokio::test]
async fn good_items_of_a_batch_succeed_beside_bad_ones() {
    let harness = TestMarketplace::new().await;
    let items = json!([
        draft("one", "One"),
        {"type": "extension", "name": 7, "categories": "none"},
        {"type": "extension", "sku": "no-vendor"},
        {"type": "extension", "platform": "M2", "action": {"technical": "submit"}},
        draft("two", "Two"),
    ]);
    let answer = harness.post("/products/packages", items).await;
    assert_eq!(answer.status, 200);
    let items: Vec<BatchItem> = serde_json::from_value(answer.body.clone()).unwrap();
    let codes: Vec<_> = items.iter().map(|item| item.code.unwrap()).collect();
    assert_eq!(codes, [200, 400, 1210, 1208, 200]);
    assert_eq!(answer.body[1].as_object().unwrap().len(), 2, "a bad item has only code and message");
    for good in [&items[0], &items[4]] {
        assert!(good.submission_id.is_some() && good.created_at.is_some() && good.modified_at.is_some());
        assert_eq!(good.eqp_status.as_ref().unwrap().overall.as_ref().unwrap().as_str(), "draft");
    }
    assert_eq!(items[0].item_id.as_ref().unwrap().as_str(), "one");
}

#[tokio::test]
async fn a_body_that_is_not_a_batch_fails_as_a_whole() {
    let harness = TestMarketplace::new().await;
    for body in [json!({}), json!([])] {
        for method in [Method::POST, Method::PUT] {
            let refused = harness.call(method, "/products/packages", Some(body.clone())).await;
            assert_eq!((refused.status, &refused.body["code"]), (400, &json!(1208)));
        }
    }
}

#[tokio::test]
async fn an_item_id_is_used_once() {
    let harness = TestMarketplace::new().await;
    let answer = harness.post("/products/packages", json!([draft("one", "A"), draft("one", "B")])).await.body;
    assert_eq!((&answer[0]["code"], &answer[1]["code"]), (&json!(200), &json!(409)));
}

#[tokio::test]
async fn locked_fields_are_ignored() {
    let harness = TestMarketplace::new().await;
    let id = harness.create(draft("one", "Old")).await;
    let sent = json!({"name": "New", "version": "9.9.9", "sku": "acme/other", "colour": "red", "created_at": "never",
        "eqp_status": {"overall": "released_to_store"}});
    assert_eq!(harness.put("/products/packages/one", sent).await.status, 200);
    let view = harness.get(&format!("/products/packages/{id}")).await.body;
    assert_eq!((&view["name"], &view["version"], &view["type"]), (&json!("New"), &json!("1.0.0"), &json!("extension")));
    assert_eq!(view["eqp_status"]["overall"], "draft");
    assert!(view.get("colour").is_none() && view["modified_at"].as_str() > view["created_at"].as_str());
    serde_json::from_value::<Package>(view).unwrap();
}

#[tokio::test]
async fn updates_come_one_by_one_or_as_a_batch() {
    let harness = TestMarketplace::new().await;
    let id = harness.create(draft("one", "A")).await;
    assert_eq!(harness.put(&format!("/products/packages/{id}"), json!({"name": "B"})).await.status, 200);
    assert_eq!(harness.put("/products/packages/nobody", json!({"name": "B"})).await.status, 404);
    let batch = json!([{"submission_id": id, "name": "C"}, {"submission_id": "nobody"}]);
    let answer = harness.put("/products/packages", batch).await;
    assert_eq!((answer.status, &answer.body[0]["code"], &answer.body[1]["code"]), (200, &json!(200), &json!(404)));
    assert_eq!(harness.get("/products/packages/items/one").await.body["name"], "C");
}

#[tokio::test]
async fn lists_are_filtered_sorted_and_paged() {
    let harness = TestMarketplace::new().await;
    for (item, name) in [("a", "Pear"), ("b", "Apple"), ("c", "Pearl"), ("d", "Plum")] {
        harness.create(draft(item, name)).await;
    }
    for (query, names, total) in [
        ("", vec!["Pear", "Apple", "Pearl", "Plum"], "4"),
        ("?name=pear", vec!["Pear", "Pearl"], "2"),
        ("?sort=-name", vec!["Plum", "Pearl", "Pear", "Apple"], "4"),
        ("?sort=%2Bname&limit=2", vec!["Apple", "Pear"], "4"),
        ("?sort=+type,-item_id&offset=1&limit=1", vec!["Pearl"], "4"),
        ("?offset=2&limit=-1", vec!["Pearl", "Plum"], "4"),
        ("?eqp_status.overall=released_to_store", vec![], "0"),
        ("?type=all&eqp_status.technical=draft&item_id=d", vec!["Plum"], "1"),
        ("?created_at=1999-01-01,2000-01-01", vec![], "0"),
    ] {
        let answer = harness.get(&format!("/products/packages{query}")).await;
        let found: Vec<_> = answer.body.as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
        assert_eq!((found, answer.headers["x-total-count"].to_str().unwrap()), (names, total), "{query}");
    }
    assert_eq!(harness.get("/products/packages?sort=colour").await.status, 400);
    assert_eq!(harness.get("/products/packages?limit=x").await.status, 400);
}

#[tokio::test]
async fn packages_are_found_by_every_name() {
    let harness = TestMarketplace::new().await;
    let mut package = draft("item one/ä", "A");
    package["sku"] = json!("acme/badges");
    let id = harness.create(package).await;
    for path in ["/products/packages/skus/acme%2Fbadges", "/products/packages/skus/acme%2Fbadges?version=1.0.0"] {
        assert_eq!(harness.get(path).await.body[0]["submission_id"], id, "{path}");
    }
    assert_eq!(harness.get("/products/packages/items/item%20one%2F%C3%A4").await.body["submission_id"], id);
    assert_eq!(harness.get("/products/packages/skus").await.headers["x-total-count"], "1");
    for path in
        ["/products/packages/skus/acme%2Fother", "/products/packages/items/two", "/products/packages/s0", "/nowhere"]
    {
        let refused = harness.get(path).await;
        assert_eq!((refused.status, &refused.body["code"]), (404, &json!(404)), "{path}");
    }
}

#[tokio::test]
async fn a_slash_after_a_collection_is_accepted() {
    let harness = TestMarketplace::new().await;
    assert_eq!(harness.get("/products/packages/").await.status, 200);
    assert_eq!(harness.get("/files/uploads/").await.status, 200);
}

#[tokio::test]
async fn refusals_are_always_json() {
    let harness = TestMarketplace::new().await;
    let too_long = json!("x".repeat(9 * 1024 * 1024));
    for (method, path, body, status) in [
        (Method::DELETE, "/products/packages", None, 405),
        (Method::GET, "/..%2f..", None, 404),
        (Method::POST, "/products/packages", Some(too_long), 413),
    ] {
        let refused = harness.call(method, path, body).await;
        assert_eq!((refused.status, &refused.body["code"]), (status, &json!(status)), "{path}");
        assert!(refused.body["message"].is_string());
    }
}

#[tokio::test]
async fn sku_and_version_appear_once_the_archive_is_clean() {
    let harness = TestMarketplace::new().await;
    let archive = harness.upload_one("badges.zip", eqp_test_support::marketplace::zip("acme/badges", "3.1.4")).await;
    let id = harness
        .create(json!({"type": "extension", "platform": "M2", "name": "A", "artifact": {"file_upload_id": archive}}))
        .await;
    let with_sku = |snapshot: &eqp_simulator::Snapshot| snapshot.package(&id).unwrap().sku == "acme/badges";
    harness.simulator.wait_until(eqp_test_support::marketplace::PATIENCE, with_sku).await.unwrap();
    let view = harness.get(&format!("/products/packages/{id}")).await.body;
    assert_eq!((&view["sku"], &view["version"]), (&json!("acme/badges"), &json!("3.1.4")));
    let record = harness.get(&format!("/files/uploads/{archive}")).await.body;
    assert_eq!(record["submission_ids"], json!([id]));
}

#[tokio::test]
async fn many_packages_can_be_created_at_the_start_and_listed() {
    let many = eqp_simulator::Simulator::builder().packages(3_000).seed(7);
    let harness = TestMarketplace::of(many).await;
    let list = async |query: &str| {
        let answer = harness.get(&format!("/products/packages{query}")).await;
        let total: usize = answer.headers["x-total-count"].to_str().unwrap().parse().unwrap();
        (total, answer.body.as_array().unwrap().clone())
    };
    let (total, all) = list("?limit=-1").await;
    assert_eq!((total, all.len()), (3_000, 3_000));
    let names = |items: &[Value]| items.iter().map(|item| item["item_id"].clone()).collect::<Vec<_>>();
    let live: Vec<Value> =
        all.iter().filter(|item| item["eqp_status"]["overall"] == "released_to_store").cloned().collect();
    let (total, page) = list("?eqp_status.overall=released_to_store&offset=100&limit=50").await;
    assert_eq!((total, names(&page)), (live.len(), names(&live[100..150])));
    let (_, newest) = list("?sort=-created_at&limit=3").await;
    assert_eq!(names(&newest), [json!("package-3000"), json!("package-2999"), json!("package-2998")]);
    let (total, versions) = list("?sku=acme/badges-8&sort=version").await;
    assert!(total >= 4 && versions[0]["sku"].as_str().unwrap().starts_with("acme/badges-8"), "{versions:?}");

    // An existing index includes later packages.
    assert_eq!(list("?name=quite%20new").await.0, 0);
    harness.create(draft("new", "Quite new")).await;
    assert_eq!(list("?name=quite%20new").await.0, 1);
    assert_eq!(names(&list("?sort=-created_at&limit=1").await.1), [json!("new")]);
    harness.put("/products/packages/new", json!({"name": "Old"})).await;
    assert_eq!(list("?name=quite%20new").await.0, 0);
}
