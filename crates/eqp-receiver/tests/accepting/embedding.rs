//! The receiver inside another service, which has its own listener, routes and database.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use eqp_receiver::Receiver;
use eqp_store::{Endpoints, MasterKey};
use eqp_test_support::TestDatabase;
use eqp_types::Secret;
use sqlx::Executor;

use eqp_test_support::receiver::{SCAN, endpoint, until};

#[tokio::test]
async fn an_embedded_receiver_coexists_with_other_routes_and_tables() {
    let database = TestDatabase::create().await;
    database.pool.execute("create table callback (theirs text); create table _sqlx_migrations (x int)").await.unwrap();
    eqp_store::Store::new(database.pool.clone()).migrate().await.unwrap();
    let key = MasterKey::ephemeral().unwrap();
    let endpoints = Endpoints::open(database.pool.clone(), key.clone()).await.unwrap();
    let main = endpoint(&endpoints, "main", None).await;
    endpoints.import_credential(main, "key", &Secret::new("secret")).await.unwrap();

    let eqp = Receiver::builder(database.pool.clone()).master_key(key).embed().await.unwrap();
    let app = Router::new().route("/theirs", get(async || "hello")).nest("/eqp", eqp.router()).merge(eqp.router());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = tokio::spawn(async move {
        axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await.unwrap();
    });

    let client = reqwest::Client::new();
    let theirs = client.get(format!("http://{address}/theirs")).send().await.unwrap();
    assert_eq!(theirs.text().await.unwrap(), "hello");
    until("it is ready", || async {
        client.get(format!("http://{address}/readyz")).send().await.unwrap().status() == 200
    })
    .await;
    for path in ["/callbacks/main", "/eqp/callbacks/main"] {
        let post = client.post(format!("http://{address}{path}")).basic_auth("key", Some("secret")).body(SCAN);
        assert_eq!(post.send().await.unwrap().status(), 200, "{path}");
    }
    let sources: Vec<String> =
        sqlx::query_scalar("select host(source) from eqp.callback").fetch_all(&database.pool).await.unwrap();
    assert_eq!(sources, ["127.0.0.1"; 2]);
    eqp.stop().await.unwrap();
    let late = client.post(format!("http://{address}/callbacks/main")).basic_auth("key", Some("secret")).body(SCAN);
    assert_eq!(late.send().await.unwrap().status(), 503, "nothing is accepted after the stop");
    served.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stops_while_callbacks_keep_coming_and_has_stored_all_that_it_answered() {
    let database = TestDatabase::create().await;
    eqp_store::Store::new(database.pool.clone()).migrate().await.unwrap();
    let key = MasterKey::ephemeral().unwrap();
    let endpoints = Endpoints::open(database.pool.clone(), key.clone()).await.unwrap();
    let main = endpoint(&endpoints, "main", None).await;
    endpoints.import_credential(main, "key", &Secret::new("secret")).await.unwrap();
    let eqp = Receiver::builder(database.pool.clone()).master_key(key).embed().await.unwrap();
    let router = eqp.router();

    let (is_over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let senders: Vec<_> = (0..200)
        .map(|_| {
            let (router, is_over, answered) = (router.clone(), Arc::clone(&is_over), Arc::clone(&answered));
            tokio::spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    let post = http::Request::post("/callbacks/main")
                        .header("authorization", "Basic a2V5OnNlY3JldA==")
                        .body(axum::body::Body::from(SCAN))
                        .unwrap();
                    let answer = tower::ServiceExt::oneshot(router.clone(), post).await.unwrap();
                    answered.fetch_add(usize::from(answer.status() == 200), Ordering::Relaxed);
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    until("many are answered", || async { answered.load(Ordering::Relaxed) > 1000 }).await;
    let stopped = tokio::time::timeout(Duration::from_secs(30), eqp.stop()).await;
    is_over.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.await.unwrap();
    }
    stopped.expect("it stops under load").unwrap();
    let stored: i64 = sqlx::query_scalar("select count(*) from eqp.callback").fetch_one(&database.pool).await.unwrap();
    assert!(usize::try_from(stored).unwrap() >= answered.load(Ordering::Relaxed));
}
