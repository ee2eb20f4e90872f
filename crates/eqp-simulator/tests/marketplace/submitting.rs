//! Tests of the fields that a submission requires.

use serde_json::{Value, json};

use eqp_test_support::marketplace::TestMarketplace;

async fn submit(harness: &TestMarketplace, package: &Value) -> Value {
    harness.pass_scans();
    harness.post("/products/packages", json!([package])).await.body[0].clone()
}

#[tokio::test]
async fn values_are_checked_when_it_is_submitted_and_not_before() {
    let harness = TestMarketplace::new().await;
    let mut package = harness.complete_package("item", "badges.zip").await;
    package["stability"] = json!("shaky");
    let refused = submit(&harness, &package).await;
    assert_eq!(refused["code"], 400);
    assert!(refused["message"].as_str().unwrap().contains("`shaky`"), "{refused}");
    package["action"] = json!({"technical": "draft"});
    assert_eq!(submit(&harness, &package).await["code"], 200);
    let change = json!({"action": {"technical": "submit"}});
    assert_eq!(harness.put("/products/packages/item", change.clone()).await.status, 400);
    let mut better = change;
    better["stability"] = json!("beta");
    assert_eq!(harness.put("/products/packages/item", better).await.status, 200);
}

#[tokio::test]
async fn a_sku_is_needed_only_where_an_earlier_version_exists() {
    let harness = TestMarketplace::of(eqp_simulator::Simulator::builder().speed(0.001)).await;
    let mut first = harness.complete_package("first", "badges.zip").await;
    first["sku"] = json!("acme/badges");
    assert_eq!(submit(&harness, &first).await["code"], 200);
    let mut second = harness.complete_package("second", "badges.zip").await;
    second["version"] = json!("1.3.0");
    // An archive without a composer.json.
    second["artifact"] = json!({"file_upload_id": harness.upload_one("plain.zip", vec![0]).await});
    let refused = submit(&harness, &second).await;
    assert_eq!(refused["code"], 1208);
    assert!(refused["message"].as_str().unwrap().contains("sku"), "{refused}");
    second["sku"] = json!("acme/badges");
    assert_eq!(submit(&harness, &second).await["code"], 200);
    let other = harness.complete_package("other", "search.zip").await;
    assert_eq!(submit(&harness, &other).await["code"], 200, "a product's first version needs none");
}

#[tokio::test]
async fn a_name_belongs_to_one_product() {
    let harness = TestMarketplace::of(eqp_simulator::Simulator::builder().speed(0.001)).await;
    for (item, sku, code) in [("a", "acme/badges", 200), ("b", "acme/other", 400), ("c", "acme/badges", 200)] {
        let mut package = harness.complete_package(item, "badges.zip").await;
        let archive = harness.upload_one("badges.zip", eqp_test_support::marketplace::zip(sku, "1.2.0")).await;
        package["artifact"] = json!({"file_upload_id": archive});
        assert_eq!(submit(&harness, &package).await["code"], code, "{item}");
    }
}
