//! Alerts reach the subscriptions that request them.

use eqp_deliver::MessageBody;
use eqp_store::internal::{AlertSubject, NewAlertChange, alert, alert_log};
use eqp_store::{AlertChangeKind, AlertSeverity};
use time::{Duration, OffsetDateTime};

use crate::setup::{Received, Setup};

/// An alert in the log, whose changes the test writes.
pub(crate) struct Alert {
    pub(crate) id: i64,
    severity: AlertSeverity,
    data: String,
}

impl Alert {
    pub(crate) async fn open(setup: &Setup, severity: AlertSeverity, data: &str, notify_after: OffsetDateTime) -> Self {
        let mut connection = setup.database.pool.acquire().await.unwrap();
        let now = OffsetDateTime::now_utc();
        let count = setup.number("select count(*) from eqp.alert").await;
        let subject = AlertSubject { kind: "spool_not_empty".to_owned(), account: None, key: count.to_string() };
        let id = alert::open(&mut connection, &subject, severity, data, now).await.unwrap();
        let opened = Self { id, severity, data: data.to_owned() };
        opened.changes(setup, AlertChangeKind::Opened, notify_after).await;
        opened
    }

    pub(crate) async fn changes(&self, setup: &Setup, change: AlertChangeKind, notify_after: OffsetDateTime) {
        let mut connection = setup.database.pool.acquire().await.unwrap();
        let change = NewAlertChange {
            alert: Some(self.id),
            change,
            at: OffsetDateTime::now_utc(),
            by: None,
            note: None,
            data: &self.data,
            severity: self.severity,
            notify_after,
        };
        alert_log::append(&mut connection, &change).await.unwrap();
    }
}

pub(crate) fn now() -> OffsetDateTime {
    // In the past for every clock.
    OffsetDateTime::now_utc() - Duration::minutes(1)
}

/// The types of the messages that a handler received, and the alerts or events that they are about.
pub(crate) fn types(setup: &Setup, handler: &str) -> Vec<(String, i64)> {
    let number = |received: &Received| match &received.message.body {
        MessageBody::AlertOpened(content)
        | MessageBody::AlertAcknowledged(content)
        | MessageBody::AlertResolved(content) => content.data.alert,
        MessageBody::AlertReminded(content) => content.data.alerts.len().try_into().unwrap(),
        _ => received.seq(),
    };
    let received = setup.handlers.received();
    let own = received.iter().filter(|one| one.handler == handler);
    own.map(|one| (one.message.body.type_name().to_owned(), number(one))).collect()
}

pub(crate) fn expected(types: &[(&str, i64)]) -> Vec<(String, i64)> {
    types.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect()
}

#[tokio::test]
async fn alerts_reach_the_subscriptions_that_request_them_in_order() {
    let setup = Setup::new().await;
    setup.subscribe("events", |_| {}).await;
    setup.subscribe("pages", |new| new.filter.alerts = vec!["page".into()]).await;
    setup.subscribe("only", |new| new.filter.alerts_only = true).await;
    let process = setup.start();
    setup.files(&["a"]).await;
    setup.handlers.wait_for(2).await;
    let page = Alert::open(&setup, AlertSeverity::Page, r#"{"resource_id": "s1", "sku": "acme/shop"}"#, now()).await;
    for change in [
        AlertChangeKind::Updated,
        AlertChangeKind::Acknowledged,
        AlertChangeKind::Snoozed,
        AlertChangeKind::Noted,
        AlertChangeKind::Resolved,
    ] {
        page.changes(&setup, change, now()).await;
    }
    let info = Alert::open(&setup, AlertSeverity::Info, "{}", now()).await;
    setup.until("select alert_cursor from eqp.fanout", 7).await;
    setup.until_empty().await;
    setup.until("select count(*) from eqp.attempt", 2 + 3 + 4).await;
    process.stop().await;
    assert_eq!(types(&setup, "events"), expected(&[("file.scan_finished", 1)]));
    let changes = [("alert.opened", page.id), ("alert.acknowledged", page.id), ("alert.resolved", page.id)];
    assert_eq!(types(&setup, "pages"), expected(&[&[("file.scan_finished", 1)], &changes[..]].concat()));
    let only = types(&setup, "only");
    let of = |alert: i64| only.iter().filter(|(_, number)| *number == alert).cloned().collect::<Vec<_>>();
    assert_eq!(of(page.id), expected(&changes));
    assert_eq!(of(info.id), expected(&[("alert.opened", info.id)]));
    let received = setup.handlers.received();
    // The order of different alerts is not defined.
    let opened = received.iter().find_map(|one| match &one.message.body {
        MessageBody::AlertOpened(opened) if opened.data.severity == "page" => Some(opened),
        _ => None,
    });
    let opened = opened.expect("it was opened");
    assert_eq!((opened.data.kind.as_str(), opened.data.severity.as_str()), ("spool_not_empty", "page"));
    assert_eq!((opened.data.resource_id.as_deref(), opened.data.sku.as_deref()), (Some("s1"), Some("acme/shop")));
    assert_eq!(opened.data.title, "spool not empty");
}

#[tokio::test]
async fn a_paused_subscription_catches_up_with_alerts_exactly() {
    let setup = Setup::new().await;
    setup.subscribe("other", |new| new.filter.alerts_only = true).await;
    setup.subscribe("shop", |new| new.filter.alerts = vec!["page".into()]).await;
    let process = setup.start();
    let first = Alert::open(&setup, AlertSeverity::Page, "{}", now()).await;
    setup.handlers.wait_for(2).await;
    setup.subscriptions().pause("shop", "a deployment").await.unwrap();
    let second = Alert::open(&setup, AlertSeverity::Page, "{}", now()).await;
    first.changes(&setup, AlertChangeKind::Resolved, now()).await;
    setup.files(&["a"]).await;
    setup.until("select cursor_seq + alert_cursor from eqp.fanout", 1 + 3).await;
    setup.until_empty().await;
    assert_eq!(types(&setup, "shop"), expected(&[("alert.opened", first.id)]));
    setup.subscriptions().resume("shop").await.unwrap();
    let third = Alert::open(&setup, AlertSeverity::Page, "{}", now()).await;
    setup.until("select count(*) from eqp.subscription_state where cursor_seq is not null", 0).await;
    setup.until("select count(*) from eqp.attempt", 4 + 5).await;
    process.stop().await;
    let mut received = types(&setup, "shop");
    received.sort();
    assert_eq!(
        received,
        expected(&[
            ("alert.opened", first.id),
            ("alert.opened", second.id),
            ("alert.opened", third.id),
            ("alert.resolved", first.id),
            ("file.scan_finished", 1),
        ])
    );
}

#[tokio::test]
async fn an_alert_in_quiet_hours_is_sent_after_them_and_holds_back_nothing_else() {
    let setup = Setup::new().await;
    setup.subscribe("all", |new| new.filter.alerts = vec!["ticket".into()]).await;
    let process = setup.start();
    let quiet = Alert::open(&setup, AlertSeverity::Ticket, "{}", OffsetDateTime::now_utc() + Duration::hours(1)).await;
    // The cursor has passed it before the next alert is opened.
    setup.until("select alert_cursor from eqp.fanout", 1).await;
    let loud = Alert::open(&setup, AlertSeverity::Ticket, "{}", now()).await;
    quiet.changes(&setup, AlertChangeKind::Resolved, now()).await;
    setup.files(&["a"]).await;
    setup.until("select count(*) from eqp.attempt", 2).await;
    // A handler that is available again receives what waits, but not before its time.
    setup.subscriptions().pause("all", "a deployment").await.unwrap();
    setup.subscriptions().resume("all").await.unwrap();
    setup.files(&["b"]).await;
    setup.until("select count(*) from eqp.attempt", 3).await;
    setup.until("select count(*) from eqp.delivery", 2).await;
    let sent = |setup: &Setup| {
        let of_alerts = types(setup, "all").into_iter().filter(|(name, _)| name.starts_with("alert."));
        of_alerts.collect::<Vec<_>>()
    };
    assert_eq!(sent(&setup), expected(&[("alert.opened", loud.id)]));
    setup.sql("update eqp.delivery set not_before = now()").await;
    setup.pass_waits().await;
    setup.until_empty().await;
    process.stop().await;
    assert_eq!(
        sent(&setup),
        expected(&[("alert.opened", loud.id), ("alert.opened", quiet.id), ("alert.resolved", quiet.id)])
    );
}

#[tokio::test]
async fn an_alert_about_a_subscription_is_not_sent_to_that_subscription() {
    let setup = Setup::new().await;
    setup.subscribe("shop", |new| new.filter.alerts_only = true).await;
    setup.subscribe("ops", |new| new.filter.alerts_only = true).await;
    let shop = setup.subscriptions().id("shop").await.unwrap().0;
    let process = setup.start();
    let about = Alert::open(&setup, AlertSeverity::Page, &format!(r#"{{"subscription_id": {shop}}}"#), now()).await;
    let other = Alert::open(&setup, AlertSeverity::Page, "{}", now()).await;
    setup.until("select count(*) from eqp.attempt", 3).await;
    process.stop().await;
    assert_eq!(types(&setup, "shop"), expected(&[("alert.opened", other.id)]));
    assert!(types(&setup, "ops").contains(&("alert.opened".to_owned(), about.id)));
}
