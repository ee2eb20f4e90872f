//! Links with which people outside read the page of one submission.

use eqp_console::{AuditFilter, NewSubmissionLink, OperatorClient, Scope};
use reqwest::Method;
use reqwest::header::{HOST as HOST_HEADER, ORIGIN, SET_COOKIE};

use crate::server::{Browser, HOST, Page, Server, read};
use crate::submissions::{reviewed, text_of};

/// Opens a link as a browser without scripts does, where the visitor pastes it.
async fn opened(server: &Server, url: &str) -> (Browser, Page) {
    let mut browser = server.browser();
    let page = browser.fill("/shared", "/shared", &[("secret", url)]).await;
    (browser, page)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_shows_one_submission_without_anything_internal_many_times() {
    let database = reviewed("").await;
    let server = Server::on(database.pool.clone());
    let link = server.local.create_submission_link(&NewSubmissionLink::new("s1")).await.unwrap();
    let path = link.path.expose();
    assert!(path.starts_with("/shared#eqp_link_1_"), "{path}");
    assert!(!format!("{link:?}").contains(path.split_once('#').unwrap().1));
    let days = (link.link.expires_at - link.link.created_at).whole_hours();
    assert!((167..=168).contains(&days), "7 days: {days} hours");
    let page = server.browser().get("/shared").await;
    assert!(page.text.contains("data-sign-in") && !page.text.contains("acme"), "{}", page.text);
    for _ in 0..2 {
        let (browser, page) = opened(&server, &format!(" {}{path} ", server.url)).await;
        assert_eq!((page.status, page.location()), (303, "/shared"), "{}", page.text);
        let cookie = page.headers[SET_COOKIE].to_str().unwrap();
        assert!(cookie.contains("; Path=/shared; ") && cookie.ends_with("; HttpOnly; SameSite=Lax"), "{cookie}");
        let page = browser.get("/shared").await;
        assert_eq!(page.status, 200, "{}", page.text);
        assert!(page.text.contains("<title>Rejected · acme/checkout 1.5.0 · eqp</title>"), "{}", page.text);
        insta::assert_snapshot!("shared_submission", text_of(&page));
        for internal in [
            "asked Adobe",
            "Kim",
            "shop",
            "alert",
            "MAG123456789",
            "item-s1",
            "eqp release",
            "<nav",
            "<form",
            "/events",
            "prepared in",
            env!("CARGO_PKG_VERSION"),
        ] {
            assert!(
                !page.element("body").contains(internal) && !page.text.contains(internal),
                "{internal}: {}",
                page.text
            );
        }
        for (name, value) in [
            ("referrer-policy", "no-referrer"),
            ("x-robots-tag", "noindex, nofollow"),
            ("cache-control", "no-store"),
            ("x-frame-options", "DENY"),
        ] {
            assert_eq!(page.headers[name], value, "{name}");
        }
        // The link is no session.
        for path in ["/", "/submissions/s1", "/submissions/s2", "/events"] {
            assert_eq!(browser.get(path).await.status, 303, "{path}");
        }
        // Parameters do not select another submission.
        let other = browser.get("/shared?id=s2&submission_id=s2").await;
        assert!(other.text.contains("acme/checkout 1.5.0"), "{}", other.text);
        assert_eq!(browser.get("/shared/s2").await.status, 404);
    }
    let listed = server.local.submission_links().await.unwrap().links;
    assert!(listed[0].last_used_at.is_some(), "{listed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_was_revoked_or_has_expired_is_refused_at_the_next_request() {
    let database = reviewed("").await;
    let server = Server::on(database.pool.clone());
    let links = [
        server.local.create_submission_link(&NewSubmissionLink::new("s1")).await.unwrap(),
        server.local.create_submission_link(&NewSubmissionLink::new("s1").valid_seconds(60)).await.unwrap(),
    ];
    let mut browsers = Vec::new();
    for link in &links {
        let (browser, _) = opened(&server, link.path.expose()).await;
        assert_eq!(browser.get("/shared").await.status, 200);
        browsers.push(browser);
    }
    server.local.revoke_submission_link(1).await.unwrap();
    sqlx::query("update eqp.submission_link set expires_at = now() where id = 2")
        .execute(&database.pool)
        .await
        .unwrap();
    for (browser, link) in browsers.iter().zip(&links) {
        let page = browser.get("/shared").await;
        assert_eq!(page.status, 410, "{}", page.text);
        assert!(page.headers[SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
        assert!(page.text.contains("This link is no longer valid: it has expired or was revoked."), "{}", page.text);
        for revealed in ["acme", "s1", "Rejected"] {
            assert!(!page.element("main").contains(revealed), "{revealed}: {}", page.text);
        }
        assert_eq!(opened(&server, link.path.expose()).await.1.status, 410);
    }
    assert!(server.local.revoke_submission_link(1).await.unwrap_err().is_not_found());
    let log = server.local.audit(&AuditFilter::default()).await.unwrap();
    let actions: Vec<_> = log.entries.iter().rev().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["submission_link.create", "submission_link.create", "submission_link.revoke"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_end_when_the_token_with_which_they_were_created_is_revoked() {
    let database = reviewed("").await;
    let server = Server::on(database.pool.clone());
    let token = server.token("kim", &[Scope::Admin]).await;
    let kim = OperatorClient::remote(&server.url.parse().unwrap(), &token, None).unwrap();
    let of_kim = kim.create_submission_link(&NewSubmissionLink::new("s1")).await.unwrap();
    let of_others = server.local.create_submission_link(&NewSubmissionLink::new("s1")).await.unwrap();
    let (browser, _) = opened(&server, of_kim.path.expose()).await;
    assert_eq!(browser.get("/shared").await.status, 200);
    server.local.revoke_token("kim").await.unwrap();
    let page = browser.get("/shared").await;
    assert_eq!(page.status, 410, "{}", page.text);
    assert!(!page.element("main").contains("acme"), "{}", page.text);
    assert_eq!(opened(&server, of_others.path.expose()).await.1.status, 303, "the other one is valid");
    let log = server.local.audit(&AuditFilter::default()).await.unwrap();
    assert!(log.entries[0].action == "token.revoke" && log.entries[0].detail.to_string().contains("[1]"), "{log:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_of_a_link_is_not_stored_and_guesses_are_refused_and_limited() {
    let database = reviewed("").await;
    let server = Server::on(database.pool.clone());
    let link = server.local.create_submission_link(&NewSubmissionLink::new("s1")).await.unwrap();
    let text = link.path.expose().split_once('#').unwrap().1.to_owned();
    let secret = text.rsplit_once('_').unwrap().1;
    let stored: String = sqlx::query_scalar(
        "select (select string_agg(link::text, ' ') from eqp.submission_link as link)
             || (select string_agg(audit::text, ' ') from eqp.audit)",
    )
    .fetch_one(&database.pool)
    .await
    .unwrap();
    assert!(stored.contains("submission_link.create") && !stored.contains(secret), "{stored}");

    let wrong = text.replace("eqp_link_1_", "eqp_link_2_");
    let token = server.token("reader", &[Scope::Read]).await;
    for guess in ["", "guess", wrong.as_str(), token.expose(), &text.replace("eqp_link_", "eqp_ses_")] {
        let mut browser = server.browser();
        let page = browser.post("/shared", &[("secret", guess)]).await;
        assert_eq!(page.status, 403, "{guess}: {}", page.text);
        assert!(browser.cookie.is_none() && page.text.contains("This link is not valid."), "{}", page.text);
    }
    let mut forged = server.browser();
    forged.cookie = Some(format!("eqp_shared_={wrong}"));
    let mut status = 403;
    for _ in 0..20 {
        status = forged.get("/shared").await.status;
        assert!([403, 429].contains(&status), "{status}");
    }
    assert_eq!(status, 429);
    assert_eq!(opened(&server, &text).await.1.status, 303, "a valid link is never limited");
    // The secret of a link signs nobody in.
    assert!([401, 429].contains(&server.browser().sign_in(&text).await.status));
    // A form of another site is refused.
    let foreign =
        server.browser().form_request("/shared", &[("secret", &text)]).header(ORIGIN, "https://evil.example.com");
    assert_eq!(read(foreign).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_proxy_with_https_the_cookie_of_a_link_is_secure() {
    let database = reviewed("").await;
    let server = Server::on(database.pool.clone());
    let link = server.local.create_submission_link(&NewSubmissionLink::new("s1")).await.unwrap();
    let browser = server.browser();
    let request = browser.form_request("/shared", &[("secret", link.path.expose())]);
    let page = read(request.header(HOST_HEADER, HOST).header(ORIGIN, format!("https://{HOST}"))).await;
    let cookie = page.headers[SET_COOKIE].to_str().unwrap();
    assert!(cookie.starts_with("__Secure-eqp_shared_=eqp_link_1_") && cookie.ends_with("; Secure"), "{cookie}");
    assert_eq!(read(browser.request(Method::HEAD, "/shared")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_created_only_to_a_known_submission_and_for_at_most_90_days() {
    let database = reviewed("").await;
    let server = Server::on(database.pool.clone());
    let create = async |link: NewSubmissionLink| server.local.create_submission_link(&link).await;
    assert!(create(NewSubmissionLink::new("nothing")).await.unwrap_err().is_not_found());
    for wrong in [NewSubmissionLink::new(""), NewSubmissionLink::new("s1").valid_seconds(90 * 86_400 + 1)] {
        let refused = create(wrong).await.unwrap_err();
        assert!(refused.to_string().contains("invalid request"), "{refused}");
    }
    let sandbox = NewSubmissionLink::new("s1").environment(Some(eqp_types::Environment::Sandbox));
    assert!(create(sandbox).await.unwrap_err().is_not_found());
    assert!(server.local.submission_links().await.unwrap().links.is_empty());
    assert!(server.local.audit(&AuditFilter::default()).await.unwrap().entries.is_empty());
}
