use eqp_simulator::{CallbackList, Simulator};
use eqp_types::UserProfile;
use serde_json::{Value, json};

use eqp_test_support::marketplace::TestMarketplace;

fn entry(url: &str) -> Value {
    json!({"name": "One", "url": url, "username": "key", "password": "hush-hush"})
}

#[tokio::test]
async fn a_registration_is_shown_without_its_password() {
    let harness = TestMarketplace::new().await;
    let body = json!({"api_callbacks": [entry("https://a.example/")]});
    let answer = harness.put(&harness.user_path(), body).await;
    let shown = json!([{"name": "One", "url": "https://a.example/", "username": "key"}]);
    assert_eq!((answer.status, &answer.body["api_callbacks"]), (200, &shown));
    let profile = harness.get(&harness.user_path()).await.body;
    assert_eq!(profile["api_callbacks"], shown);
    assert!(!profile.to_string().contains("hush-hush"));
    assert!(serde_json::from_value::<UserProfile>(profile).unwrap().api_callbacks.unwrap()[0].known().is_some());
}

#[tokio::test]
async fn a_new_list_replaces_the_old_one() {
    let harness = TestMarketplace::new().await;
    for url in ["https://a.example/", "https://b.example/"] {
        harness.put(&harness.user_path(), json!({"api_callbacks": [entry(url)]})).await;
    }
    let urls = harness.simulator.snapshot().accounts[0].callback_urls.clone();
    assert_eq!(urls, ["https://b.example/"]);
}

#[tokio::test]
async fn a_server_that_merges_keeps_the_others() {
    let harness = TestMarketplace::of(Simulator::builder().callback_list(CallbackList::Merge)).await;
    for url in ["https://a.example/", "https://b.example/", "https://a.example/"] {
        harness.put(&harness.user_path(), json!({"api_callbacks": [entry(url)]})).await;
    }
    let urls = harness.simulator.snapshot().accounts[0].callback_urls.clone();
    assert_eq!(urls, ["https://a.example/", "https://b.example/"]);
}

#[tokio::test]
async fn only_what_is_sent_changes() {
    let harness = TestMarketplace::new().await;
    harness.put(&harness.user_path(), json!({"api_callbacks": [entry("https://a.example/")]})).await;
    let before = harness.get(&harness.user_path()).await.body;
    let sent = json!({"screen_name": "new", "mage_id": "MAG9", "colour": "red", "action": "draft",
        "personal_profile": {"bio": "short"}});
    assert_eq!(harness.put(&harness.user_path(), sent).await.status, 200);
    let mut expected = before;
    expected["screen_name"] = json!("new");
    expected["personal_profile"]["bio"] = json!("short");
    assert_eq!(harness.get(&harness.user_path()).await.body, expected);
}

#[tokio::test]
async fn empty_objects_are_spelled_as_lists() {
    let profile = { TestMarketplace::new().await }.get("/users/MAG123456789").await.body;
    assert_eq!(profile["personal_profile"]["social_media_info"], json!([]));
}

#[tokio::test]
async fn a_short_profile_has_no_callbacks() {
    let harness = TestMarketplace::new().await;
    let summary = harness.get(&format!("{}?style=summary", harness.user_path())).await.body;
    assert_eq!(summary["mage_id"], harness.simulator.mage_id().as_str());
    assert!(summary.get("api_callbacks").is_none());
}

#[tokio::test]
async fn a_registration_that_cannot_be_sent_to_changes_nothing() {
    let harness = TestMarketplace::new().await;
    for list in [json!([entry("http://a.example/")]), json!([entry("https://a.example/"), 7]), json!({"0": 1})] {
        let refused = harness.put(&harness.user_path(), json!({"screen_name": "x", "api_callbacks": list})).await;
        assert_eq!((refused.status, &refused.body["code"]), (400, &json!(400)));
    }
    let profile = harness.get(&harness.user_path()).await.body;
    assert_eq!((&profile["api_callbacks"], &profile["screen_name"]), (&json!([]), &json!("adavendor")));
    assert_eq!(harness.put(&harness.user_path(), json!({"action": "explode"})).await.status, 400);
}
