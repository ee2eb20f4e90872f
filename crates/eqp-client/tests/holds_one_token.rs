//! Tests that session tokens are requested once, renewed once, and never shown.

#![allow(clippy::unwrap_used, reason = "a test ends where something does not hold")]

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse};
use axum::routing::{get, post};
use eqp_client::{Error, types::SubmissionId};
use eqp_test_support::api_server::{APPLICATION_SECRET, ApiServer, Count, TOKEN, with_tokens};
use futures_util::future::join_all;
use serde_json::json;

const TOKEN_PATH: &str = "/rest/v1/app/session/token";

fn submission() -> SubmissionId {
    SubmissionId::new("s1").unwrap()
}

/// Returns a package for requests with a token that `good` accepts, and 401 for others.
fn package_for(good: impl Fn(&str) -> bool + Clone + Send + Sync + 'static) -> Router {
    Router::new().route(
        "/rest/v1/products/packages/s1",
        get(move |headers: HeaderMap| async move {
            let token = headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap().to_owned();
            if good(&token) {
                axum::Json(json!({"submission_id": "s1"})).into_response()
            } else {
                (StatusCode::UNAUTHORIZED, axum::Json(json!({"message": format!("{token} is bad")}))).into_response()
            }
        }),
    )
}

#[tokio::test]
async fn many_calls_at_once_ask_for_one_token() {
    let (routes, tokens) = with_tokens(package_for(|_| true));
    let client = ApiServer::start(routes).client();
    let id = submission();
    for package in join_all((0..40).map(|_| client.packages().get(&id))).await {
        package.unwrap();
    }
    assert_eq!(tokens.get(), 1);
}

#[tokio::test]
async fn an_early_death_of_the_token_is_healed_by_one_new_one_for_all() {
    let (routes, tokens) = with_tokens(package_for(|token| token != format!("{TOKEN}-0")));
    let client = ApiServer::start(routes).client();
    client.session().await.unwrap();
    let id = submission();
    for package in join_all((0..20).map(|_| client.packages().get(&id))).await {
        package.unwrap();
    }
    assert_eq!(tokens.get(), 2);
}

#[tokio::test]
async fn a_second_401_is_reported_without_the_token_in_it() {
    let (routes, tokens) = with_tokens(package_for(|_| false));
    let error = ApiServer::start(routes).client().packages().get(&submission()).await.unwrap_err();
    assert_eq!((error.status(), error.is_unauthorized(), tokens.get()), (Some(401), true, 2));
    assert_eq!(error.to_string(), "GET /rest/v1/products/packages/s1: HTTP 401: [secret] is bad");
    assert!(!format!("{error:?}").contains(TOKEN));
}

#[tokio::test]
async fn a_token_that_lives_no_longer_is_not_used_twice() {
    let count = Count::default();
    let counted = count.clone();
    let token = move || async move {
        counted.next();
        axum::Json(json!({"mage_id": "MAG1", "ust": "t", "expires_in": 0}))
    };
    let client = ApiServer::start(package_for(|_| true).route(TOKEN_PATH, post(token))).client();
    client.packages().get(&submission()).await.unwrap();
    client.packages().get(&submission()).await.unwrap();
    assert_eq!(count.get(), 2);
}

/// The lifetime of a token is measured from its response, so a server's clock that is an hour off does not matter.
#[tokio::test]
async fn a_clock_that_is_an_hour_off_ends_no_token() {
    let hour = std::time::Duration::from_hours(1);
    let now = std::time::SystemTime::now();
    for server_now in [now - hour, now + hour] {
        let count = Count::default();
        let counted = count.clone();
        let token = move || async move {
            counted.next();
            let date = [("date", httpdate::fmt_http_date(server_now))];
            // Half an hour, which is in the past or in the future by the other clock.
            (date, axum::Json(json!({"mage_id": "MAG1", "ust": "t", "expires_in": 1800})))
        };
        let client = ApiServer::start(package_for(|_| true).route(TOKEN_PATH, post(token))).client();
        client.packages().get(&submission()).await.unwrap();
        client.packages().get(&submission()).await.unwrap();
        assert_eq!(count.get(), 1);
        assert!(client.session().await.unwrap().expires_in.as_secs() > 1790);
    }
}

#[tokio::test]
async fn all_who_wait_for_a_token_share_its_failure() {
    let count = Count::default();
    let counted = count.clone();
    let gate = Arc::new(tokio::sync::Notify::new());
    let opened = Arc::clone(&gate);
    let token = move || async move {
        counted.next();
        opened.notified().await;
        (StatusCode::UNAUTHORIZED, format!("{APPLICATION_SECRET} is wrong"))
    };
    let client = ApiServer::start(Router::new().route(TOKEN_PATH, post(token))).client();
    let calls = join_all((0..10).map(|_| client.session()));
    let opening = async {
        while count.get() == 0 {
            tokio::task::yield_now().await;
        }
        gate.notify_waiters();
    };
    let (results, ()) = tokio::join!(calls, opening);
    for result in results {
        let error = result.unwrap_err();
        assert!(error.is_unauthorized() && !error.is_retryable(), "{error}");
        assert_eq!(error.call().unwrap().api_call.name, "session.token");
        assert!(!format!("{error} {error:?} {}", error.body().unwrap()).contains(APPLICATION_SECRET));
    }
    assert_eq!(count.get(), 1);
}

#[tokio::test]
async fn a_token_endpoint_that_answers_a_page_is_named_as_such() {
    let page = || async { Html("<html><head><title>Please log in</title></head></html>") };
    let client = ApiServer::start(Router::new().route(TOKEN_PATH, post(page))).client();
    let error = client.session().await.unwrap_err();
    assert!(matches!(&error, Error::Session(source) if matches!(**source, Error::UnexpectedResponse { .. })));
    assert!(error.to_string().contains("it is not JSON but `Please log in`"), "{error}");
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn the_key_is_sent_as_basic_and_the_request_as_json() {
    let token = |headers: HeaderMap, body: String| async move {
        assert_eq!(headers["authorization"], "Basic YXBwOmFwcGxpY2F0aW9uLWh1c2g=");
        assert_eq!(body, r#"{"grant_type":"session","expires_in":7200}"#);
        axum::Json(json!({"mage_id": "MAG1", "ust": "t", "expires_in": "7200"}))
    };
    let client = ApiServer::start(Router::new().route(TOKEN_PATH, post(token))).client();
    let session = client.session().await.unwrap();
    assert_eq!(session.mage_id.as_str(), "MAG1");
    assert!(session.expires_in.as_secs() > 7190);
}
