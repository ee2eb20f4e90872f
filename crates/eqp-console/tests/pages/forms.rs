//! Forms: their origin, their token, and what happens to typed text.

use eqp_console::Scope;
use reqwest::header::ORIGIN;

use crate::fixture::{WRITES, filled};
use crate::server::{Server, read};

const OPERATOR: &[Scope] = &[Scope::Read, Scope::Operate];

#[tokio::test(flavor = "multi_thread")]
async fn a_form_needs_the_token_of_its_session_and_the_origin_of_the_page() {
    let database = filled("").await;
    let server = Server::on(database.pool.clone());
    let mut browser = server.signed_in("ops", OPERATOR).await;
    let other = server.signed_in("other", OPERATOR).await;
    let csrf = browser.get("/alerts").await.form("/sign-out")["csrf"].clone();
    let stale = other.get("/alerts").await.form("/sign-out")["csrf"].clone();
    let entries = async || server.local.audit(&eqp_console::AuditFilter::default()).await.unwrap().entries.len();
    let before = entries().await;
    for path in WRITES.iter().chain(&["/sign-out"]) {
        for token in [&stale, "", "x"] {
            let page = browser.post(path, &[("csrf", token), ("note", "typed <text>")]).await;
            assert_eq!(page.status, 403, "{path} {token}");
            assert!(
                page.text.contains("This form is from an earlier session. Nothing was changed."),
                "{path}: {}",
                page.text
            );
        }
        assert_eq!(browser.post(path, &[]).await.status, 403, "{path}");
        let form = || browser.form_request(path, &[("csrf", &csrf)]);
        for request in [
            form(),
            form().header(ORIGIN, "null"),
            form().header(ORIGIN, "https://evil.example.com"),
            form().header(ORIGIN, "http://127.0.0.1:1"),
            form().header(ORIGIN, server.url.replace("http", "https")),
        ] {
            let page = read(request).await;
            assert!(
                page.status == 403 && page.text.contains("not sent from a page of this server"),
                "{path}: {}",
                page.text
            );
        }
    }
    assert_eq!(entries().await, before, "nothing was changed");
    // What was typed is shown again, with a token of this session.
    let page = browser.post("/alerts/1/notes", &[("csrf", &stale), ("note", "typed <text>")]).await;
    let form = page.form("/alerts/1/notes");
    assert_eq!((form["note"].as_str(), &form["csrf"]), ("typed <text>", &csrf));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_only_reads_sees_no_buttons_and_changes_nothing() {
    let database = filled("").await;
    let server = Server::on(database.pool.clone());
    let mut reader = server.signed_in("reader", &[Scope::Read]).await;
    let csrf = reader.get("/alerts").await.form("/sign-out")["csrf"].clone();
    for path in WRITES {
        let values: &[(&str, &str)] = match path.rsplit('/').next().unwrap() {
            "snooze" => &[("csrf", &csrf), ("seconds", "60")],
            "notes" => &[("csrf", &csrf), ("note", "x")],
            _ => &[("csrf", &csrf)],
        };
        let page = reader.post(path, values).await;
        assert_eq!(page.status, 403, "{path}: {}", page.text);
        assert!(page.text.contains("the operation requires the scope operate"), "{path}: {}", page.text);
    }
    for path in crate::fixture::PAGES {
        let page = reader.get(path).await;
        assert_eq!(
            (page.status, page.text.matches("method=\"post\"").count()),
            (200, 1),
            "{path} has only the form to sign out"
        );
    }
    let operator = server.signed_in("operator", OPERATOR).await;
    let page = operator.get("/alerts/1").await;
    assert_eq!(page.text.matches("method=\"post\"").count(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_typed_is_kept_when_the_session_ends() {
    let database = filled("").await;
    let server = Server::on(database.pool.clone());
    let token = server.token("ops", OPERATOR).await;
    let mut browser = server.browser();
    browser.sign_in(token.expose()).await;
    let mut values = browser.get("/alerts/1").await.form("/alerts/1/notes");
    sqlx::query("update eqp.operator_session set expires_at = now()").execute(&database.pool).await.unwrap();
    values.insert("note".into(), "a long note\nwith <markup> & \"quotes\"".into());
    let sent: Vec<_> = values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let page = browser.post("/alerts/1/notes", &sent).await;
    assert!(page.status == 401 && page.text.contains("the form is then shown with your input"), "{}", page.text);
    let kept = page.form("/alerts/1/notes");
    assert_eq!(kept["note"], values["note"]);
    assert!(!kept.contains_key("csrf"));
    // A wrong token keeps it, too.
    let with = |secret: &str| [("note".to_owned(), kept["note"].clone()), ("secret".to_owned(), secret.to_owned())];
    let sent = |values: &[(String, String)]| {
        values.iter().map(|(name, value)| (name.clone(), value.clone())).collect::<Vec<_>>()
    };
    let mut confirmation = String::new();
    for (secret, status) in [("guess", 401), (token.expose(), 200)] {
        let values = sent(&with(secret));
        let values: Vec<_> = values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let page = browser.post("/alerts/1/notes", &values).await;
        assert_eq!(page.status, status, "{}", page.text);
        assert_eq!(page.form("/alerts/1/notes")["note"], kept["note"]);
        if status == 200 {
            assert!(page.text.contains("Nothing was changed yet. Check the form and send it again."), "{}", page.text);
            assert!(!page.text.contains(token.expose()), "the token is not shown");
            let notes: i64 = sqlx::query_scalar("select count(*) from eqp.alert_change where note like 'a long note%'")
                .fetch_one(&database.pool)
                .await
                .unwrap();
            assert_eq!(notes, 0);
            let form = page.form("/alerts/1/notes");
            let again: Vec<_> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let page = browser.post("/alerts/1/notes", &again).await;
            assert_eq!(page.done(), "/alerts/1?done=noted");
            page.location().clone_into(&mut confirmation);
        }
    }
    let page = browser.get(&confirmation).await;
    assert!(
        page.text.contains("The note is added.") && page.text.contains("with &lt;markup&gt; &amp; &quot;quotes&quot;"),
        "{}",
        page.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_value_is_shown_again_with_a_summary_that_leads_to_its_field() {
    let database = filled("").await;
    let server = Server::on(database.pool.clone());
    let mut browser = server.signed_in("ops", OPERATOR).await;
    for (action, fields, field, status) in [
        ("/alerts/1/notes", &[("note", "")][..], "note", 400),
        ("/alerts/1/notes", &[("note", "x\u{202e}y")], "note", 400),
        ("/alerts/1/acknowledge", &[("by", "a\tb")], "by", 400),
        ("/alerts/1/snooze", &[("seconds", "soon")], "seconds", 400),
        ("/alerts/1/snooze", &[("seconds", "0")], "", 400),
        ("/subscriptions/shop/pause", &[("reason", "x")], "", 200),
    ] {
        let path = action.rsplit_once('/').unwrap().0;
        if status == 200 {
            sqlx::raw_sql("update eqp.subscription_state set state = 'active', paused_at = null, paused_reason = null, cursor_seq = null, alert_cursor = null")
                .execute(&database.pool)
                .await
                .unwrap();
            let long = "x".repeat(501);
            let page = browser.fill(path, action, &[("reason", &long)]).await;
            assert_eq!(page.status, 400, "{}", page.text);
            assert!(page.text.contains("href=\"#form-subscriptions-shop-pause-reason\""), "{}", page.text);
            continue;
        }
        let page = browser.fill(path, action, fields).await;
        assert_eq!(page.status, status, "{action} {fields:?}: {}", page.text);
        let id = format!("form{}-{field}", action.replace('/', "-"));
        assert!(
            page.text.contains(&format!("<a href=\"#{id}\">Nothing was changed: ")),
            "{action} {fields:?}: {}",
            page.text
        );
        assert!(page.text.contains(&format!("id=\"{id}\"")), "{action}: {}", page.text);
    }
    let html = browser
        .request(reqwest::Method::POST, "/alerts/1/notes")
        .header(ORIGIN, &server.url)
        .json(&serde_json::json!({}));
    assert_eq!(read(html).await.status, 415);
    let page = browser.post("/alerts/1/notes", &[("note", &"x".repeat(70_000))]).await;
    assert_eq!(page.status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_typed_is_kept_for_a_user_who_signs_in_with_a_token_that_only_reads() {
    let database = filled("").await;
    let server = Server::on(database.pool.clone());
    let (reader, operator) = (server.token("reader", &[Scope::Read]).await, server.token("ops", OPERATOR).await);
    let mut browser = server.browser();
    let typed =
        |secret: &str| [("note".to_owned(), "a long <note>".to_owned()), ("secret".to_owned(), secret.to_owned())];
    let mut sent = async |secret: &str| {
        let values = typed(secret);
        let values: Vec<_> = values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        browser.post("/alerts/1/notes", &values).await
    };
    let page = sent(reader.expose()).await;
    assert!(page.status == 200 && page.text.contains("Your token may only read."), "{}", page.text);
    assert!(page.text.contains("<pre>a long &lt;note&gt;</pre>"), "{}", page.text);
    let kept = page.form("/alerts/1/notes");
    assert!(kept["note"] == "a long <note>" && kept.contains_key("secret") && !kept.contains_key("csrf"), "{kept:?}");
    let page = sent(operator.expose()).await;
    let form = page.form("/alerts/1/notes");
    assert!(form["note"] == "a long <note>" && form.contains_key("csrf"), "{}", page.text);
    let sessions: Vec<i64> =
        sqlx::query_scalar("select token_id from eqp.operator_session").fetch_all(&database.pool).await.unwrap();
    assert_eq!(sessions.len(), 1, "the session of the other token has ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_cannot_confirm_what_was_not_done() {
    let database = filled("").await;
    let server = Server::on(database.pool.clone());
    let mut browser = server.signed_in("ops", OPERATOR).await;
    let done = browser.fill("/alerts/1", "/alerts/1/notes", &[("note", "x")]).await;
    let (_, tag) = done.location().rsplit_once('.').unwrap();
    assert!(browser.get(done.location()).await.text.contains("The note is added."));
    for forged in [
        "/alerts/1?done=resolved".to_owned(),
        "/alerts/1?done=resolved.".to_owned(),
        format!("/alerts/1?done=resolved.{tag}"),
        format!("/alerts/2?done=noted.{tag}"),
    ] {
        let page = browser.get(&forged).await;
        assert!(page.status == 200 && !page.text.contains("class=\"done\""), "{forged}: {}", page.text);
    }
    let other = server.signed_in("other", OPERATOR).await;
    assert!(!other.get(done.location()).await.text.contains("The note is added."), "it belongs to a session");
}
