//! The pages of alerts.

use eqp_console::{AuditFilter, Scope};

use crate::fixture::filled;
use crate::server::Server;

const OPERATOR: &[Scope] = &[Scope::Read, Scope::Operate];

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_acknowledged_snoozed_noted_and_resolved() {
    let database = filled("").await;
    sqlx::query("update eqp.alert set acknowledged_at = null, acknowledged_by = null")
        .execute(&database.pool)
        .await
        .unwrap();
    let server = Server::on(database.pool.clone());
    let mut browser = server.signed_in("ops", OPERATOR).await;
    let page = browser.get("/alerts").await;
    let open = page.heading();
    assert!(open.contains(" open, 0 acknowledged, 1 resolved in 30 days"), "{open}");
    for words in ["First check: ", "Nothing is lost", "Resolves automatically", "Note: “asked”"] {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    assert!(page.text.contains("<noscript><meta http-equiv=\"refresh\" content=\"10\"></noscript>"), "{}", page.text);
    assert!(page.text.contains("data-state=\""));
    let paused = browser.get("/alerts?live=off").await;
    assert!(!paused.text.contains("http-equiv=\"refresh\"") && paused.text.contains("Updates are paused."));

    let done = browser.fill("/alerts/1", "/alerts/1/acknowledge", &[("by", "Kim"), ("note", "I look at it")]).await;
    assert_eq!((done.status, done.done()), (303, "/alerts/1?done=acknowledged"));
    let page = browser.get(done.location()).await;
    assert!(page.heading().starts_with("Acknowledged: "), "{}", page.heading());
    // The name is only claimed, so the history names the token.
    assert!(
        page.text.contains("acknowledged by token ops") && page.text.contains("Kim: I look at it"),
        "{}",
        page.text
    );
    assert!(page.text.contains("<p class=\"done\" role=\"status\">The alert is acknowledged."), "{}", page.text);
    let done = browser.fill("/alerts/1", "/alerts/1/snooze", &[("seconds", "86400")]).await;
    assert_eq!(done.done(), "/alerts/1?done=snoozed");
    let done = browser.fill("/alerts/1", "/alerts/1/notes", &[("note", "two\nlines\tand a tab")]).await;
    assert_eq!(done.done(), "/alerts/1?done=noted");
    let done = browser.fill("/alerts/1", "/alerts/1/resolve", &[]).await;
    assert_eq!(done.done(), "/alerts/1?done=resolved");
    let page = browser.get("/alerts/1").await;
    assert!(page.heading().starts_with("Resolved: ") && page.text.contains("by token ops"), "{}", page.text);
    assert!(
        !page.text.contains("/alerts/1/resolve") && page.text.contains("/alerts/1/notes"),
        "only notes can be added"
    );
    let log = server.local.audit(&AuditFilter::default()).await.unwrap();
    let actions: Vec<_> =
        log.entries.iter().rev().map(|entry| (entry.action.as_str(), entry.principal.as_str())).collect();
    let of = |action| (action, "token ops");
    assert_eq!(
        actions[1..],
        [of("session.begin"), of("alert.acknowledge"), of("alert.snooze"), of("alert.note"), of("alert.resolve")]
    );
}
