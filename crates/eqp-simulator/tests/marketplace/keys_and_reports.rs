use eqp_types::ComposerKeys;
use reqwest::Method;
use serde_json::json;

use eqp_test_support::marketplace::TestMarketplace;

#[tokio::test]
async fn a_composer_key_is_made_changed_and_removed() {
    let harness = TestMarketplace::new().await;
    let keys = format!("{}/keys", harness.user_path());
    let made = harness.post(&keys, json!({"m2": [{"label": "build server"}, {}]})).await.body;
    assert_eq!((&made["m2"][0]["code"], &made["m2"][1]["code"]), (&json!(200), &json!(400)));
    let one = format!("{keys}/build%20server");
    let changed = harness.put(&one, json!({"m2": [{"is_enabled": false}]})).await.body;
    assert!(changed["m2"][0].get("code").is_none());
    let listed: ComposerKeys = serde_json::from_value(harness.get(&format!("{keys}?type=m2")).await.body).unwrap();
    assert_eq!((listed.m2.len(), listed.m2[0].is_enabled), (1, Some(false)));
    assert_eq!(harness.call(Method::DELETE, &one, None).await.status, 204);
    assert_eq!(harness.call(Method::DELETE, &one, None).await.status, 404);
}

#[tokio::test]
async fn reports_are_answered() {
    let harness = TestMarketplace::new().await;
    for (path, status) in [
        (format!("{}/reports/sales", harness.user_path()), 200),
        (format!("{}/reports/unknown", harness.user_path()), 404),
        ("/reports/metrics".to_owned(), 200),
        ("/reports/metrics/eqp_review_time".to_owned(), 200),
    ] {
        assert_eq!(harness.get(&path).await.status, status, "{path}");
    }
}
