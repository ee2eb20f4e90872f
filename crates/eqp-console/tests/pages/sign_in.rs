//! Signing in and out.

use eqp_console::{AuditFilter, Scope};
use eqp_test_support::callbacks::{CallbackDatabase, PATIENCE};
use reqwest::Method;
use reqwest::header::{HOST as HOST_HEADER, ORIGIN, SET_COOKIE};

use crate::server::{HOST, Server, read};

const ALL: &[Scope] = &[Scope::Read, Scope::Operate, Scope::Admin];

async fn start() -> (Server, CallbackDatabase) {
    let database = CallbackDatabase::new().await;
    sqlx::query("insert into eqp.instance (id, master_key_fingerprint) values ('0123456789abcdef0123456789abcdef', decode(repeat('00', 32), 'hex'))")
        .execute(&database.pool)
        .await
        .unwrap();
    (Server::on(database.pool.clone()), database)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_signs_a_browser_in_and_the_cookie_is_protected() {
    let (server, database) = start().await;
    let token = server.token("ops", ALL).await;
    let mut browser = server.browser();
    let page = browser.get("/alerts?all=true").await;
    assert_eq!((page.status, page.location()), (303, "/sign-in?next=%2Falerts%3Fall%3Dtrue"));
    let page = browser.get(page.location()).await;
    assert_eq!((page.status, page.heading().as_str()), (200, "Sign in"));
    assert_eq!(page.form("/sign-in")["next"], "/alerts?all=true");
    let page = browser.fill("/sign-in?next=%2Falerts%3Fall%3Dtrue", "/sign-in", &[("secret", token.expose())]).await;
    assert_eq!((page.status, page.location()), (303, "/alerts?all=true"));
    let cookie = page.headers[SET_COOKIE].to_str().unwrap();
    assert!(cookie.starts_with("eqp_session_0123456789ab=eqp_ses_1_"), "{cookie}");
    assert!(cookie.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax"), "{cookie}");
    assert_eq!(browser.get("/alerts").await.status, 200);
    // Only a hash of the secret is stored.
    let secret = cookie.split(';').next().unwrap().rsplit('_').next().unwrap();
    let stored: String = sqlx::query_scalar(
        "select operator_session::text || (select string_agg(audit::text, ' ') from eqp.audit) from eqp.operator_session",
    )
    .fetch_one(&database.pool)
    .await
    .unwrap();
    assert!(stored.contains("session.begin") && !stored.contains(secret), "{stored}");
    // Somebody who has the link does not leave this server.
    let page = browser.get("/sign-in?next=https%3A%2F%2Fevil.example.com%2F").await;
    assert!(!page.text.contains("evil.example.com"), "{}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_proxy_with_https_the_cookie_is_secure_and_bound_to_the_host() {
    let (server, _database) = start().await;
    let token = server.token("ops", ALL).await;
    let mut browser = server.browser();
    let through =
        |request: reqwest::RequestBuilder| request.header(HOST_HEADER, HOST).header(ORIGIN, format!("https://{HOST}"));
    let page = read(through(browser.form_request("/sign-in", &[("secret", token.expose())]))).await;
    let cookie = page.headers[SET_COOKIE].to_str().unwrap().to_owned();
    assert!(cookie.starts_with("__Host-eqp_session_0123456789ab=") && cookie.ends_with("; Secure"), "{cookie}");
    browser.cookie = Some(cookie.split(';').next().unwrap().to_owned());
    let page = read(browser.request(Method::GET, "/alerts").header(HOST_HEADER, HOST)).await;
    let csrf = &page.form("/sign-out")["csrf"];
    // A page of the same host without TLS cannot send forms.
    let plain = browser.form_request("/sign-out", &[("csrf", csrf)]).header(HOST_HEADER, HOST);
    assert_eq!(read(plain.header(ORIGIN, format!("http://{HOST}"))).await.status, 403);
    let page = read(through(browser.form_request("/sign-out", &[("csrf", csrf)]))).await;
    assert_eq!((page.status, page.location()), (303, "/sign-in?done=signed_out"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_signs_in_once_and_is_not_used_up_by_looking_at_the_link() {
    let (server, database) = start().await;
    server.token("ops", ALL).await;
    let link = server.local.create_sign_in_link("ops").await.unwrap();
    let (path, code) = link.path.expose().split_once('#').unwrap();
    assert_eq!(path, "/sign-in");
    assert!(!format!("{link:?}").contains(code));
    let mut browser = server.browser();
    // Programs that fetch the link, such as the preview of a chat, do not send the fragment.
    assert_eq!(read(browser.request(Method::HEAD, path)).await.status, 200);
    let page = browser.get(path).await;
    assert!(page.text.contains("data-sign-in"), "the script sends the code");
    // Without scripts, the user pastes the link or the code.
    let page = browser.sign_in(&format!(" {}{} ", server.url, link.path.expose())).await;
    assert_eq!((page.status, page.location()), (303, "/"), "{}", page.text);
    assert_eq!(browser.get("/alerts").await.status, 200);
    let mut second = server.browser();
    let page = second.sign_in(code).await;
    assert!(page.status == 401 && page.text.contains("is not valid. A code can be used once, within 5 minutes."));

    let expired = server.local.create_sign_in_link("ops").await.unwrap();
    let code = expired.path.expose().split_once('#').unwrap().1.to_owned();
    sqlx::query("update eqp.sign_in_code set expires_at = now()").execute(&database.pool).await.unwrap();
    assert_eq!(second.sign_in(&code).await.status, 401);
    let of_revoked = server.local.create_sign_in_link("ops").await.unwrap();
    server.local.revoke_token("ops").await.unwrap();
    let code = of_revoked.path.expose().split_once('#').unwrap().1.to_owned();
    assert_eq!(second.sign_in(&code).await.status, 401);
    assert!(server.local.create_sign_in_link("ops").await.unwrap_err().is_not_found());
    let log = server.local.audit(&AuditFilter::default()).await.unwrap();
    let links = log.entries.iter().filter(|entry| entry.action == "token.link").count();
    assert_eq!(links, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_sign_in_begins_a_new_session_and_ends_the_one_before() {
    let (server, _database) = start().await;
    let token = server.token("ops", ALL).await;
    let mut browser = server.browser();
    browser.sign_in(token.expose()).await;
    let first = browser.cookie.clone();
    browser.sign_in(token.expose()).await;
    assert_ne!(browser.cookie, first);
    assert_eq!(browser.get("/alerts").await.status, 200);
    browser.cookie = first;
    assert_eq!(browser.get("/alerts").await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_by_signing_out_after_12_hours_and_with_its_token() {
    let (server, database) = start().await;
    let mut browser = server.signed_in("one", ALL).await;
    let cookie = browser.cookie.clone();
    let page = browser.fill("/alerts", "/sign-out", &[]).await;
    assert_eq!(page.location(), "/sign-in?done=signed_out");
    assert!(browser.get(page.location()).await.text.contains("You have signed out."));
    browser.cookie = cookie;
    assert_eq!(browser.get("/alerts").await.status, 303);

    let browser = server.signed_in("two", ALL).await;
    let hours: f64 = sqlx::query_scalar(
        "select extract(epoch from expires_at - created_at)::float8 / 3600 from eqp.operator_session",
    )
    .fetch_one(&database.pool)
    .await
    .unwrap();
    assert!((hours - 12.0).abs() < 0.01, "{hours}");
    sqlx::query("update eqp.operator_session set expires_at = now()").execute(&database.pool).await.unwrap();
    assert_eq!(browser.get("/alerts").await.status, 303);

    let browser = server.signed_in("three", ALL).await;
    let mut stream = browser.request(Method::GET, "/live?after_seq=0").send().await.unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    server.local.revoke_token("three").await.unwrap();
    assert_eq!(browser.get("/alerts").await.status, 303);
    let ended = tokio::time::timeout(PATIENCE, async {
        let mut text = String::new();
        while let Some(piece) = stream.chunk().await.unwrap() {
            text += std::str::from_utf8(&piece).unwrap();
        }
        text
    });
    assert!(ended.await.unwrap().contains("event: problem\ndata: {\"type\":\"urn:eqp:problem:unauthenticated\""));
    assert_eq!(browser.get("/live").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_secrets_are_refused_and_limited() {
    let (server, _database) = start().await;
    let consumer = server.token("consumer", &[Scope::Consume]).await;
    let reader = server.token("reader", &[Scope::Read]).await;
    let mut browser = server.browser();
    let page = browser.sign_in(consumer.expose()).await;
    assert!(page.status == 403 && page.text.contains("does not have the scope read"), "{}", page.text);
    for secret in ["", "guess", "eqp_tok_1_guess", "eqp_code_1_guess", "eqp_ses_1_guess"] {
        let page = browser.sign_in(secret).await;
        assert!(page.status == 401 && browser.cookie.is_none(), "{secret}: {}", page.text);
    }
    let mut status = 401;
    for _ in 0..20 {
        status = browser.sign_in("guess").await.status;
    }
    assert_eq!(status, 429);
    assert_eq!(browser.sign_in(reader.expose()).await.status, 303, "a valid token is never limited");
}
