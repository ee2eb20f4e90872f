//! Tests of both spellings, which the same types parse.

use eqp_simulator::{Empty, Simulator, Spelling};
use eqp_types::{Callback, FileRecord, Package, UploadedFile, UserProfile};
use serde_json::{Value, json};

use eqp_test_support::marketplace::{CallbackRecorder, PATIENCE, TestMarketplace, part};

#[tokio::test]
async fn the_other_spelling_is_used_everywhere() {
    let harness = TestMarketplace::of(Simulator::builder().speed(600.0).spelling(Spelling::Other)).await;
    let target = CallbackRecorder::start();
    harness.register(&[&target]).await;
    let uploaded = harness.upload(vec![("file[]", part("a.png", vec![0]))]).await.body;
    assert!(uploaded[0].get("content-type").is_some() && uploaded[0].get("content_type").is_none(), "{uploaded}");
    let file: Vec<UploadedFile> = serde_json::from_value(uploaded).unwrap();
    assert_eq!(file[0].content_type.as_deref(), Some("image/png"));
    let submission = harness.create(harness.complete_package("item", "badges.zip").await).await;
    harness.until(&submission, "released_to_store/approved/approved").await;
    let view = harness.get(&format!("/products/packages/{submission}")).await.body;
    assert_eq!(view["actions_now_available"], "draft,remove,submit");
    assert_eq!(view["artifact"]["malware_status"], "passed");
    assert_eq!(serde_json::from_value::<Package>(view).unwrap().item_id.unwrap().as_str(), "item");
    // Two callbacks of the submission, five of the reviews, one of the release, four of scans.
    harness.simulator.wait_until(PATIENCE, |snapshot| snapshot.sent.len() == 12).await.unwrap();
    let bodies: Vec<Value> = target.received().into_iter().map(|(_, body)| body).collect();
    for body in &bodies {
        let info = &body["update_info"];
        assert!(info.get("current_status").is_none(), "{body}");
        assert!(info["eqp_state"].is_string() || info["tool_result"] == "pass", "{body}");
        match Callback::decode(body.to_string().as_bytes()).unwrap() {
            Callback::EqpStatusUpdate(update) => assert!(update.explicit_status().is_some()),
            Callback::MalwareScanComplete(scan) => assert!(scan.tool_result.has_passed()),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn empty_objects_come_in_every_form_known() {
    for (empty, written) in [
        (Empty::List, Some(json!([]))),
        (Empty::Object, Some(json!({}))),
        (Empty::Null, Some(json!(null))),
        (Empty::Text, Some(json!(""))),
        (Empty::Absent, None),
    ] {
        let harness = TestMarketplace::of(Simulator::builder().empty(empty)).await;
        let profile = harness.get(&harness.user_path()).await.body;
        assert_eq!(profile["personal_profile"].get("social_media_info"), written.as_ref(), "{empty:?}");
        let read: UserProfile = serde_json::from_value(profile).unwrap();
        assert_eq!(read.screen_name.as_deref(), Some("adavendor"));
        let submission = harness.create(json!({"type": "extension", "name": "A"})).await;
        let view = harness.get(&format!("/products/packages/{submission}")).await.body;
        assert_eq!(view.get("max_version_launched"), written.as_ref(), "{empty:?}");
        serde_json::from_value::<Package>(view).unwrap();
        let file = harness.upload_one("a.png", vec![0]).await;
        let record = harness.get(&format!("/files/uploads/{file}")).await.body;
        serde_json::from_value::<FileRecord>(record).unwrap();
    }
}
