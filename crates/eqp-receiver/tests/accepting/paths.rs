//! The credential, not the path, decides which endpoint a callback belongs to.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use eqp_receiver::Receiver;
use eqp_store::{Endpoints, MasterKey, NewEndpoint, Reader};
use eqp_test_support::TestDatabase;
use eqp_types::{Environment, MageId, Secret};
use futures_util::future::join_all;
use uuid::Uuid;

use eqp_test_support::receiver::{PATH, RIGHT, SCAN, STATUS, TestReceiver, endpoint, until};
use eqp_test_support::sender::basic;

/// Creates an endpoint for this URL with its own credential.
async fn registered(endpoints: &Endpoints, name: &str, url: &str, username: &str, password: &str) -> i64 {
    let account = MageId::new("MAG123456789").unwrap();
    let account = endpoints.ensure_account(Environment::Sandbox, &account).await.unwrap();
    let public_url: eqp_store::PublicUrl = url.parse().unwrap();
    let path = Some(public_url.path().to_owned());
    let mut new = NewEndpoint::new(account, name, public_url);
    new.path = path;
    let id = endpoints.create(&new).await.unwrap();
    endpoints.import_credential(id, username, &Secret::new(password)).await.unwrap();
    id.0
}

/// Returns the endpoint of a stored callback.
async fn endpoint_of(receiver: &TestReceiver, id: Uuid) -> i64 {
    sqlx::query_scalar("select endpoint_id from eqp.callback where id = $1")
        .bind(id)
        .fetch_one(&receiver.database.pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_callback_with_a_valid_credential_is_stored_for_every_spelling_of_its_path() {
    const SPELLINGS: [&str; 30] = [
        "/callbacks/main",
        "/callbacks/main/",
        "/callbacks/main//",
        "//callbacks/main",
        "/callbacks//main",
        "/callbacks/main?from=marketplace",
        "/callbacks/main/?a=1&b=%20",
        "/callbacks/main?",
        "/callbacks/%6dain",
        "/%63allbacks/main",
        "/callbacks%2fmain",
        "/callbacks%2Fmain",
        "/callbacks/%256dain",
        "/callbacks/./main",
        "/callbacks/../callbacks/main",
        "/x/../callbacks/main",
        "/../callbacks/main",
        "/callbacks/%2e%2e/x",
        "/callbacks/main%00",
        "/callbacks/main;x=1",
        "/Callbacks/Main",
        "/CALLBACKS/MAIN",
        "/main",
        "/",
        "/callbacks",
        "/callbacks/",
        "/eqp/callbacks/main",
        "/a/b/c/callbacks/main",
        "/callbacks/other",
        "/healthz",
    ];
    let receiver = TestReceiver::new().await;
    let reader = Reader::new(receiver.database.pool.clone());
    let sent = SPELLINGS.map(|path| {
        let (sender, reader) = (receiver.sender.clone(), reader.clone());
        async move {
            let answer = sender.post(path, RIGHT, STATUS).await;
            assert_eq!(answer.status, 200, "{path}: {answer:?}");
            let stored = reader.callback(answer.id()).await.unwrap().unwrap();
            let arrived = (path != PATH).then(|| path.to_owned());
            assert_eq!((stored.endpoint.as_str(), stored.arrived_path), ("main", arrived));
        }
    });
    join_all(sent).await;
    // The form of a request to a proxy.
    let absolute =
        String::from_utf8(eqp_test_support::sender::post("https://localhost/x/main", RIGHT, STATUS.as_bytes()))
            .unwrap();
    let answer = receiver.sender.raw(absolute).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let stored = reader.callback(answer.id()).await.unwrap().unwrap();
    assert_eq!(stored.arrived_path.as_deref(), Some("/x/main"));
    assert_eq!(receiver.stored().await.len(), SPELLINGS.len() + 1);
    receiver.stop().await;
}

#[tokio::test]
async fn an_invalid_credential_is_answered_with_the_same_bytes_at_every_path() {
    let receiver = TestReceiver::new().await;
    endpoint(&receiver.endpoints, "moved", Some("/rest/v1/callback")).await;
    let wrong = basic("key", "wrong");
    let unknown = basic("nobody", "secret");
    let mut answers = Vec::new();
    for path in [PATH, "/callbacks/nobody", "/rest/v1/callback", "/", "/unknown?x=1", "/healthz", "//callbacks/main/"] {
        for authorization in [&[][..], &[wrong.as_str()], &[&unknown], &["Basic !"], &["Bearer x"]] {
            let answer = receiver.sender.post(path, authorization, STATUS).await;
            // Each request has an ID of its own.
            let is_id = |line: &&str| line.starts_with("x-request-id: ");
            let text = answer.without_date();
            answers.push(text.split('\n').filter(|line| !is_id(line)).collect::<Vec<_>>().join("\n"));
        }
    }
    let first = &answers[0];
    assert!(first.starts_with("HTTP/1.1 401") && first.contains("invalid credentials"), "{first}");
    assert!(answers.iter().all(|answer| answer == first || answer.starts_with("HTTP/1.1 429")), "{answers:#?}");
    assert!(receiver.stored().await.is_empty());
    receiver.stop().await;
}

#[tokio::test]
async fn urls_with_a_query_a_trailing_slash_or_percent_encoding_are_no_mismatch() {
    let receiver = TestReceiver::new().await;
    let reader = Reader::new(receiver.database.pool.clone());
    for (name, url, arrives) in [
        ("slash", "https://eqp.example.com/hook/", "/hook/"),
        ("query", "https://eqp.example.com/hook?shop=1", "/hook?shop=1"),
        ("encoded", "https://eqp.example.com/caf%C3%A9/a%20b", "/caf%C3%A9/a%20b"),
        ("bare", "https://bare.example.com", "/"),
        ("api", "https://eqp.example.com/api/v1/eqp", "/api/v1/eqp"),
    ] {
        let id = registered(&receiver.endpoints, name, url, name, "secret").await;
        let answer = receiver.sender.post(arrives, &[&basic(name, "secret")], STATUS).await;
        assert_eq!(answer.status, 200, "{url}: {answer:?}");
        assert_eq!(endpoint_of(&receiver, answer.id()).await, id);
        assert_eq!(reader.callback(answer.id()).await.unwrap().unwrap().arrived_path, None, "{url}");
    }
    receiver.stop().await;
}

#[tokio::test]
async fn endpoints_with_the_same_user_name_are_distinguished_by_password_then_by_path() {
    let receiver = TestReceiver::new().await;
    let url = |path: &str| format!("https://eqp.example.com{path}");
    let moved = registered(&receiver.endpoints, "moved", &url("/rest/v1/callback"), "key", "other").await;
    let first = registered(&receiver.endpoints, "first", &url("/callbacks/first"), "shared", "same").await;
    let second = registered(&receiver.endpoints, "second", &url("/callbacks/second"), "shared", "same").await;
    // Until the receiver has loaded the second of the two, the first is right for both.
    let loaded = receiver.endpoints.generation().await.unwrap();
    receiver.endpoints.wait_until_loaded(loaded, Duration::from_secs(30)).await.unwrap();
    let (other, shared) = (basic("key", "other"), basic("shared", "same"));
    for (path, right, endpoint) in [
        ("/rest/v1/callback", other.as_str(), moved),
        ("/rest/v1/callback", RIGHT[0], receiver.endpoint.0),
        (PATH, &other, moved),
        ("/callbacks/second", &shared, second),
        ("/callbacks/second/?x", &shared, second),
        ("/proxied/callbacks/second", &shared, second),
        ("/second", &shared, second),
        ("/callbacks/first", &shared, first),
        ("/elsewhere", &shared, first),
    ] {
        let answer = receiver.sender.post(path, &[right], STATUS).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        assert_eq!(endpoint_of(&receiver, answer.id()).await, endpoint, "{path}");
    }
    receiver.stop().await;
}

#[tokio::test]
async fn an_embedding_service_keeps_its_own_paths_and_loses_no_callback() {
    let database = TestDatabase::create().await;
    eqp_store::Store::new(database.pool.clone()).migrate().await.unwrap();
    let key = MasterKey::ephemeral().unwrap();
    let endpoints = Endpoints::open(database.pool.clone(), key.clone()).await.unwrap();
    registered(&endpoints, "adopted", "https://eqp.example.com/rest/v1/callback/", "key", "secret").await;
    let eqp = Receiver::builder(database.pool.clone()).master_key(key).embed().await.unwrap();
    let app = Router::new().route("/theirs", get(async || "hello")).merge(eqp.router());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let client = reqwest::Client::new();
    let url = |path: &str| format!("http://{address}{path}");
    until("it is ready", || async { client.get(url("/readyz")).send().await.unwrap().status() == 200 }).await;
    for (path, get, wrong) in [
        ("/rest/v1/callback/", 405, 401),
        ("/rest/v1/callback", 405, 401),
        ("/callbacks/nobody", 405, 401),
        ("/not/ours", 404, 404),
    ] {
        assert_eq!(client.get(url(path)).send().await.unwrap().status(), get, "{path}");
        let post = client.post(url(path)).basic_auth("key", Some("wrong")).body(SCAN);
        assert_eq!(post.send().await.unwrap().status(), wrong, "{path}");
        let post = client.post(url(path)).basic_auth("key", Some("secret")).body(SCAN);
        assert_eq!(post.send().await.unwrap().status(), 200, "{path}");
    }
    eqp.stop().await.unwrap();
    served.abort();
}
