use eqp_simulator::{Scan, Script, Simulator};
use eqp_types::{FileRecord, UploadedFile};
use reqwest::Method;
use serde_json::json;

use eqp_test_support::marketplace::{PATIENCE, TestMarketplace, answer, part, zip};

#[tokio::test]
async fn both_spellings_of_parts_are_answered_in_their_order() {
    let harness = TestMarketplace::new().await;
    for names in [["file[]", "file[]"], ["file[0]", "file[1]"]] {
        let parts = vec![(names[0], part("b.zip", zip("a/b", "1"))), (names[1], part("a.png", vec![1, 2, 3]))];
        let answer = harness.upload(parts).await;
        let files: Vec<UploadedFile> = serde_json::from_value(answer.body).unwrap();
        let names: Vec<_> = files.iter().map(|file| file.filename.as_deref().unwrap()).collect();
        assert_eq!((names.as_slice(), files[1].size), (["b.zip", "a.png"].as_slice(), Some(3)));
        assert_eq!(files[1].content_type.as_deref(), Some("image/png"));
    }
}

#[tokio::test]
async fn a_checksum_appears_once_the_scan_passed() {
    let harness = TestMarketplace::of(Simulator::builder().script(Script::new().scan("*", Scan::NeverEnds))).await;
    let id = harness.upload_one("guide.pdf", b"hello".to_vec()).await;
    let path = format!("/files/uploads/{id}");
    let record = harness.get(&path).await.body;
    assert_eq!((&record["malware_status"], &record["file_hash"]), (&json!("in-progress"), &json!(null)));
    harness.simulator.end_scan(&id.parse().unwrap(), true).unwrap();
    let record = harness.get(&path).await.body;
    assert_eq!(record["malware_status"], "pass");
    assert_eq!(record["file_hash"], "5d41402abc4b2a76b9719d911017c592");
    serde_json::from_value::<FileRecord>(record).unwrap();
}

#[tokio::test]
async fn a_scan_fails_by_the_files_name() {
    let harness =
        TestMarketplace::of(Simulator::builder().speed(600.0).script(Script::new().scan("bad*", Scan::Fails))).await;
    let id = harness.upload_one("bad.zip", zip("a/b", "1")).await;
    let failed = |snapshot: &eqp_simulator::Snapshot| snapshot.file(&id).unwrap().malware_status.has_failed();
    harness.simulator.wait_until(PATIENCE, failed).await.unwrap();
    let record = harness.get(&format!("/files/uploads/{id}")).await.body;
    assert_eq!((&record["malware_status"], &record["file_hash"]), (&json!("fail"), &json!(null)));
}

#[tokio::test]
async fn lists_come_in_pages_with_the_total() {
    let harness = TestMarketplace::new().await;
    for number in 0..3 {
        harness.upload_one(&format!("{number}.png"), vec![0]).await;
    }
    let page = harness.get("/files/uploads/?offset=1&limit=1").await;
    assert_eq!(page.headers["x-total-count"], "3");
    assert_eq!(page.body.as_array().unwrap().len(), 1);
    assert_eq!(page.body[0]["filename"], "1.png");
}

#[tokio::test]
async fn files_that_are_too_large_or_of_another_type_are_refused() {
    let harness = TestMarketplace::new().await;
    let too_large = harness.upload(vec![("file[]", part("a.png", vec![0; 5 * 1024 * 1024 + 1]))]).await;
    assert_eq!((too_large.status, &too_large.body["code"]), (413, &json!(413)));
    for parts in [
        vec![("file[]", part("a.exe", vec![0]))],
        vec![("other", part("a.png", vec![0]))],
        vec![("file[]", part("a.png", vec![0])), ("file[]", part("b.exe", vec![0]))],
    ] {
        assert_eq!(harness.upload(parts).await.status, 400);
    }
    assert_eq!(harness.get("/files/uploads").await.headers["x-total-count"], "0");
}

#[tokio::test]
async fn a_body_that_is_not_multipart_is_refused() {
    let harness = TestMarketplace::new().await;
    let request = || harness.http.post(harness.url("/files/uploads")).bearer_auth(&harness.token);
    let broken = request().header("content-type", "multipart/form-data; boundary=x").body("--x\r\nbroken");
    for request in [request().json(&json!([])), broken] {
        assert_eq!(answer(request).await.status, 400);
    }
}

#[tokio::test]
async fn an_upload_with_an_expired_token_is_refused() {
    let harness = TestMarketplace::new().await;
    harness.simulator.end_sessions();
    assert_eq!(harness.upload(vec![("file[]", part("a.zip", vec![7; 20 * 1024 * 1024]))]).await.status, 401);
}

#[tokio::test]
async fn the_legacy_deletion_spares_what_is_in_the_store() {
    let harness = TestMarketplace::new().await;
    let submission = harness.create(harness.complete_package("item", "badges.zip").await).await;
    harness.until(&submission, "released_to_store/approved/approved").await;
    let id = harness.get("/files/uploads").await.body[0]["file_upload_id"].as_str().unwrap().to_owned();
    let kept = harness.call(Method::DELETE, &format!("/files/uploads/{id}"), None).await.body;
    assert_eq!((&kept[0]["submission_id"], &kept[0]["code"]), (&json!(submission), &json!(1500)));
    let free = harness.upload_one("free.png", vec![0]).await;
    let path = format!("/files/uploads/{free}");
    assert_eq!(harness.call(Method::DELETE, &path, None).await.body, json!([]));
    assert_eq!(harness.get(&path).await.status, 404);
}
