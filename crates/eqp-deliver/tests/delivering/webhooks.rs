//! The whole way, to a real HTTP server.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use eqp_deliver::{
    AddressGuard, DeliverService, HandlerDefinition, HandlerEnvironment, WebhookDefinition, new_signing_secret,
};
use serde_json::Value;

use crate::setup::{Process, Setup};

type Requests = Arc<Mutex<Vec<(HeaderMap, Value)>>>;

#[tokio::test]
async fn an_event_reaches_a_webhook_and_an_answer_that_fails_is_followed_by_the_same_message() {
    let setup = Setup::new().await;
    let requests: Requests = Arc::default();
    let recorded = Arc::clone(&requests);
    let router = Router::new().route(
        "/hook",
        post(move |headers: HeaderMap, body: Bytes| async move {
            let mut recorded = recorded.lock().unwrap();
            recorded.push((headers, serde_json::from_slice(&body).unwrap()));
            if recorded.len() == 1 { StatusCode::NOT_FOUND } else { StatusCode::NO_CONTENT }
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let server = tokio::spawn(axum::serve(listener, router).into_future());
    let secret = new_signing_secret();
    setup
        .subscribe("shop", |new| {
            new.handler = HandlerDefinition::Webhook(WebhookDefinition::new(url));
            new.secrets.signing = vec![secret.clone()];
        })
        .await;
    let environment = HandlerEnvironment::new(AddressGuard::allowing(["127.0.0.0/8"]).unwrap());
    let process = Process::start(DeliverService::new(setup.database.pool.clone(), setup.key.clone(), environment));
    setup.files(&["a"]).await;
    setup.until("select count(*) from eqp.delivery where attempts = 1 and retry_at is not null", 1).await;
    setup.pass_waits().await;
    setup.until("select count(*) from eqp.delivery", 0).await;
    process.stop().await;
    server.abort();
    let stored = setup.number("select count(*) from eqp.subscription where handler::text like '%whsec_%'").await;
    assert_eq!(stored, 0, "secrets are not stored in the clear");
    let requests = requests.lock().unwrap();
    assert_eq!(requests.len(), 2);
    let [(first, body), (second, _)] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!(first["webhook-id"], second["webhook-id"]);
    assert!(first["webhook-signature"].to_str().unwrap().starts_with("v1,"));
    assert_eq!(body["type"], "file.scan_finished");
    assert_eq!(body["data"]["resource_id"], "a");
    assert_eq!(body["data"]["statuses"]["malware"], "passed");
}
