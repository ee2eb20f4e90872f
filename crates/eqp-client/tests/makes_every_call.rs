//! Tests that the table of calls, the client's methods and the simulator's routes agree, and properties of all calls.

#![allow(clippy::unwrap_used, reason = "a test ends where something does not hold")]

mod known_calls;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::post;
use eqp_client::types::calls::{self, ApiCall, Retry};
use eqp_client::{Error, RetryPolicy, methods_of};
use eqp_simulator::Simulator;
use eqp_test_support::api_server::{ApiServer, TOKEN};
use futures_util::future::join_all;
use known_calls::{CALLS, KnownCall};
use percent_encoding::percent_decode_str;
use serde_json::json;

/// IDs with characters that must be encoded.
const ODD_IDS: &[&str] =
    &["a/b", "a b", "100%", "a?b#c", "%2F", "%00", "🦀", "../users", "a+b&c=d;e", "\\", "ü…", ".hidden", "a:b@c", "*"];
const ODD_ACCOUNT: &str = "MAG/1 %2F?#🦀";
const TOKEN_PATH: &str = "/rest/v1/app/session/token";

/// Calls whose response body is ignored: only the status counts.
const READ_NO_BODY: &[&str] = &["users.put", "keys.delete", "packages.update_one"];
/// Calls whose response is returned unchanged, in any format.
const READ_ANY_JSON: &[&str] = &["reports.get", "reports.metrics", "reports.metric"];

type Seen = Arc<Mutex<Vec<(Method, Uri)>>>;

/// Starts a server that records requests, and gives the same response to all of them except for the token.
fn server(answer: impl Fn() -> Response + Clone + Send + Sync + 'static) -> (ApiServer, Seen) {
    let seen = Seen::default();
    let (tokens, others) = (Arc::clone(&seen), Arc::clone(&seen));
    let token = move |method: Method, uri: Uri| async move {
        tokens.lock().unwrap().push((method, uri));
        axum::Json(json!({"mage_id": ODD_ACCOUNT, "ust": TOKEN, "expires_in": 7200}))
    };
    let routes = Router::new().route(TOKEN_PATH, post(token)).fallback(
        move |method: Method, uri: Uri, _whole: Bytes| async move {
            others.lock().unwrap().push((method, uri));
            answer()
        },
    );
    (ApiServer::start(routes), seen)
}

/// Returns whether the call has one of these names.
fn is_one_of(call: &KnownCall, names: &[&str]) -> bool {
    names.contains(&call.api_call.name)
}

#[test]
fn every_call_of_the_table_has_its_methods_and_every_method_its_call() {
    for api_call in calls::ALL {
        assert!(!methods_of(api_call).is_empty(), "{} has no method", api_call.name);
        for method in methods_of(api_call) {
            let made = CALLS.iter().filter(|call| call.is_of(method)).collect::<Vec<_>>();
            assert_eq!(made.len(), 1, "{method} of {} is made once in this test", api_call.name);
            assert_eq!(made[0].api_call.name, api_call.name);
        }
    }
    for call in CALLS {
        assert!(
            methods_of(call.api_call).iter().any(|method| call.is_of(method)),
            "{} is not in the list",
            call.written
        );
    }
    for method in public_methods() {
        let is_listed = calls::ALL.iter().any(|api_call| methods_of(api_call).contains(&method.as_str()));
        assert!(is_listed, "{method} is in no entry of the list");
    }
}

/// Returns the public methods of the API's resources, in the form `packages().list()`, from the sources.
fn public_methods() -> BTreeSet<String> {
    let mut methods = BTreeSet::new();
    for (folder, calls) in [
        ("users", "Users"),
        ("keys", "Keys"),
        ("reports", "Reports"),
        ("files", "Files"),
        ("packages", "Packages"),
        ("test_results", "TestResults"),
    ] {
        let before = methods.len();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder);
        let file = source.with_extension("rs");
        let files = if file.exists() {
            vec![file]
        } else {
            source.read_dir().unwrap().map(|file| file.unwrap().path()).collect()
        };
        for file in files {
            let text = std::fs::read_to_string(file).unwrap();
            let mut is_inside = false;
            for line in text.lines() {
                is_inside = match line {
                    "}" => false,
                    _ => is_inside || (line.starts_with("impl") && line.contains(&format!(" {calls}<"))),
                };
                let name = line.strip_prefix("    pub async fn ").or_else(|| line.strip_prefix("    pub fn "));
                if let Some(name) = name.filter(|_| is_inside) {
                    methods.insert(format!("{folder}().{}()", name.split(['(', '<']).next().unwrap()));
                }
            }
        }
        assert!(methods.len() > before, "no method was found in {folder}: is this test still right?");
    }
    methods
}

#[tokio::test]
async fn every_call_sends_what_its_entry_says_whatever_its_ids_hold() {
    let (server, seen) = server(|| StatusCode::NOT_FOUND.into_response());
    let client = server.client();
    for call in CALLS {
        for id in ODD_IDS {
            // Only a client without a token requests one.
            let client = if call.api_call.name == "session.token" { server.client() } else { client.clone() };
            let _ = call.make(&client, id).await;
            let (method, uri) = seen.lock().unwrap().pop().unwrap();
            assert_eq!(method.as_str(), call.api_call.method.as_str(), "{}", call.written);
            assert_eq!(ids_in(uri.path(), call.api_call), ids_of(call.api_call, id), "{} {uri}", call.written);
            if let Some(query) = call.api_call.query {
                assert_eq!(uri.query(), Some(query));
            }
        }
    }
}

/// Returns the IDs in a path of `api_call`. Fails for another path.
fn ids_in(path: &str, api_call: &ApiCall) -> Vec<String> {
    let template = api_call.path.split('?').next().unwrap();
    let sent: Vec<_> = path.strip_prefix("/rest/v1").unwrap().split('/').collect();
    assert_eq!(sent.len(), template.split('/').count(), "{path} is not {template}");
    let pairs = template.split('/').zip(sent);
    let ids = pairs.filter(|(place, segment)| {
        assert!(place.starts_with('{') || place == segment, "{path} is not {template}");
        place.starts_with('{')
    });
    ids.map(|(_, segment)| percent_decode_str(segment).decode_utf8().unwrap().into_owned()).collect()
}

/// Returns the expected IDs.
fn ids_of(api_call: &ApiCall, id: &str) -> Vec<String> {
    let places = api_call.path.split(['/', '?']).filter(|segment| segment.starts_with('{'));
    let filled = places.map(|place| match place {
        "{mage_id}" => ODD_ACCOUNT,
        "{report}" => "pageviews",
        _ => id,
    });
    filled.map(str::to_owned).collect()
}

#[tokio::test]
async fn no_call_takes_an_id_that_means_another_folder() {
    let (server, seen) = server(|| StatusCode::NOT_FOUND.into_response());
    let client = server.client();
    client.session().await.unwrap();
    seen.lock().unwrap().clear();
    let takes_an_id = |call: &&KnownCall| ids_of(call.api_call, "x").contains(&"x".to_owned());
    for call in CALLS.iter().filter(takes_an_id) {
        for id in [".", ".."] {
            let error = call.make(&client, id).await.unwrap_err();
            assert!(matches!(error, Error::UnusableId { .. }), "{} {error:?}", call.written);
        }
    }
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn every_call_says_that_an_answer_has_another_shape() {
    let (server, _) = server(|| axum::Json("not what you think").into_response());
    let client = server.builder().retry(RetryPolicy::NEVER).build().unwrap();
    for call in CALLS.iter().filter(|call| call.api_call.name != "session.token") {
        let result = call.make(&client, "s1").await;
        if is_one_of(call, READ_NO_BODY) || is_one_of(call, READ_ANY_JSON) {
            result.unwrap();
            continue;
        }
        let error = result.unwrap_err();
        assert!(matches!(error, Error::UnexpectedResponse { status: 200, .. }), "{} {error:?}", call.written);
        assert_eq!(error.call().unwrap().api_call.name, call.api_call.name);
        let kept = error.body().unwrap().as_str();
        let expected = if call.api_call.answers_secrets { "[secret]" } else { "not what you think" };
        assert_eq!(kept, format!("\"{expected}\""), "{}", call.written);
    }
}

/// A proxy's login page is not a success, even for a call that ignores the response body.
#[tokio::test]
async fn no_call_takes_a_page_for_a_success() {
    let (server, _) = server(|| Html("<!doctype html><title>Please log in</title>").into_response());
    let client = server.builder().retry(RetryPolicy::NEVER).build().unwrap();
    for call in CALLS.iter().filter(|call| call.api_call.name != "session.token") {
        let error = call.make(&client, "s1").await.unwrap_err();
        assert!(matches!(error, Error::UnexpectedResponse { status: 200, .. }), "{} {error:?}", call.written);
        assert!(error.to_string().contains("it is not JSON but `Please log in`"), "{error}");
    }
}

#[tokio::test]
async fn every_call_that_may_be_repeated_is_and_no_other() {
    let (server, seen) = server(|| StatusCode::BAD_GATEWAY.into_response());
    let client = server.client();
    client.session().await.unwrap();
    for call in CALLS.iter().filter(|call| call.api_call.name != "session.token") {
        seen.lock().unwrap().clear();
        let error = call.make(&client, "s1").await.unwrap_err();
        assert_eq!(error.status(), Some(502), "{}", call.written);
        let expected = if call.api_call.retry == Retry::Always { 4 } else { 1 };
        assert_eq!(seen.lock().unwrap().len(), expected, "{}", call.written);
    }
}

#[tokio::test]
async fn every_call_has_a_deadline() {
    let routes = Router::new()
        .route(TOKEN_PATH, post(async || axum::Json(json!({"mage_id": "M", "ust": TOKEN, "expires_in": 7200}))));
    let server = ApiServer::start(routes.fallback(std::future::pending::<()>));
    // The time limit of an upload depends on its size, which is nearly 0 here.
    let client = server.builder().timeout(Duration::from_secs(1)).retry(RetryPolicy::NEVER).build().unwrap();
    client.session().await.unwrap();
    let client = &client;
    let calls = CALLS.iter().filter(|call| call.api_call.name != "session.token");
    for (call, result) in join_all(calls.map(|call| async move { (call, call.make(client, "s1").await) })).await {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Timeout { .. }), "{} {error:?}", call.written);
        assert_eq!(error.call().unwrap().api_call.name, call.api_call.name);
    }
    let silent = ApiServer::start(Router::new().fallback(std::future::pending::<()>));
    let client = silent.builder().timeout(Duration::from_millis(200)).retry(RetryPolicy::NEVER).build().unwrap();
    assert!(matches!(client.session().await, Err(Error::Session(cause)) if matches!(*cause, Error::Timeout { .. })));
}

#[tokio::test]
async fn an_empty_batch_asks_nobody() {
    let (server, seen) = server(|| StatusCode::NOT_FOUND.into_response());
    let client = server.client();
    assert_eq!(client.packages().create(&[]).await.unwrap(), []);
    assert_eq!(client.packages().update(&[]).await.unwrap(), []);
    assert!(client.keys().create(&[]).await.unwrap().is_empty());
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_simulator_answers_every_call_of_the_table() {
    let simulator = Simulator::builder().start().await.unwrap();
    let trusted = reqwest::Certificate::from_pem(simulator.ca_pem().as_bytes()).unwrap();
    let http = reqwest::Client::builder().tls_certs_only([trusted]).no_proxy().build().unwrap();
    let send = async |method: &str, path: &str| {
        let url = format!("{}/rest/v1{}", simulator.base_url(), path.replace(['{', '}'], ""));
        http.request(method.parse().unwrap(), url).send().await.unwrap()
    };
    // Without a token, an existing call is rejected for this reason.
    for api_call in calls::ALL {
        for path in api_call.paths() {
            assert_eq!(send(api_call.method.as_str(), path).await.status(), 401, "{} {path}", api_call.name);
        }
    }
    assert_eq!(send("GET", "/products/no-such-call").await.status(), 404);
}
