//! The control API, through HTTP as any language uses it.

use eqp_simulator::{Simulator, SimulatorBuilder};
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Answer, Target, World, answer};

impl World {
    async fn control(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let url = format!("{}/simulator/v1{path}", self.simulator.base_url());
        let mut request = self.http.request(method, url).bearer_auth(self.simulator.control_token().expose());
        if let Some(body) = body {
            request = request.json(&body);
        }
        answer(request).await
    }

    async fn look(&self, path: &str) -> Value {
        let answer = self.control(Method::GET, path, None).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    async fn steer(&self, path: &str, body: Value) -> Value {
        let answer = self.control(Method::POST, path, Some(body)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }
}

/// So slow that nothing happens by itself.
fn still() -> SimulatorBuilder {
    Simulator::builder().speed(0.001)
}

/// A submitted package, all its files found clean through the control API.
async fn in_review() -> (World, String) {
    let world = World::of(still()).await;
    let package = world.complete_package("item", "badges.zip").await;
    for file in world.look("/files").await["files"].as_array().unwrap() {
        let path = format!("/files/{}/scan", file["file_upload_id"].as_str().unwrap());
        assert_eq!(world.steer(&path, json!({"outcome": "passed"})).await["malware_status"], "pass");
    }
    let submission = world.create(package).await;
    (world, submission)
}

#[tokio::test]
async fn nobody_gets_in_without_the_token() {
    let world = World::new().await;
    let url = format!("{}/simulator/v1/packages", world.simulator.base_url());
    for request in [world.http.get(&url), world.http.get(&url).bearer_auth(&world.token)] {
        let refused = answer(request).await;
        assert_eq!((refused.status, &refused.body["status"]), (401, &json!(401)));
        assert_eq!(refused.headers["content-type"], "application/problem+json");
    }
}

#[tokio::test]
async fn a_review_is_moved_step_by_step_or_to_its_end() {
    let (world, submission) = in_review().await;
    let path = format!("/packages/{submission}");
    assert_eq!(
        world.look(&path).await["next_step"],
        json!({"technical": "technical_queued", "marketing": "marketing_started"})
    );
    let moved = world.steer(&format!("{path}/advance"), json!({"flow": "technical"})).await;
    assert_eq!(moved["eqp_status"]["technical"], "awaiting_manual_qa");
    let moved = world.steer(&format!("{path}/advance"), json!({"flow": "technical", "to": "end"})).await;
    assert_eq!(moved["eqp_status"]["technical"], "approved");
    world.steer("/packages/item/advance", json!({"flow": "marketing", "to": "end"})).await;
    let live = world.steer(&format!("{path}/step"), json!({"step": "launched"})).await;
    assert_eq!(live["eqp_status"]["overall"], "released_to_store");
    let gone = world.steer(&format!("{path}/step"), json!({"step": "removed_by_admin"})).await;
    assert_eq!(gone["eqp_status"]["overall"], "admin_removed_from_store");
    let refused = world.control(Method::POST, &format!("{path}/step"), Some(json!({"step": "launched"}))).await;
    assert_eq!(refused.status, 409);
}

#[tokio::test]
async fn an_outcome_is_set_with_reasons_that_the_report_tells() {
    let (world, submission) = in_review().await;
    let path = format!("/packages/{submission}");
    let wish =
        json!({"flow": "marketing", "outcome": "rejected", "reasons": ["No icon", "Too short"], "message": "Sorry"});
    assert_eq!(world.steer(&format!("{path}/outcome"), wish).await["eqp_status"]["marketing"], "rejected");
    let later = json!({"flow": "technical", "outcome": "rejected", "reasons": ["Line too long"], "when": "later"});
    assert_eq!(world.steer(&format!("{path}/outcome"), later).await["eqp_status"]["technical"], "in_automation");
    world.steer(&format!("{path}/advance"), json!({"flow": "technical", "to": "end"})).await;
    let mut reasons = Vec::new();
    for run in world.get(&format!("/products/packages/{submission}/status")).await.body.as_array().unwrap() {
        let (tool, id) = (run["name"].as_str().unwrap(), run["tool_run_id"].as_str().unwrap());
        let report = world.get(&format!("/products/packages/{submission}/status/{tool}/{id}")).await.body;
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
async fn moving_the_clock_lets_happen_what_is_due() {
    let world = World::of(still()).await;
    let package = world.complete_package("item", "badges.zip").await;
    world.steer("/clock", json!({"skip": "1h"})).await;
    let submission = world.create(package).await;
    let before = world.look("/clock").await["now"].clone();
    // Each step schedules the next one from its own time.
    for _ in 0..8 {
        world.steer("/clock", json!({"skip": "1h"})).await;
    }
    assert!(world.look("/clock").await["now"].as_str() > before.as_str());
    world.look(&format!("/packages/{submission}?overall=released_to_store&wait=20s")).await;
}

#[tokio::test]
async fn callbacks_are_seen_with_their_answers_and_sent_again() {
    let world = World::of(still()).await;
    let target = Target::new();
    world.register(&[&target]).await;
    let file = world.upload_one("a.png", vec![0]).await;
    world.steer(&format!("/files/{file}/scan"), json!({"outcome": "failed"})).await;
    let seen = world.look("/callbacks?wait=20s").await["callbacks"][0].clone();
    assert_eq!((&seen["status"], &seen["kind"], &seen["subject"]), (&json!(200), &json!("plain"), &json!(file)));
    let body: Value = serde_json::from_str(seen["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["update_info"]["tool_result"], "failed");

    assert_eq!(world.steer("/callbacks/1/resend", json!({})).await["targets"], 1);
    let again = world.look("/callbacks?after=1&wait=20s").await["callbacks"][0].clone();
    assert_eq!((&again["kind"], &again["body"]), (&json!("copy"), &seen["body"]));

    let own = json!({"body": {"callback_event": "my_own", "update_info": {}}, "url": target.url});
    world.steer("/callbacks", own).await;
    assert_eq!(world.look("/callbacks?after=2&wait=20s").await["callbacks"][0]["callback_event"], "my_own");
    assert_eq!(target.received().len(), 3);
    for (path, body) in [
        ("/callbacks/99/resend", json!({})),
        ("/callbacks", json!({"body": {}, "url": "https://nobody.example/"})),
        ("/callbacks", json!({"body": {}, "mage_id": "MAG000000000"})),
    ] {
        assert_eq!(world.control(Method::POST, path, Some(body)).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn faults_are_put_in_force_looked_at_and_taken_back() {
    let world = World::new().await;
    let first = world.steer("/faults", json!({"fault": "status=503,html call=files.list nth=1"})).await;
    assert_eq!(
        first,
        json!({"id": 1, "fault": "status=503,html call=files.list nth=1", "fitted": 0, "struck": 0, "waits": true})
    );
    world.steer("/faults", json!({"fault": "cut call=packages.list"})).await;
    assert_eq!(world.get("/files/uploads").await.status, 503);
    let listed = world.look("/faults").await;
    assert_eq!((&listed["faults"][0]["struck"], &listed["faults"][0]["waits"]), (&json!(1), &json!(false)));
    assert_eq!(world.control(Method::DELETE, "/faults/2", None).await.body["faults"].as_array().unwrap().len(), 1);
    assert_eq!(world.control(Method::DELETE, "/faults/2", None).await.status, 404);
    assert_eq!(world.get("/products/packages").await.status, 200);
    world.control(Method::DELETE, "/faults", None).await;
    assert_eq!(world.look("/").await["faults"], 0);
}

#[tokio::test]
async fn rules_by_name_hold_for_what_comes() {
    let world = World::new().await;
    world.steer("/rules/scans", json!({"filename": "guide*", "outcome": "failed"})).await;
    world.steer("/rules/reviews", json!({"subject": "other", "technical": ["rejected"]})).await;
    let file = world.upload_one("guide.pdf", vec![0]).await;
    let record = world.look(&format!("/files/{file}?malware_status=fail&wait=20s")).await;
    assert_eq!(record["filename"], "guide.pdf");
    world.steer("/rules/scans", json!({"filename": "guide*", "outcome": "passed"})).await;
    let submission = world.create(world.complete_package("other", "other.zip").await).await;
    world.look(&format!("/packages/{submission}?technical=rejected&wait=20s")).await;
}

#[tokio::test]
async fn a_reset_begins_anew() {
    let (world, submission) = in_review().await;
    world.steer("/faults", json!({"fault": "cut"})).await;
    let after = world.steer("/reset", json!({})).await;
    for what in ["files", "packages", "faults"] {
        assert_eq!(after[what], 0, "{what}");
    }
    assert_eq!(world.get("/products/packages").await.status, 401, "sessions end");
    assert_eq!(world.look("/accounts").await["accounts"][0]["api_callbacks"], json!([]));
    let token = world.new_token(json!({"grant_type": "session"})).await.body["ust"].as_str().unwrap().to_owned();
    let world = World { token, ..world };
    let package = world.complete_package("item", "badges.zip").await;
    world.pass_scans();
    let again = world.create(package).await;
    assert_eq!(again, submission, "ids begin again");
}

#[tokio::test]
async fn refusals_name_the_nearest_right_word() {
    let (world, submission) = in_review().await;
    let package = format!("/packages/{submission}");
    for (path, body, status, nearest) in [
        ("/package", json!({}), 404, json!("/simulator/v1/packages")),
        ("/faults", json!({"fault": "lattency=2s"}), 422, json!("latency")),
        ("/faults", json!({"falt": "cut"}), 422, json!("fault")),
        (&format!("{package}/step"), json!({"step": "launch"}), 422, json!("launched")),
        (&format!("{package}/advance"), json!({"flow": "tecnical"}), 422, json!("technical")),
        (&format!("{package}/outcome"), json!({"flow": "technical", "outcome": "reject"}), 422, json!("rejected")),
        ("/packages/s0/advance", json!({"flow": "technical"}), 404, json!(null)),
        ("/clock", json!({"skip": "2 hours"}), 422, json!(null)),
        ("/reset/now", json!({}), 404, json!("/simulator/v1/reset")),
    ] {
        let refused = world.control(Method::POST, path, Some(body.clone())).await;
        assert_eq!((refused.status, &refused.body["nearest"]), (status, &nearest), "{path} {body}: {}", refused.body);
        assert_eq!(refused.headers["content-type"], "application/problem+json");
        assert!(refused.body["detail"].is_string());
    }
    let unknown = world.control(Method::GET, "/packages?ofset=1", None).await;
    assert_eq!(unknown.status, 422);
    assert_eq!(world.control(Method::PUT, "/faults", None).await.status, 405);
    let late = world.control(Method::GET, &format!("{package}?technical=approved&wait=50ms"), None).await;
    assert_eq!(late.status, 408);
}
