//! Tests of the faults of calls.

use std::time::{Duration, Instant};

use eqp_simulator::{CallMatcher, Fault, FaultRule, Script, Simulator};
use http::StatusCode;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use eqp_test_support::marketplace::TestMarketplace;

/// Starts a simulator whose script has these rules, which apply only after the first session token.
async fn broken(rules: &[&str]) -> TestMarketplace {
    let harness = TestMarketplace::new().await;
    for rule in rules {
        harness.simulator.add_fault(rule.parse().unwrap());
    }
    harness
}

async fn raw(harness: &TestMarketplace, path: &str) -> reqwest::Result<Response> {
    harness.http.get(harness.url(path)).bearer_auth(&harness.token).send().await
}

fn draft(name: &str) -> Value {
    json!([{"type": "extension", "platform": "M2", "name": name, "version": "1.0.0", "long_description": "x"}])
}

#[tokio::test]
async fn an_answer_comes_late() {
    let harness = broken(&["latency=300ms call=files.list nth=1"]).await;
    let begun = Instant::now();
    assert_eq!(harness.get("/files/uploads").await.status, 200);
    assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_token_expires_early_and_stays_invalid() {
    let mut harness = broken(&["dead-token nth=2"]).await;
    assert_eq!(harness.get("/files/uploads").await.status, 200);
    assert_eq!(harness.get("/files/uploads").await.status, 401);
    assert_eq!(harness.get("/files/uploads").await.status, 401, "it does not come to life again");
    let granted = harness.new_token(json!({"grant_type": "session"})).await.body;
    harness.token = granted["ust"].as_str().unwrap().to_owned();
    assert_eq!(harness.get("/files/uploads").await.status, 200);
}

#[tokio::test]
async fn too_many_requests_name_the_wait_in_seconds_or_as_a_date() {
    let harness = broken(&["too-many-requests=30s nth=1", "too-many-requests=30s,date nth=1"]).await;
    let seconds = harness.get("/files/uploads").await;
    assert_eq!((seconds.status, &seconds.body["code"]), (429, &json!(429)));
    assert_eq!(seconds.headers["retry-after"], "30");
    let date = harness.get("/files/uploads").await;
    let moment = date.headers["retry-after"].to_str().unwrap().replace("GMT", "+0000");
    let moment = OffsetDateTime::parse(&moment, &Rfc2822).unwrap();
    let wait = moment - OffsetDateTime::now_utc();
    assert!(date.status == 429 && (20..=30).contains(&wait.whole_seconds()), "{wait}");
    assert_eq!(harness.get("/files/uploads").await.status, 200);
}

#[tokio::test]
async fn failures_of_the_server_have_json_html_or_nothing_with_them() {
    let harness = broken(&["status=500 nth=1", "status=502,html nth=1", "status=503,empty nth=1"]).await;
    for (status, kind, begin) in
        [(500, "application/json", "{\"code\":500"), (502, "text/html", "<!DOCTYPE"), (503, "", "")]
    {
        let answer = raw(&harness, "/files/uploads").await.unwrap();
        let found = answer.headers().get("content-type").map_or("", |value| value.to_str().unwrap()).to_owned();
        assert_eq!(answer.status().as_u16(), status);
        let text = answer.text().await.unwrap();
        assert!(found.starts_with(kind) && text.starts_with(begin), "{status}: {found} {text}");
        assert_eq!(text.is_empty(), begin.is_empty());
    }
}

#[tokio::test]
async fn a_proxy_answers_html_also_for_a_token() {
    let harness = broken(&["html call=session.token", "html call=users.get"]).await;
    let page = raw(&harness, &harness.user_path()).await.unwrap();
    assert_eq!(
        (page.status(), page.headers()["content-type"].as_bytes()),
        (StatusCode::OK, &b"text/html; charset=utf-8"[..])
    );
    assert_eq!(harness.new_token(json!({"grant_type": "session"})).await.body, Value::Null);
}

#[tokio::test]
async fn json_comes_in_another_shape() {
    let harness = broken(&["wrong-shape"]).await;
    assert!(harness.get("/products/packages").await.body.is_object());
    assert!(harness.get(&harness.user_path()).await.body.is_array());
    harness.post("/products/packages", draft("A")).await;
    assert_eq!(harness.simulator.snapshot().accounts[0].packages.len(), 1, "the call itself is carried out");
}

#[tokio::test]
async fn a_connection_is_cut_before_the_answer_and_nothing_is_done() {
    let harness = broken(&["cut call=packages.create"]).await;
    let request = harness.http.post(harness.url("/products/packages")).bearer_auth(&harness.token).json(&draft("A"));
    let error = request.send().await.unwrap_err();
    assert!(!error.is_timeout() && !error.is_connect(), "{error:?}");
    assert!(harness.simulator.snapshot().accounts[0].packages.is_empty());
    assert_eq!(harness.get("/products/packages").await.status, 200, "others go on");
}

#[tokio::test]
async fn an_answer_is_lost_after_the_call_was_carried_out() {
    let harness = broken(&["answer-lost call=packages.create nth=1"]).await;
    let request = harness.http.post(harness.url("/products/packages")).bearer_auth(&harness.token).json(&draft("A"));
    request.send().await.unwrap_err();
    assert_eq!(harness.simulator.snapshot().accounts[0].packages.len(), 1);
    assert_eq!(harness.post("/products/packages", draft("B")).await.status, 200);
}

#[tokio::test]
async fn a_connection_is_cut_in_the_middle_of_the_body() {
    let harness = broken(&["cut-body call=users.get"]).await;
    let mut answer = raw(&harness, &harness.user_path()).await.unwrap();
    let announced = answer.content_length().unwrap();
    let mut got = 0;
    let error = loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => got += chunk.len() as u64,
            Ok(None) => panic!("it ended well"),
            Err(error) => break error,
        }
    };
    assert!(answer.status().is_success() && got == announced / 2 && got > 0, "{got} of {announced}: {error}");
}

#[tokio::test]
async fn an_answer_is_huge_or_never_ends() {
    let harness = broken(&["huge=3MB call=files.list", "endless call=packages.list"]).await;
    let huge = raw(&harness, "/files/uploads").await.unwrap();
    assert_eq!((huge.content_length(), huge.bytes().await.unwrap().len()), (None, 3_000_000));
    let mut endless = raw(&harness, "/products/packages").await.unwrap();
    let mut got = 0;
    while got < 20_000_000 {
        got += endless.chunk().await.unwrap().unwrap().len();
    }
}

#[tokio::test]
async fn an_upload_that_a_fault_refuses_gets_its_answer() {
    let harness = broken(&["status=503 call=files.upload nth=1"]).await;
    let part = || vec![("file[]", eqp_test_support::marketplace::part("a.png", vec![0; 4 * 1024 * 1024]))];
    assert_eq!(harness.upload(part()).await.status, 503);
    assert_eq!(harness.upload(part()).await.status, 200);
}

#[tokio::test]
async fn a_rule_matches_by_method_path_and_name_only() {
    let harness =
        broken(&["status=500 method=PUT", "status=501 path=/files/*/", "status=503 call=packages.skus"]).await;
    for (method, path, status) in [
        (Method::PUT, "/products/packages/s1", 500),
        (Method::GET, "/files/uploads/", 501),
        (Method::GET, "/files/uploads", 200),
        (Method::GET, "/products/packages/skus", 503),
        (Method::GET, "/products/packages/skus/", 503),
        (Method::GET, "/products/packages/skus/a%2Fb", 404),
    ] {
        assert_eq!(harness.call(method.clone(), path, None).await.status, status, "{method} {path}");
    }
}

#[tokio::test]
async fn the_same_seed_selects_the_same_calls() {
    let mut runs = Vec::new();
    for seed in [3, 3, 4] {
        let rule: FaultRule = "status=503 call=files.list rate=0.4".parse().unwrap();
        let harness = TestMarketplace::of(Simulator::builder().seed(seed).fault(rule)).await;
        let mut statuses = Vec::new();
        for _ in 0..40 {
            statuses.push(harness.get("/files/uploads").await.status);
        }
        runs.push(statuses);
    }
    let injected = runs[0].iter().filter(|status| **status == 503).count();
    assert!((6..28).contains(&injected), "{injected}");
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}

#[tokio::test]
async fn rules_count_their_faults_and_can_be_removed() {
    let script = Script::new().fault(CallMatcher::named("files.list").unwrap().times(1), Fault::Html);
    let harness = TestMarketplace::of(Simulator::builder().script(script)).await;
    for _ in 0..3 {
        harness.get("/files/uploads").await;
    }
    let state = &harness.simulator.faults()[0];
    assert_eq!((state.id, state.matched, state.injected, state.is_active), (1, 3, 1, false));
    harness.simulator.add_fault("cut".parse().unwrap());
    harness.simulator.clear_faults();
    assert_eq!(harness.get("/files/uploads").await.status, 200);
    assert!(harness.simulator.faults().is_empty());
}
