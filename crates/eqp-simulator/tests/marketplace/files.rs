use eqp_simulator::{Scan, Script, Simulator};
use eqp_types::{FileRecord, UploadedFile};
use reqwest::Method;
use serde_json::json;

use crate::world::{PATIENCE, World, answer, part, zip};

#[tokio::test]
async fn both_spellings_of_parts_are_answered_in_their_order() {
    let world = World::new().await;
    for names in [["file[]", "file[]"], ["file[0]", "file[1]"]] {
        let parts = vec![(names[0], part("b.zip", zip("a/b", "1"))), (names[1], part("a.png", vec![1, 2, 3]))];
        let answer = world.upload(parts).await;
        let files: Vec<UploadedFile> = serde_json::from_value(answer.body).unwrap();
        let names: Vec<_> = files.iter().map(|file| file.filename.as_deref().unwrap()).collect();
        assert_eq!((names.as_slice(), files[1].size), (["b.zip", "a.png"].as_slice(), Some(3)));
        assert_eq!(files[1].content_type.as_deref(), Some("image/png"));
    }
}

#[tokio::test]
async fn a_checksum_appears_once_the_scan_passed() {
    let world = World::of(Simulator::builder().script(Script::new().scan("*", Scan::NeverEnds))).await;
    let id = world.upload_one("guide.pdf", b"hello".to_vec()).await;
    let path = format!("/files/uploads/{id}");
    let record = world.get(&path).await.body;
    assert_eq!((&record["malware_status"], &record["file_hash"]), (&json!("in-progress"), &json!(null)));
    world.simulator.end_scan(&id.parse().unwrap(), true).unwrap();
    let record = world.get(&path).await.body;
    assert_eq!(record["malware_status"], "pass");
    assert_eq!(record["file_hash"], "5d41402abc4b2a76b9719d911017c592");
    serde_json::from_value::<FileRecord>(record).unwrap();
}

#[tokio::test]
async fn a_scan_fails_by_the_files_name() {
    let world = World::of(Simulator::builder().speed(600.0).script(Script::new().scan("bad*", Scan::Fails))).await;
    let id = world.upload_one("bad.zip", zip("a/b", "1")).await;
    let failed = |snapshot: &eqp_simulator::Snapshot| snapshot.file(&id).unwrap().malware_status.has_failed();
    world.simulator.wait_until(PATIENCE, failed).await.unwrap();
    let record = world.get(&format!("/files/uploads/{id}")).await.body;
    assert_eq!((&record["malware_status"], &record["file_hash"]), (&json!("fail"), &json!(null)));
}

#[tokio::test]
async fn lists_come_in_pages_with_the_total() {
    let world = World::new().await;
    for number in 0..3 {
        world.upload_one(&format!("{number}.png"), vec![0]).await;
    }
    let page = world.get("/files/uploads/?offset=1&limit=1").await;
    assert_eq!(page.headers["x-total-count"], "3");
    assert_eq!(page.body.as_array().unwrap().len(), 1);
    assert_eq!(page.body[0]["filename"], "1.png");
}

#[tokio::test]
async fn what_is_too_large_or_of_another_type_is_refused() {
    let world = World::new().await;
    let too_large = world.upload(vec![("file[]", part("a.png", vec![0; 5 * 1024 * 1024 + 1]))]).await;
    assert_eq!((too_large.status, &too_large.body["code"]), (413, &json!(413)));
    for parts in [
        vec![("file[]", part("a.exe", vec![0]))],
        vec![("other", part("a.png", vec![0]))],
        vec![("file[]", part("a.png", vec![0])), ("file[]", part("b.exe", vec![0]))],
    ] {
        assert_eq!(world.upload(parts).await.status, 400);
    }
    assert_eq!(world.get("/files/uploads").await.headers["x-total-count"], "0");
}

#[tokio::test]
async fn a_body_that_is_no_multipart_is_refused() {
    let world = World::new().await;
    let request = || world.http.post(world.url("/files/uploads")).bearer_auth(&world.token);
    let broken = request().header("content-type", "multipart/form-data; boundary=x").body("--x\r\nbroken");
    for request in [request().json(&json!([])), broken] {
        assert_eq!(answer(request).await.status, 400);
    }
}

#[tokio::test]
async fn an_upload_with_a_dead_token_hears_so() {
    let world = World::new().await;
    world.simulator.end_sessions();
    assert_eq!(world.upload(vec![("file[]", part("a.zip", vec![7; 20 * 1024 * 1024]))]).await.status, 401);
}

#[tokio::test]
async fn the_legacy_deletion_spares_what_is_in_the_store() {
    let world = World::new().await;
    let submission = world.create(world.complete_package("item", "badges.zip").await).await;
    world.until(&submission, "released_to_store/approved/approved").await;
    let id = world.get("/files/uploads").await.body[0]["file_upload_id"].as_str().unwrap().to_owned();
    let kept = world.call(Method::DELETE, &format!("/files/uploads/{id}"), None).await.body;
    assert_eq!((&kept[0]["submission_id"], &kept[0]["code"]), (&json!(submission), &json!(1500)));
    let free = world.upload_one("free.png", vec![0]).await;
    let path = format!("/files/uploads/{free}");
    assert_eq!(world.call(Method::DELETE, &path, None).await.body, json!([]));
    assert_eq!(world.get(&path).await.status, 404);
}
