//! The operator API over HTTP: authentication, scopes, malformed requests and outages.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use eqp_console::{AuditFilter, NewToken, OperatorClient, OperatorListener, OperatorService, Principal, Scope};
use eqp_store::{EventFilter, Store};
use eqp_test_support::callbacks::{CallbackDatabase, PATIENCE, scan};
use eqp_types::Secret;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A server on a database, with a client for the administrator of its machine.
struct Server {
    url: String,
    http: reqwest::Client,
    local: OperatorClient,
    _stop: DropGuard,
}

impl Server {
    fn on(pool: PgPool) -> Self {
        let stop = CancellationToken::new();
        let service = OperatorService::new(Store::new(pool)).shutdown(stop.clone());
        let listener = OperatorListener::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let url = format!("http://{}", listener.local_addr());
        tokio::spawn(listener.serve(service.network_router(&["ops.example.com".to_owned()]), stop.clone()));
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let local = OperatorClient::in_process(&service, Principal::Local);
        Self { url, http, local, _stop: stop.drop_guard() }
    }

    /// Starts a server on a new database.
    async fn start() -> (Self, CallbackDatabase) {
        let database = CallbackDatabase::new().await;
        (Self::on(database.pool.clone()), database)
    }

    async fn token(&self, name: &str, scopes: &[Scope]) -> Secret {
        self.local.create_token(&NewToken::new(name, scopes.iter().copied())).await.unwrap().secret
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    fn get(&self, path: &str, token: &Secret) -> RequestBuilder {
        self.request(Method::GET, path).bearer_auth(token.expose())
    }
}

/// Sends a request and returns the status and the code of the problem.
async fn problem(request: RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    let status = response.status();
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json", "{status}");
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["status"], status.as_u16(), "{problem}");
    assert_eq!(problem["type"], format!("urn:eqp:problem:{}", problem["code"].as_str().unwrap()), "{problem}");
    (status.as_u16(), problem["code"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_needs_exactly_one_valid_token() {
    let (server, _database) = Server::start().await;
    let token = server.token("one", &[Scope::Read]).await;
    let text = token.expose();
    let events = || server.request(Method::GET, "/api/v1/events");
    assert_eq!(events().bearer_auth(text).send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(events().header(AUTHORIZATION, format!("bearer {text}")).send().await.unwrap().status(), StatusCode::OK);
    let other = text.replace("eqp_tok_1_", "eqp_tok_2_");
    let in_query = server.request(Method::GET, &format!("/api/v1/events?token={text}"));
    for request in [
        events(),
        in_query,
        events().bearer_auth(&text[..text.len() - 1]),
        events().bearer_auth(other),
        events().basic_auth("one", Some(text)),
        events().header(AUTHORIZATION, text),
        events().bearer_auth(text).bearer_auth(text),
        events().header("cookie", format!("token={text}")),
        server.request(Method::GET, "/api/v1/nowhere"),
        server.request(Method::POST, "/api/v1/tokens").json(&json!({"name": "x", "scopes": ["admin"]})),
    ] {
        assert_eq!(problem(request).await, (401, "unauthenticated".into()));
    }
    assert_eq!(server.local.tokens().await.unwrap().tokens.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_operation_needs_its_scope() {
    let (server, _database) = Server::start().await;
    let tokens = [
        server.token("reader", &[Scope::Read]).await,
        server.token("operator", &[Scope::Operate]).await,
        server.token("administrator", &[Scope::Admin]).await,
        server.token("consumer", &[Scope::Consume]).await,
    ];
    let document: Value = serde_json::from_str(include_str!("../openapi.json")).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let mut checked = 0;
    for (path, item) in paths {
        for method in item.as_object().unwrap().keys().filter(|name| ["get", "post", "delete"].contains(&name.as_str()))
        {
            // The expected scope of each operation, which no other token may call.
            let scope = match (method.as_str(), path.as_str()) {
                (_, path) if path.contains("/tokens") || path.contains("/audit") || path.contains("access-key") => 2,
                (_, path) if path.contains("/submission-links") => 2,
                (_, path) if path.contains("/messages/") || path.ends_with("/listen") => 3,
                ("post", "/api/v1/subscriptions" | "/api/v1/subscription-checks") | ("delete", _) => 2,
                ("post", path) if path.ends_with("-secret") || path.ends_with("-secrets") => 2,
                ("post", _) => 1,
                _ => 0,
            };
            let path = path.replace("{environment}", "sandbox").replace(['{', '}'], "");
            let method: Method = method.to_uppercase().parse().unwrap();
            for (number, token) in tokens.iter().enumerate().filter(|(number, _)| *number != scope) {
                let answer = problem(server.request(method.clone(), &path).bearer_auth(token.expose())).await;
                assert_eq!(answer, (403, "forbidden".into()), "{method} {path} with token {number}");
            }
            let allowed =
                server.request(method.clone(), &path).bearer_auth(tokens[scope].expose()).send().await.unwrap();
            let status = allowed.status();
            assert!(status != StatusCode::FORBIDDEN && !status.is_server_error(), "{method} {path}: {status}");
            checked += 1;
        }
    }
    assert!(checked >= 14, "{checked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_recorded_once_and_requests_that_change_nothing_are_not() {
    let (server, database) = Server::start().await;
    let token = server.token("all", &[Scope::Read, Scope::Operate, Scope::Admin]).await;
    sqlx::raw_sql(
        "insert into eqp.subscription (name, filter, handler) values ('shop', '{}', '{\"type\": \"exec\", \"program\": \"x\"}');
         insert into eqp.subscription_state (subscription_id) select id from eqp.subscription;
         insert into eqp.delivery (subscription_id, resource, source, event_seq, dead_at) values (1, 7, 'event', 1, now())",
    )
    .execute(&database.pool)
    .await
    .unwrap();
    let post = async |path: &str, body: Value| {
        let request = server.request(Method::POST, &format!("/api/v1{path}")).bearer_auth(token.expose());
        request.json(&body).send().await.unwrap().status().as_u16()
    };
    let webhook = json!({"name": "shop", "handler": {"type": "exec", "program": "x"}});
    let selection = json!({"deliveries": [1]});
    for (path, body, expected) in [
        ("/subscriptions", webhook, 409),
        ("/subscriptions/nowhere/pause", json!({}), 404),
        ("/subscriptions/shop/resume", json!({}), 200),
        ("/subscriptions/shop/pause", json!({}), 200),
        ("/subscriptions/shop/pause", json!({}), 200),
        ("/deliveries/retry", selection.clone(), 200),
        ("/deliveries/discard", selection.clone(), 200),
        ("/deliveries/discard", selection.clone(), 200),
        ("/deliveries/retry", selection, 200),
        ("/subscriptions/nowhere/test", json!({}), 404),
        ("/subscriptions/shop/test?wait=0", json!({}), 400),
        ("/subscriptions/shop/test", json!({}), 202),
        ("/replays", json!({"selection": {"events": [99]}}), 404),
        ("/replays", json!({}), 409),
        ("/replays/7/cancel", json!({}), 404),
        ("/retention", json!({"before": "2020-01-01T00:00:00Z"}), 200),
    ] {
        assert_eq!(post(path, body).await, expected, "{path}");
    }
    let remove = |name: &str| {
        let request = server.request(Method::DELETE, &format!("/api/v1/subscriptions/{name}"));
        request.bearer_auth(token.expose()).send()
    };
    assert_eq!(remove("nowhere").await.unwrap().status(), StatusCode::NOT_FOUND);
    assert_eq!(remove("shop").await.unwrap().status(), StatusCode::NO_CONTENT);
    let recorded = server.local.audit(&AuditFilter { before_id: None, limit: 100 }).await.unwrap();
    let actions: Vec<&str> = recorded.entries.iter().rev().map(|entry| entry.action.as_str()).collect();
    let expected = [
        "token.create",
        "subscription.pause",
        "delivery.retry",
        "delivery.discard",
        "subscription.test",
        "subscription.remove",
    ];
    assert_eq!(actions, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_administrators_see_the_path_and_the_headers_of_a_webhook() {
    let (server, database) = Server::start().await;
    let (reader, operator) = (server.token("r", &[Scope::Read]).await, server.token("o", &[Scope::Operate]).await);
    let admin = server.token("a", &[Scope::Read, Scope::Admin]).await;
    sqlx::raw_sql(
        "insert into eqp.subscription (name, filter, handler) values ('shop', '{}', '{\"type\": \"webhook\",
             \"url\": \"https://hooks.example.com/hush\", \"headers\": {\"x-key\": \"hush\"}, \"body\": \"hush\"}');
         insert into eqp.subscription_state (subscription_id) select id from eqp.subscription",
    )
    .execute(&database.pool)
    .await
    .unwrap();
    let text = async |request: RequestBuilder| {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        response.text().await.unwrap()
    };
    let pause = server.request(Method::POST, "/api/v1/subscriptions/shop/pause").bearer_auth(operator.expose());
    for request in [
        server.get("/api/v1/subscriptions", &reader),
        server.get("/api/v1/subscriptions/shop", &reader),
        pause.json(&json!({})),
    ] {
        let shown = text(request).await;
        assert!(shown.contains("https://hooks.example.com/…") && !shown.contains("hush"), "{shown}");
    }
    let shown = text(server.get("/api/v1/subscriptions/shop", &admin)).await;
    assert_eq!(shown.matches("hush").count(), 3, "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_requests_are_rejected() {
    let (server, _database) = Server::start().await;
    let token = server.token("all", &[Scope::Read, Scope::Operate, Scope::Admin]).await;
    for path in [
        "/api/v1/events?limit=10001",
        "/api/v1/events?limit=0",
        "/api/v1/events?limit=-1",
        "/api/v1/events?limit=1&limit=2",
        "/api/v1/events?limt=1",
        "/api/v1/events?since=yesterday",
        "/api/v1/events?kind=other",
        "/api/v1/events/seven",
        "/api/v1/events/99999999999999999999",
        "/api/v1/submissions/a%00b",
        "/api/v1/submissions/%ff",
        "/api/v1/submissions?environment=staging",
        "/api/v1/submissions/s1/review?environment=staging",
        "/api/v1/submissions/%0a/review",
        "/api/v1/review-times?limit=1",
        "/api/v1/audit?limit=10001",
        "/api/v1/retention",
        "/api/v1/retention?before=2999-01-01T00:00:00Z",
    ] {
        assert_eq!(problem(server.get(path, &token)).await, (400, "invalid_request".into()), "{path}");
    }
    let with_body = server.get("/api/v1/events", &token).body("{}");
    assert_eq!(problem(with_body).await, (400, "invalid_request".into()));
    assert_eq!(problem(server.get("/api/v1/nowhere", &token)).await, (404, "unknown_path".into()));
    assert_eq!(problem(server.get("/api", &token)).await, (404, "unknown_path".into()));
    assert_eq!(problem(server.get("/api/v1/events/7", &token)).await, (404, "not_found".into()));
    let wrong_method = server.request(Method::PUT, "/api/v1/events").bearer_auth(token.expose());
    assert_eq!(problem(wrong_method).await, (405, "method_not_allowed".into()));
    for (method, path, allowed) in [
        ("PUT", "/api/v1/events", "GET,HEAD"),
        ("OPTIONS", "/api/v1/deliveries/retry", "POST"),
        ("GET", "/api/v1/replays/plan", "POST"),
    ] {
        let wrong = server.request(method.parse().unwrap(), path).bearer_auth(token.expose()).send().await.unwrap();
        assert_eq!(wrong.headers()["allow"], allowed, "{method} {path}");
    }
    let last = server.get("/api/v1/events/stream", &token).header("last-event-id", "x");
    assert_eq!(problem(last).await, (400, "invalid_request".into()));
    let host = server.get("/api/v1/events", &token).header("host", "evil.example.com");
    assert_eq!(problem(host).await, (421, "host_not_allowed".into()));
    let host = server.get("/api/v1/events", &token).header("host", "ops.example.com");
    assert_eq!(host.send().await.unwrap().status(), StatusCode::OK);
    let long = server.get("/api/v1/events", &token).header("x-long", "a".repeat(64 * 1024));
    assert_eq!(long.send().await.unwrap().status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);

    let create = || server.request(Method::POST, "/api/v1/tokens").bearer_auth(token.expose());
    for (body, expected) in [
        (r#"{"name": "x", "scopes": ["read"], "more": 1}"#.to_owned(), (400, "invalid_request")),
        (r#"{"name": "x", "scopes": ["root"]}"#.to_owned(), (400, "invalid_request")),
        (r#"{"name": "x", "scopes": []}"#.to_owned(), (400, "invalid_request")),
        (r#"{"name": "../x", "scopes": ["read"]}"#.to_owned(), (400, "invalid_request")),
        (
            r#"{"name": "x", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"}"#.to_owned(),
            (400, "invalid_request"),
        ),
        (r#"{"name": "all", "scopes": ["read"]}"#.to_owned(), (409, "conflict")),
        (format!(r#"{{"name": "{}", "scopes": ["read"]}}"#, "x".repeat(70_000)), (413, "too_large")),
        ("[".repeat(60_000), (400, "invalid_request")),
        (r#"["x", ["read"], null]"#.to_owned(), (400, "invalid_request")),
        (String::new(), (400, "invalid_request")),
    ] {
        let answer = problem(create().header(CONTENT_TYPE, "application/json").body(body.clone())).await;
        assert_eq!(answer, (expected.0, expected.1.into()), "{body:.80}");
    }
    // A form of another site cannot send JSON.
    let form = create().header(CONTENT_TYPE, "text/plain").body(r#"{"name": "x", "scopes": ["admin"]}"#);
    assert_eq!(problem(form).await, (415, "unsupported_media_type".into()));
    assert_eq!(server.local.tokens().await.unwrap().tokens.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_failures_are_limited_but_a_valid_token_is_not() {
    let (server, _database) = Server::start().await;
    let token = server.token("one", &[Scope::Read]).await;
    let guess = || server.request(Method::GET, "/api/v1/events").bearer_auth("eqp_tok_1_guess");
    let mut limited = None;
    for _ in 0..30 {
        let response = guess().send().await.unwrap();
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            limited = Some(response);
            break;
        }
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    }
    let wait: u64 = limited.unwrap().headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(server.get("/api/v1/events", &token).send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_is_rejected_and_the_use_of_a_valid_one_is_recorded() {
    let (server, database) = Server::start().await;
    let token = server.token("short", &[Scope::Read]).await;
    assert_eq!(server.get("/api/v1/events", &token).send().await.unwrap().status(), StatusCode::OK);
    let listed = server.local.tokens().await.unwrap();
    assert!(listed.tokens[0].last_used_at.is_some(), "{listed:?}");
    sqlx::query("update eqp.operator_token set expires_at = now()").execute(&database.pool).await.unwrap();
    assert_eq!(problem(server.get("/api/v1/events", &token)).await, (401, "unauthenticated".into()));
    // The token itself is nowhere in the database.
    let stored: String = sqlx::query_scalar(
        "select operator_token::text || (select string_agg(audit::text, ' ') from eqp.audit) from eqp.operator_token",
    )
    .fetch_one(&database.pool)
    .await
    .unwrap();
    let secret = token.expose().rsplit_once('_').map(|(_, secret)| secret).unwrap();
    assert!(stored.contains("short") && !stored.contains(secret), "{stored}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_has_the_headers_that_proxies_need_and_continues_after_the_last_event() {
    let (server, database) = Server::start().await;
    let token = server.token("reader", &[Scope::Read]).await;
    database.callbacks(&[scan("f1", "pass"), scan("f2", "fail")]).await;
    database.project().await;
    let stream = server.get("/api/v1/events/stream?after_seq=0", &token).header("last-event-id", "1");
    let mut stream = stream.send().await.unwrap();
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache, no-transform"),
        ("x-accel-buffering", "no"),
    ] {
        assert_eq!(stream.headers()[name], value);
    }
    let mut text = String::new();
    while !text.contains("data: ") {
        text += std::str::from_utf8(&stream.chunk().await.unwrap().unwrap()).unwrap();
    }
    assert!(text.starts_with("id: 1\n\nid: 2\ndata: {\"seq\":2,"), "{text}");

    let filter = EventFilter { after_seq: Some(0), ..EventFilter::default() };
    let remote = OperatorClient::remote(&server.url.parse().unwrap(), &token, None).unwrap();
    let mut followed = remote.follow(&filter).await.unwrap();
    assert_eq!(followed.next().await.unwrap().unwrap().seq, 1);
    server.local.revoke_token("reader").await.unwrap();
    let ended = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Err(error) = followed.next().await {
                return error;
            }
        }
    });
    assert!(ended.await.unwrap().to_string().contains("no valid token"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_being_down_is_reported_as_temporary() {
    let server = Server::on(PgPoolOptions::new().connect_lazy("postgres://127.0.0.1:1/none").unwrap());
    // Only the database knows whether a token is valid.
    let token = Secret::new(format!("eqp_tok_1_{}", "A".repeat(43)));
    let response = server.get("/api/v1/events", &token).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "5");
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["code"], "database_unavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_audit_log_is_read_in_pages_and_old_entries_are_deleted() {
    let (server, database) = Server::start().await;
    sqlx::query(
        "insert into eqp.audit (at, principal, action)
         select now() - case when number <= 50 then interval '401 days' else interval '1 day' end, 'token x', 'test'
         from generate_series(1, 10000) as number",
    )
    .execute(&database.pool)
    .await
    .unwrap();
    server.token("one", &[Scope::Read]).await;
    let page = async |before_id, limit| server.local.audit(&AuditFilter { before_id, limit }).await.unwrap().entries;
    let all = page(None, 10_000).await;
    assert_eq!((all.len(), all[0].action.as_str()), (9_951, "token.create"));
    assert!(all.windows(2).all(|pair| pair[0].id > pair[1].id));
    let next = page(Some(all[99].id), 100).await;
    assert_eq!(next[..], all[100..200]);
}
