//! Runs the step of docs/following.md that shows a review on GitHub, against a stand-in for GitHub's API.

use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::ci::root;
use super::fixture::Fixture;
use super::following_documented::{bash, in_store, repository, step};

/// A request: method and path, and the body.
type Requests = Arc<Mutex<Vec<(String, Value)>>>;

/// Responds like GitHub, with the deployments and statuses that were posted.
async fn respond(State(requests): State<Requests>, request: Request) -> (StatusCode, String) {
    let headers = request.headers().clone();
    assert_eq!(headers["authorization"], "Bearer github-hush");
    assert_eq!(headers["accept"], "application/vnd.github+json");
    assert_eq!(headers["x-github-api-version"], "2022-11-28");
    let (method, path) = (request.method().to_string(), request.uri().to_string());
    let body = axum::body::to_bytes(request.into_body(), 64 * 1024).await.unwrap();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let mut requests = requests.lock().unwrap();
    let posted = |end: &str| requests.iter().rev().find(|(call, _)| call.starts_with("POST") && call.ends_with(end));
    let response = match (method.as_str(), path.split('?').next().unwrap()) {
        ("GET", "/repos/acme/badges/deployments") => {
            json!(posted("/deployments").map(|_| vec![json!({"url": "x", "id": 77})]).unwrap_or_default())
        }
        ("GET", "/repos/acme/badges/deployments/77/statuses") => {
            json!(posted("/77/statuses").map(|(_, status)| vec![status.clone()]).unwrap_or_default())
        }
        ("POST", "/repos/acme/badges/deployments") => json!({"url": "x", "id": 77}),
        ("POST", _) => json!({}),
        call => panic!("{call:?}"),
    };
    let status = if method == "POST" { StatusCode::CREATED } else { StatusCode::OK };
    requests.push((format!("{method} {path}"), body));
    (status, response.to_string())
}

/// Serves the API, and lets the fixture's scripts use it; returns the requests.
async fn github(fixture: &mut Fixture) -> Requests {
    let requests = Requests::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let routes = Router::new().fallback(respond).with_state(Arc::clone(&requests));
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    for (name, value) in [
        ("GITHUB_API_URL", address.as_str()),
        ("GITHUB_SERVER_URL", "https://github.com"),
        ("GITHUB_REPOSITORY", "acme/badges"),
        ("GITHUB_RUN_ID", "5"),
        ("GITHUB_TOKEN", "github-hush"),
    ] {
        fixture.home.set(name, value);
    }
    let folder = fixture.home.path().join("shop/.github");
    std::fs::create_dir_all(&folder).unwrap();
    for name in ["commit-status.sh", "deployment.sh"] {
        std::fs::copy(root().join("docs/ci").join(name), folder.join(name)).unwrap();
    }
    requests
}

/// Returns the calls since the last time that changed something, with the state of each.
fn changes(requests: &Requests) -> Vec<(String, Value)> {
    let mut requests = requests.lock().unwrap();
    let posted = requests.iter().filter(|(call, _)| call.starts_with("POST "));
    let changes = posted.map(|(call, body)| (call.clone(), body["state"].clone())).collect();
    // The last requests stay, because the stand-in responds with them.
    for (call, _) in requests.iter_mut().filter(|(call, _)| call.starts_with("POST ")) {
        *call = call.replace("POST ", "POSTED ");
    }
    changes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_is_shown_as_a_commit_status_and_as_one_deployment() {
    if ["jq", "curl"].iter().any(|name| Command::new(name).arg("--version").output().is_err()) {
        println!("not run: there is no jq or no curl");
        return;
    }
    let mut fixture = repository().await;
    let requests = github(&mut fixture).await;
    let (code, sha) = bash(&fixture, "git rev-parse v1.2.0");
    assert_eq!(code, 0, "{sha}");
    let status = format!("POST /repos/acme/badges/statuses/{}", sha.trim());
    let deployment = "POST /repos/acme/badges/deployments".to_owned();
    let of_deployment = format!("{deployment}/77/statuses");
    let script = step("show");

    let (code, said) = bash(&fixture, &script);
    assert!(code == 0 && !said.contains("github-hush"), "{said}");
    let expected =
        [(status.clone(), json!("pending")), (deployment, Value::Null), (of_deployment.clone(), json!("in_progress"))];
    assert_eq!(changes(&requests), expected);
    let bodies: Vec<_> = requests.lock().unwrap().iter().map(|(_, body)| body.clone()).collect();
    let shown = bodies.iter().find(|body| body["state"] == "pending").unwrap();
    assert_eq!(shown["target_url"], "https://github.com/acme/badges/actions/runs/5");
    assert_eq!(
        (&shown["context"], &shown["description"]),
        (&json!("adobe-marketplace"), &json!("v1.2.0 is in review"))
    );
    let created = bodies.iter().find(|body| body["ref"] == sha.trim()).unwrap();
    assert_eq!((&created["environment"], &created["required_contexts"]), (&json!("adobe-marketplace"), &json!([])));
    // Still in review.
    assert_eq!(bash(&fixture, &script).0, 0);
    assert_eq!(changes(&requests), [(status.clone(), json!("pending"))]);

    in_store(&fixture).await;
    assert_eq!(bash(&fixture, &script).0, 0);
    assert_eq!(changes(&requests), [(of_deployment, json!("success")), (status.clone(), json!("success"))]);
    assert_eq!(bash(&fixture, &script).0, 0);
    assert_eq!(changes(&requests), [(status.clone(), json!("success"))]);

    let long = format!("v1.2.0-{}", "é".repeat(100));
    for (code, state) in [("5", "failure"), ("1", "error")] {
        let set = format!("git tag --force {long} && .github/commit-status.sh {long} {code}");
        assert_eq!(bash(&fixture, &set).0, 0);
        assert_eq!(changes(&requests), [(status.clone(), json!(state))]);
    }
    let descriptions = requests
        .lock()
        .unwrap()
        .iter()
        .filter_map(|(_, body)| Some(body["description"].as_str()?.chars().count()))
        .max();
    assert_eq!(descriptions, Some(140));
}
