use std::time::Duration;

use eqp_simulator::Simulator;
use eqp_types::{ApiKey, MageId, Secret};
use serde_json::json;

use eqp_test_support::marketplace::{PATIENCE, TestMarketplace, answer};

#[tokio::test]
async fn a_token_is_granted_for_the_access_key() {
    let harness = TestMarketplace::new().await;
    let granted = harness.new_token(json!({"grant_type": "session", "expires_in": 60})).await;
    assert_eq!((granted.status, &granted.body["expires_in"]), (200, &json!(60)));
    assert_eq!(granted.body["mage_id"], harness.simulator.mage_id().as_str());
    assert_ne!(granted.body["ust"], harness.token, "several tokens live at once");
    assert_eq!(harness.get("/files/uploads").await.status, 200);
}

#[tokio::test]
async fn a_long_life_is_capped_silently() {
    let harness = TestMarketplace::new().await;
    for request in [json!({"grant_type": "session", "expires_in": 999_999}), json!({"grant_type": "session"})] {
        let granted = harness.new_token(request).await;
        assert_eq!((granted.status, &granted.body["expires_in"]), (200, &json!(7200)));
    }
}

#[tokio::test]
async fn a_wrong_key_and_a_wrong_grant_are_refused() {
    let harness = TestMarketplace::new().await;
    assert_eq!(harness.new_token(json!({"grant_type": "password"})).await.status, 400);
    let url = harness.url("/app/session/token");
    let id = harness.simulator.api_key().application_id.clone();
    for request in [
        harness.http.post(&url).basic_auth(&id, Some("wrong")),
        harness.http.post(&url).basic_auth("wrong", Some("wrong")),
        harness.http.post(&url),
        harness.http.post(&url).header("authorization", "Basic %%%"),
    ] {
        let refused = answer(request.json(&json!({"grant_type": "session"}))).await;
        assert_eq!((refused.status, &refused.body["code"]), (401, &json!(401)));
        assert!(refused.body["message"].is_string());
    }
}

#[tokio::test]
async fn the_older_path_works_too() {
    let harness = TestMarketplace::new().await;
    let key = harness.simulator.api_key();
    let request = harness.http.post(harness.url("/apps/session/token"));
    let request = request.basic_auth(&key.application_id, Some(key.application_secret.expose()));
    assert_eq!(answer(request.json(&json!({"grant_type": "session"}))).await.status, 200);
}

#[tokio::test]
async fn a_token_expires() {
    let harness = TestMarketplace::of(Simulator::builder().longest_token_life(Duration::from_secs(1))).await;
    let expired = async {
        while harness.get("/files/uploads").await.status != 401 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, expired).await.unwrap();
}

#[tokio::test]
async fn a_token_opens_only_its_own_account() {
    let account = |name: &str| {
        let api_key = ApiKey { application_id: name.into(), application_secret: Secret::new("hush") };
        (MageId::new(name).unwrap(), api_key)
    };
    let (first, second) = (account("MAG1"), account("MAG2"));
    let harness = TestMarketplace::of(Simulator::builder().account(first.0, first.1).account(second.0, second.1)).await;
    assert_eq!(harness.get("/users/MAG1").await.status, 200);
    assert_eq!(harness.get("/users/MAG2").await.status, 403);
}

#[tokio::test]
async fn every_session_can_be_ended_early() {
    let harness = TestMarketplace::new().await;
    harness.simulator.end_sessions();
    assert_eq!(harness.get(&harness.user_path()).await.status, 401);
}
