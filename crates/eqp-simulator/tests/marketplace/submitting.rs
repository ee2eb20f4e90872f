//! What a submission must say.

use serde_json::{Value, json};

use crate::world::World;

async fn submit(world: &World, package: &Value) -> Value {
    world.pass_scans();
    world.post("/products/packages", json!([package])).await.body[0].clone()
}

#[tokio::test]
async fn values_are_checked_when_it_is_submitted_and_not_before() {
    let world = World::new().await;
    let mut package = world.complete_package("item", "badges.zip").await;
    package["stability"] = json!("shaky");
    let refused = submit(&world, &package).await;
    assert_eq!(refused["code"], 400);
    assert!(refused["message"].as_str().unwrap().contains("`shaky`"), "{refused}");
    package["action"] = json!({"technical": "draft"});
    assert_eq!(submit(&world, &package).await["code"], 200);
    let change = json!({"action": {"technical": "submit"}});
    assert_eq!(world.put("/products/packages/item", change.clone()).await.status, 400);
    let mut better = change;
    better["stability"] = json!("beta");
    assert_eq!(world.put("/products/packages/item", better).await.status, 200);
}

#[tokio::test]
async fn a_sku_is_needed_only_where_an_earlier_version_exists() {
    let world = World::of(eqp_simulator::Simulator::builder().speed(0.001)).await;
    let mut first = world.complete_package("first", "badges.zip").await;
    first["sku"] = json!("acme/badges");
    assert_eq!(submit(&world, &first).await["code"], 200);
    let mut second = world.complete_package("second", "badges.zip").await;
    second["version"] = json!("1.3.0");
    // An archive that does not say what it is.
    second["artifact"] = json!({"file_upload_id": world.upload_one("plain.zip", vec![0]).await});
    let refused = submit(&world, &second).await;
    assert_eq!(refused["code"], 1208);
    assert!(refused["message"].as_str().unwrap().contains("sku"), "{refused}");
    second["sku"] = json!("acme/badges");
    assert_eq!(submit(&world, &second).await["code"], 200);
    let other = world.complete_package("other", "search.zip").await;
    assert_eq!(submit(&world, &other).await["code"], 200, "a product's first version needs none");
}

#[tokio::test]
async fn a_name_belongs_to_one_product() {
    let world = World::of(eqp_simulator::Simulator::builder().speed(0.001)).await;
    for (item, sku, code) in [("a", "acme/badges", 200), ("b", "acme/other", 400), ("c", "acme/badges", 200)] {
        let mut package = world.complete_package(item, "badges.zip").await;
        package["sku"] = json!(sku);
        assert_eq!(submit(&world, &package).await["code"], code, "{item}");
    }
}
