//! Reminders list the alerts that are open when they are sent.

use eqp_deliver::{Fallback, MessageBody};
use eqp_store::internal::{NewAlertChange, alert, alert_log};
use eqp_store::{AlertChangeKind, AlertSeverity};
use serde_json::json;
use time::OffsetDateTime;

use crate::alerts::{Alert, now};
use crate::setup::Setup;

async fn remind(setup: &Setup, severity: AlertSeverity, alerts: &[&Alert]) {
    let mut connection = setup.database.pool.acquire().await.unwrap();
    let data = json!({"alerts": alerts.iter().map(|alert| alert.id).collect::<Vec<_>>()}).to_string();
    let at = OffsetDateTime::now_utc();
    let change = NewAlertChange {
        alert: None,
        change: AlertChangeKind::Reminded,
        at,
        by: None,
        note: None,
        data: &data,
        severity,
        notify_after: now(),
    };
    alert_log::append(&mut connection, &change).await.unwrap();
}

/// The alerts of each reminder that a handler received.
fn reminders(setup: &Setup, handler: &str) -> Vec<Vec<i64>> {
    let received = setup.handlers.received();
    let reminders = received.iter().filter(|one| one.handler == handler).filter_map(|one| match &one.message.body {
        MessageBody::AlertReminded(content) => Some(content.data.alerts.iter().map(|alert| alert.alert).collect()),
        _ => None,
    });
    reminders.collect()
}

#[tokio::test]
async fn a_reminder_lists_what_is_open_when_it_is_sent() {
    let setup = Setup::new().await;
    setup.subscribe("all", |new| new.filter.alerts_only = true).await;
    setup.subscribe("info", |new| new.filter.alerts = vec!["info".into()]).await;
    let (first, second) = (page(&setup, "{}").await, page(&setup, "{}").await);
    let all = setup.subscriptions().id("all").await.unwrap().0;
    let about = page(&setup, &format!(r#"{{"subscription_id": {all}}}"#)).await;
    let (ticket, info) = (open(&setup, AlertSeverity::Ticket).await, open(&setup, AlertSeverity::Info).await);
    remind(&setup, AlertSeverity::Page, &[&first, &second, &about]).await;
    remind(&setup, AlertSeverity::Ticket, &[&ticket, &info]).await;
    // Before it is sent, one is acknowledged.
    let mut connection = setup.database.pool.acquire().await.unwrap();
    alert::acknowledge(&mut connection, first.id, "ann", OffsetDateTime::now_utc()).await.unwrap();
    let process = setup.start();
    setup.until("select alert_cursor from eqp.fanout", 7).await;
    setup.until_empty().await;
    process.stop().await;
    let mut received = reminders(&setup, "all");
    received.sort();
    assert_eq!(received, [vec![second.id], vec![ticket.id, info.id]]);
    assert_eq!(reminders(&setup, "info"), [vec![info.id]]);
}

#[tokio::test]
async fn a_reminder_that_has_waited_is_sent_only_if_it_is_the_last_and_something_is_open() {
    let setup = Setup::new().await;
    setup.subscribe("all", |new| new.filter.alerts_only = true).await;
    setup.subscriptions().pause("all", "a deployment").await.unwrap();
    let (first, ticket) = (page(&setup, "{}").await, open(&setup, AlertSeverity::Ticket).await);
    for _ in 0..3 {
        remind(&setup, AlertSeverity::Page, &[&first]).await;
    }
    remind(&setup, AlertSeverity::Ticket, &[&ticket]).await;
    let mut connection = setup.database.pool.acquire().await.unwrap();
    alert::resolve(&mut connection, ticket.id, None, OffsetDateTime::now_utc()).await.unwrap();
    setup.subscriptions().resume("all").await.unwrap();
    let process = setup.start();
    setup.until("select count(*) from eqp.attempt", 2 + 4).await;
    process.stop().await;
    assert_eq!(reminders(&setup, "all"), [vec![first.id]]);
    assert_eq!(setup.number("select count(*) from eqp.attempt where note = 'a later reminder replaces it'").await, 2);
    assert_eq!(
        setup.number("select count(*) from eqp.attempt where note = 'all alerts of this reminder are resolved'").await,
        1
    );
}

#[tokio::test]
async fn a_fallback_that_received_an_alert_is_reminded_of_it() {
    let setup = Setup::new().await;
    setup.subscribe("first", |new| new.filter.alerts = vec!["page".into()]).await;
    setup.subscribe("second", |new| new.fallback = Some(Fallback::of("first"))).await;
    setup.subscriptions().pause("first", "a deployment").await.unwrap();
    let process = setup.start();
    let during = page(&setup, "{}").await;
    setup.until("select count(*) from eqp.attempt", 1).await;
    setup.subscriptions().resume("first").await.unwrap();
    remind(&setup, AlertSeverity::Page, &[&during]).await;
    setup.until("select count(*) from eqp.attempt", 4).await;
    process.stop().await;
    assert_eq!(reminders(&setup, "first"), [vec![during.id]]);
    assert_eq!(reminders(&setup, "second"), [vec![during.id]]);
}

async fn page(setup: &Setup, data: &str) -> Alert {
    Alert::open(setup, AlertSeverity::Page, data, now()).await
}

async fn open(setup: &Setup, severity: AlertSeverity) -> Alert {
    Alert::open(setup, severity, "{}", now()).await
}
