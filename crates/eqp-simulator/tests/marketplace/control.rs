//! Tests of the control API over HTTP, as other languages use it.

use eqp_simulator::{Simulator, SimulatorBuilder};
use reqwest::Method;
use serde_json::{Value, json};

use eqp_test_support::marketplace::{CallbackRecorder, TestMarketplace, answer};

/// Returns a builder with a speed at which nothing happens during a test.
fn still() -> SimulatorBuilder {
    Simulator::builder().speed(0.001)
}

/// Submits a package after ending the scans of its files through the control API.
async fn in_review() -> (TestMarketplace, String) {
    let harness = TestMarketplace::of(still()).await;
    let package = harness.complete_package("item", "badges.zip").await;
    for file in harness.admin_get("/files").await["files"].as_array().unwrap() {
        let path = format!("/files/{}/scan", file["file_upload_id"].as_str().unwrap());
        assert_eq!(harness.admin_post(&path, json!({"result": "passed"})).await["malware_status"], "pass");
    }
    let submission = harness.create(package).await;
    (harness, submission)
}

#[tokio::test]
async fn requests_without_the_token_are_refused() {
    let harness = TestMarketplace::new().await;
    let url = format!("{}/simulator/v1/packages", harness.simulator.base_url());
    for request in [harness.http.get(&url), harness.http.get(&url).bearer_auth(&harness.token)] {
        let refused = answer(request).await;
        assert_eq!((refused.status, &refused.body["status"]), (401, &json!(401)));
        assert_eq!(refused.headers["content-type"], "application/problem+json");
    }
}

#[tokio::test]
async fn a_review_is_moved_step_by_step_or_to_its_end() {
    let (harness, submission) = in_review().await;
    let path = format!("/packages/{submission}");
    assert_eq!(
        harness.admin_get(&path).await["next_step"],
        json!({"technical": "technical_queued", "marketing": "marketing_started"})
    );
    let moved = harness.admin_post(&format!("{path}/advance"), json!({"flow": "technical"})).await;
    assert_eq!(moved["eqp_status"]["technical"], "awaiting_manual_qa");
    let moved = harness.admin_post(&format!("{path}/advance"), json!({"flow": "technical", "to": "end"})).await;
    assert_eq!(moved["eqp_status"]["technical"], "approved");
    harness.admin_post("/packages/item/advance", json!({"flow": "marketing", "to": "end"})).await;
    let live = harness.admin_post(&format!("{path}/step"), json!({"step": "launched"})).await;
    assert_eq!(live["eqp_status"]["overall"], "released_to_store");
    let gone = harness.admin_post(&format!("{path}/step"), json!({"step": "removed_by_admin"})).await;
    assert_eq!(gone["eqp_status"]["overall"], "admin_removed_from_store");
    let refused = harness.admin(Method::POST, &format!("{path}/step"), Some(json!({"step": "launched"}))).await;
    assert_eq!(refused.status, 409);
}

#[tokio::test]
async fn a_decision_has_reasons_that_the_report_shows() {
    let (harness, submission) = in_review().await;
    let path = format!("/packages/{submission}");
    let decision =
        json!({"flow": "marketing", "decision": "rejected", "reasons": ["No icon", "Too short"], "message": "Sorry"});
    assert_eq!(harness.admin_post(&format!("{path}/decision"), decision).await["eqp_status"]["marketing"], "rejected");
    let later = json!({"flow": "technical", "decision": "rejected", "reasons": ["Line too long"], "when": "later"});
    assert_eq!(
        harness.admin_post(&format!("{path}/decision"), later).await["eqp_status"]["technical"],
        "in_automation"
    );
    harness.admin_post(&format!("{path}/advance"), json!({"flow": "technical", "to": "end"})).await;
    let mut reasons = Vec::new();
    for run in harness.get(&format!("/products/packages/{submission}/status")).await.body.as_array().unwrap() {
        let (tool, id) = (run["name"].as_str().unwrap(), run["tool_run_id"].as_str().unwrap());
        let report = harness.get(&format!("/products/packages/{submission}/status/{tool}/{id}")).await.body;
        if run["status"] == "fail" {
            reasons.push((tool.to_owned(), report["reports"]["details"].clone()));
        }
    }
    let details = |reasons: Value, message: &str| json!({"reasons": reasons, "message": message, "attachment": null});
    reasons.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(
        reasons,
        [
            (
                "manual_qa".to_owned(),
                details(json!(["Line too long"]), "Please correct what is listed and submit again.")
            ),
            ("marketing".to_owned(), details(json!(["No icon", "Too short"]), "Sorry")),
        ]
    );
}

#[tokio::test]
async fn moving_the_clock_carries_out_due_events() {
    let harness = TestMarketplace::of(still()).await;
    let package = harness.complete_package("item", "badges.zip").await;
    harness.admin_post("/clock", json!({"skip": "1h"})).await;
    let submission = harness.create(package).await;
    let before = harness.admin_get("/clock").await["now"].clone();
    // Each step schedules the next one from its own time.
    for _ in 0..8 {
        harness.admin_post("/clock", json!({"skip": "1h"})).await;
    }
    assert!(harness.admin_get("/clock").await["now"].as_str() > before.as_str());
    harness.admin_get(&format!("/packages/{submission}?overall=released_to_store&wait=20s")).await;
}

#[tokio::test]
async fn callbacks_are_seen_with_their_answers_and_sent_again() {
    let harness = TestMarketplace::of(still()).await;
    let target = CallbackRecorder::start();
    harness.register(&[&target]).await;
    let file = harness.upload_one("a.png", vec![0]).await;
    harness.admin_post(&format!("/files/{file}/scan"), json!({"result": "failed"})).await;
    let seen = harness.admin_get("/callbacks?wait=20s").await["callbacks"][0].clone();
    assert_eq!(
        (&seen["http_status"], &seen["kind"], &seen["resource_id"]),
        (&json!(200), &json!("plain"), &json!(file))
    );
    let body: Value = serde_json::from_str(seen["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["update_info"]["tool_result"], "failed");

    assert_eq!(harness.admin_post("/callbacks/1/resend", json!({})).await["targets"], 1);
    let again = harness.admin_get("/callbacks?after=1&wait=20s").await["callbacks"][0].clone();
    assert_eq!((&again["kind"], &again["body"]), (&json!("duplicate"), &seen["body"]));

    let own = json!({"body": {"callback_event": "my_own", "update_info": {}}, "url": target.url});
    harness.admin_post("/callbacks", own).await;
    assert_eq!(harness.admin_get("/callbacks?after=2&wait=20s").await["callbacks"][0]["callback_event"], "my_own");
    assert_eq!(target.received().len(), 3);
    for (path, body) in [
        ("/callbacks/99/resend", json!({})),
        ("/callbacks", json!({"body": {}, "url": "https://nobody.example/"})),
        ("/callbacks", json!({"body": {}, "mage_id": "MAG000000000"})),
    ] {
        assert_eq!(harness.admin(Method::POST, path, Some(body)).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_callback_of_your_own_is_sent_byte_for_byte() {
    let harness = TestMarketplace::of(still()).await;
    let target = CallbackRecorder::start();
    harness.register(&[&target]).await;
    let body = r#"{"callback_event":  "my_own", "submission_id": 123456789012345678901234567890, "price": 1e400}"#;
    let text: Value = json!("not\u{e9} JSON");
    for (at, sent) in [body, text.to_string().as_str()].into_iter().enumerate() {
        let whole = format!(r#"{{"body": {sent}}}"#);
        let url = format!("{}/simulator/v1/callbacks", harness.simulator.base_url());
        let request = harness.http.post(url).bearer_auth(harness.simulator.control_token().expose()).body(whole);
        assert_eq!(request.send().await.unwrap().status(), 200, "{sent}");
        let seen = harness.admin_get(&format!("/callbacks?after={at}&wait=20s")).await["callbacks"][0].clone();
        let (event, expected) = if at == 0 { ("my_own", body) } else { ("-", text.as_str().unwrap()) };
        assert_eq!((seen["callback_event"].as_str(), seen["body"].as_str()), (Some(event), Some(expected)));
    }
}

#[tokio::test]
async fn faults_are_added_listed_and_removed() {
    let harness = TestMarketplace::new().await;
    let first = harness.admin_post("/faults", json!({"fault": "status=503,html call=files.list nth=1"})).await;
    assert_eq!(
        first,
        json!({"id": 1, "fault": "status=503,html call=files.list nth=1", "matched": 0, "injected": 0, "active": true})
    );
    harness.admin_post("/faults", json!({"fault": "cut call=packages.list"})).await;
    assert_eq!(harness.get("/files/uploads").await.status, 503);
    let listed = harness.admin_get("/faults").await;
    assert_eq!((&listed["faults"][0]["injected"], &listed["faults"][0]["active"]), (&json!(1), &json!(false)));
    assert_eq!(harness.admin(Method::DELETE, "/faults/2", None).await.body["faults"].as_array().unwrap().len(), 1);
    assert_eq!(harness.admin(Method::DELETE, "/faults/2", None).await.status, 404);
    assert_eq!(harness.get("/products/packages").await.status, 200);
    harness.admin(Method::DELETE, "/faults", None).await;
    assert_eq!(harness.admin_get("/").await["faults"], 0);
}

#[tokio::test]
async fn rules_by_name_apply_to_later_uploads_and_submissions() {
    let harness = TestMarketplace::new().await;
    harness.admin_post("/rules/scans", json!({"filename": "guide*", "result": "failed"})).await;
    harness.admin_post("/rules/reviews", json!({"package": "other", "technical": ["rejected"]})).await;
    let file = harness.upload_one("guide.pdf", vec![0]).await;
    let record = harness.admin_get(&format!("/files/{file}?malware_status=fail&wait=20s")).await;
    assert_eq!(record["filename"], "guide.pdf");
    harness.admin_post("/rules/scans", json!({"filename": "guide*", "result": "passed"})).await;
    let submission = harness.create(harness.complete_package("other", "other.zip").await).await;
    harness.admin_get(&format!("/packages/{submission}?technical=rejected&wait=20s")).await;
}

#[tokio::test]
async fn a_reset_begins_anew() {
    let (harness, submission) = in_review().await;
    harness.admin_post("/faults", json!({"fault": "cut"})).await;
    let after = harness.admin_post("/reset", json!({})).await;
    for what in ["files", "packages", "faults"] {
        assert_eq!(after[what], 0, "{what}");
    }
    assert_eq!(harness.get("/products/packages").await.status, 401, "sessions end");
    assert_eq!(harness.admin_get("/accounts").await["accounts"][0]["api_callbacks"], json!([]));
    let token = harness.new_token(json!({"grant_type": "session"})).await.body["ust"].as_str().unwrap().to_owned();
    let harness = TestMarketplace { token, ..harness };
    let package = harness.complete_package("item", "badges.zip").await;
    harness.pass_scans();
    let again = harness.create(package).await;
    assert_eq!(again, submission, "ids begin again");
}

#[tokio::test]
async fn errors_name_the_most_similar_valid_word() {
    let (harness, submission) = in_review().await;
    let package = format!("/packages/{submission}");
    for (path, body, status, nearest) in [
        ("/package", json!({}), 404, json!("/simulator/v1/packages")),
        ("/faults", json!({"fault": "lattency=2s"}), 422, json!("latency")),
        ("/faults", json!({"falt": "cut"}), 422, json!("fault")),
        (&format!("{package}/step"), json!({"step": "launch"}), 422, json!("launched")),
        (&format!("{package}/advance"), json!({"flow": "tecnical"}), 422, json!("technical")),
        (&format!("{package}/decision"), json!({"flow": "technical", "decision": "reject"}), 422, json!("rejected")),
        ("/packages/s0/advance", json!({"flow": "technical"}), 404, json!(null)),
        ("/clock", json!({"skip": "2 hours"}), 422, json!(null)),
        ("/reset/now", json!({}), 404, json!("/simulator/v1/reset")),
    ] {
        let refused = harness.admin(Method::POST, path, Some(body.clone())).await;
        assert_eq!((refused.status, &refused.body["nearest"]), (status, &nearest), "{path} {body}: {}", refused.body);
        assert_eq!(refused.headers["content-type"], "application/problem+json");
        assert!(refused.body["detail"].is_string());
    }
    let unknown = harness.admin(Method::GET, "/packages?ofset=1", None).await;
    assert_eq!(unknown.status, 422);
    assert_eq!(harness.admin(Method::PUT, "/faults", None).await.status, 405);
    let late = harness.admin(Method::GET, &format!("{package}?technical=approved&wait=50ms"), None).await;
    assert_eq!(late.status, 408);
}
