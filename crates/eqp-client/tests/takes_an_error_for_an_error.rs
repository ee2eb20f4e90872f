//! Tests rejections in unusual forms, and responses that come from a proxy.

#![allow(clippy::unwrap_used, reason = "a test ends where something does not hold")]

mod known_calls;

use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post, put};
use eqp_client::callbacks::{AllowedLosses, DesiredState, NoPasswords, Registration};
use eqp_client::types::{ItemId, PackageUpdate, Secret, SubmissionId};
use eqp_client::{Client, Error};
use eqp_test_support::api_server::{ApiServer, Count, with_tokens};
use known_calls::CALLS;
use serde_json::{Value, json};

fn client(routes: Router) -> Client {
    ApiServer::start(with_tokens(routes).0).client()
}

/// Returns a client of a server that answers every call with this body.
fn answering(body: Value) -> Client {
    client(Router::new().fallback(move || async move { axum::Json(body) }))
}

#[tokio::test]
async fn an_error_body_with_http_200_is_an_error_for_every_call() {
    let refused = json!({"code": 1210, "message": "Invalid SKU given"});
    let token_refused = refused.clone();
    let token = Router::new().route("/rest/v1/app/session/token", post(|| async move { axum::Json(token_refused) }));
    let without_token = ApiServer::start(token).client();
    let with_token = answering(refused);
    for call in CALLS {
        let client = if call.api_call.name == "session.token" { &without_token } else { &with_token };
        let error = call.make(client, "s1").await.expect_err(call.written);
        assert_eq!((error.status(), error.code()), (Some(200), Some(1210)), "{}: {error}", call.written);
        assert!(error.to_string().contains("Invalid SKU given"), "{}: {error}", call.written);
        assert!(error.is_rejection() && !error.is_retryable() && !error.outcome_is_unknown(), "{error}");
    }
}

#[tokio::test]
async fn an_error_in_the_place_of_a_record_in_a_list_is_an_error_too() {
    let listing = answering(json!([{"code": 1500, "message": "Package live in store"}]));
    for name in ["packages.list", "packages.by_sku", "packages.by_item", "files.list", "files.upload"] {
        for call in CALLS.iter().filter(|call| call.api_call.name == name) {
            let error = call.make(&listing, "s1").await.expect_err(call.written);
            assert_eq!(error.code(), Some(1500), "{}: {error}", call.written);
        }
    }
    // In a batch, it is the result of one item.
    let items = listing.packages().update(&[PackageUpdate::default()]).await.unwrap();
    assert_eq!((items[0].code, items[0].is_success()), (Some(1500), false));
}

#[tokio::test]
async fn a_code_of_http_says_what_a_refusal_with_http_200_means() {
    let item = ItemId::new("item").unwrap();
    let refused = |code: i64| answering(json!({"code": code, "message": "no"}));
    assert!(refused(404).packages().by_item(&item).await.unwrap().is_none());
    let error = refused(403).packages().by_item(&item).await.unwrap_err();
    assert!(error.is_unauthorized(), "{error}");
    let error = refused(503).packages().by_item(&item).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    let error = refused(1321).packages().by_item(&item).await.unwrap_err();
    assert!(error.is_scan_in_progress() && !error.is_retryable(), "{error}");

    // An expired token is requested again, once.
    let asked = Count::default();
    let counted = asked.clone();
    let body = move || async move {
        counted.next();
        axum::Json(json!({"code": 401, "message": "Unauthorized"}))
    };
    let (routes, tokens) = with_tokens(Router::new().fallback(body));
    let error = ApiServer::start(routes).client().packages().by_item(&item).await.unwrap_err();
    assert!(error.is_unauthorized(), "{error}");
    assert_eq!((asked.get(), tokens.get()), (2, 2));
}

#[tokio::test]
async fn a_record_with_a_code_of_success_is_no_error() {
    let id = SubmissionId::new("s1").unwrap();
    let done = answering(json!({"code": 200, "message": "Success", "submission_id": "s1"}));
    done.packages().update_one(&id, &PackageUpdate::default()).await.unwrap();
    assert_eq!(done.packages().get(&id).await.unwrap().submission_id, Some(id));
}

#[tokio::test]
async fn what_holds_of_a_key_is_what_the_answer_says() {
    for (answer, holds) in [
        (json!({"m2": [{"label": "build", "is_enabled": true}]}), Some(Some(true))),
        (json!({"m2": [{"label": "build", "is_enabled": "0"}]}), Some(Some(false))),
        (json!({"m2": [{"label": "build"}]}), Some(None)),
        (json!({"m2": [{"is_enabled": true}]}), None),
    ] {
        let outcome = answering(answer.clone()).keys().set_enabled("build", None, false).await.unwrap();
        assert_eq!(outcome.key.map(|key| key.is_enabled), holds, "{answer}");
    }
    let refused = answering(json!({"m2": [{"code": 404, "message": "No such key"}]}));
    assert!(!refused.keys().set_enabled("build", None, false).await.unwrap().is_success());
    let empty = answering(json!({"m2": []}));
    assert!(matches!(empty.keys().set_enabled("build", None, false).await, Err(Error::UnexpectedResponse { .. })));
}

#[tokio::test]
async fn the_profile_of_another_account_is_refused_before_a_list_is_written() {
    let written: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&written);
    let profile = || async { axum::Json(json!({"mage_id": "MAG2", "api_callbacks": []})) };
    let write = move |request: Request| async move {
        seen.lock().unwrap().push(request.uri().to_string());
        axum::Json(json!({}))
    };
    let client = client(Router::new().route("/rest/v1/users/{id}", get(profile).merge(put(write))));
    let error = client.users().get().await.unwrap_err();
    assert_eq!(error.to_string(), "the profile of MAG1 was requested, but the response is the profile of MAG2");
    assert!(matches!(client.users().summary().await, Err(Error::OtherAccount { .. })));
    let ours = Registration::new("https://a.example/", "key", Secret::new("hush")).unwrap();
    let changed = client.callbacks().change(&DesiredState::Register(ours), &NoPasswords, &AllowedLosses::none()).await;
    assert!(matches!(changed, Err(Error::OtherAccount { .. })), "{changed:?}");
    assert!(written.lock().unwrap().is_empty());
}

/// Returns the response of a gateway in front of the API.
fn gateway(request: &Request) -> Response {
    let page = Html("<html><title>Request blocked</title></html>");
    match request.uri().path().rsplit('/').next().unwrap() {
        "firewall" => (StatusCode::FORBIDDEN, page).into_response(),
        "forbidden" => (StatusCode::FORBIDDEN, axum::Json(json!({"code": 403, "message": "no"}))).into_response(),
        "unauthorized" => (StatusCode::UNAUTHORIZED, page).into_response(),
        _ => {
            let location = [(header::LOCATION, "https://ada:hush@login.example/sso?ticket=hush")];
            (StatusCode::FOUND, location).into_response()
        }
    }
}

#[tokio::test]
async fn a_firewalls_page_is_not_blamed_on_the_key_and_a_redirect_shows_where_to() {
    let client = client(Router::new().fallback(|request: Request| async move { gateway(&request) }));
    let error = async |id: &str| client.packages().get(&SubmissionId::new(id).unwrap()).await.unwrap_err();
    for (id, is_blocked, is_unauthorized, is_redirect) in [
        ("firewall", true, false, false),
        ("forbidden", false, true, false),
        ("unauthorized", false, true, false),
        ("redirect", false, false, true),
    ] {
        let error = error(id).await;
        let found = (error.is_blocked(), error.is_unauthorized(), error.is_redirect());
        assert_eq!(found, (is_blocked, is_unauthorized, is_redirect), "{id}: {error}");
    }
    let shown = error("redirect").await.to_string();
    assert!(shown.contains("HTTP 302") && shown.contains("redirects to https://login.example/sso?…"), "{shown}");
    assert!(!shown.contains("hush") && !shown.contains("ada"), "{shown}");
}

#[tokio::test]
async fn nobody_at_the_other_end_is_named_with_its_port() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = ApiServer::start(Router::new());
    let client = server.builder().api_url(format!("https://{free}").parse().unwrap()).build().unwrap();
    let error = client.session().await.unwrap_err().to_string();
    assert!(error.contains(&free.to_string()), "{error}");
}
