//! Both forms of everything, read by the same types.

use eqp_simulator::{Empty, Simulator, Spelling};
use eqp_types::{Callback, FileRecord, Package, UploadedFile, UserProfile};
use serde_json::{Value, json};

use crate::world::{PATIENCE, Target, World, part};

#[tokio::test]
async fn the_other_spelling_is_used_everywhere() {
    let world = World::of(Simulator::builder().speed(600.0).spelling(Spelling::Other)).await;
    let target = Target::new();
    world.register(&[&target]).await;
    let uploaded = world.upload(vec![("file[]", part("a.png", vec![0]))]).await.body;
    assert!(uploaded[0].get("content-type").is_some() && uploaded[0].get("content_type").is_none(), "{uploaded}");
    let file: Vec<UploadedFile> = serde_json::from_value(uploaded).unwrap();
    assert_eq!(file[0].content_type.as_deref(), Some("image/png"));
    let submission = world.create(world.complete_package("item", "badges.zip").await).await;
    world.until(&submission, "released_to_store/approved/approved").await;
    let view = world.get(&format!("/products/packages/{submission}")).await.body;
    assert_eq!(view["actions_now_available"], "draft,remove,submit");
    assert_eq!(view["artifact"]["malware_status"], "passed");
    assert_eq!(serde_json::from_value::<Package>(view).unwrap().item_id.unwrap().as_str(), "item");
    // Two of the submission, five of the reviews, one of the release, four scans.
    world.simulator.wait_until(PATIENCE, |snapshot| snapshot.sent.len() == 12).await.unwrap();
    let bodies: Vec<Value> = target.received().into_iter().map(|(_, body)| body).collect();
    for body in &bodies {
        let info = &body["update_info"];
        assert!(info.get("current_status").is_none(), "{body}");
        assert!(info["eqp_state"].is_string() || info["tool_result"] == "pass", "{body}");
        match Callback::decode(body.to_string().as_bytes()).unwrap() {
            Callback::EqpStatusUpdate(update) => assert!(update.named_outcome().is_some()),
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
        let world = World::of(Simulator::builder().empty(empty)).await;
        let profile = world.get(&world.user_path()).await.body;
        assert_eq!(profile["personal_profile"].get("social_media_info"), written.as_ref(), "{empty:?}");
        let read: UserProfile = serde_json::from_value(profile).unwrap();
        assert_eq!(read.screen_name.as_deref(), Some("adavendor"));
        let submission = world.create(json!({"type": "extension", "name": "A"})).await;
        let view = world.get(&format!("/products/packages/{submission}")).await.body;
        assert_eq!(view.get("max_version_launched"), written.as_ref(), "{empty:?}");
        serde_json::from_value::<Package>(view).unwrap();
        let file = world.upload_one("a.png", vec![0]).await;
        let record = world.get(&format!("/files/uploads/{file}")).await.body;
        serde_json::from_value::<FileRecord>(record).unwrap();
    }
}
