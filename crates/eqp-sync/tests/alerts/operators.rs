//! What operators do with alerts, and how several processes evaluate them.

use eqp_store::AlertSeverity;
use eqp_sync::{AlertError, AlertKind, AlertService, AlertSettings};
use eqp_test_support::callbacks::{CallbackDatabase, first_form};
use eqp_test_support::receiver::until;
use time::{Duration, OffsetDateTime};
use tokio_util::sync::CancellationToken;

use crate::harness::{Watch, pool_of};

/// A callback whose event code this version does not know.
async fn unknown_code(database: &CallbackDatabase) {
    database.callback(r#"{"callback_event": "package_sold", "update_info": {}}"#).await;
    database.project().await;
}

#[tokio::test]
async fn an_alert_that_a_person_resolved_is_opened_again_for_a_new_cause_only() {
    let database = CallbackDatabase::new().await;
    let mut watch = Watch::of(&database.database).await;
    unknown_code(&database).await;
    assert_eq!(watch.now().await.opened, 1);
    let id = watch.the(AlertKind::UnknownEventCode).await.id;
    watch.operators.resolve(id, "ops", Some("asked the vendor"), OffsetDateTime::now_utc()).await.unwrap();
    for elapsed in [Duration::ZERO, Duration::days(2)] {
        let evaluation = watch.after(elapsed + Duration::SECOND).await;
        assert_eq!((evaluation.opened, watch.open().await.len()), (0, 0));
    }
    let (alert, _) = watch.operators.show(id).await.unwrap();
    assert_eq!(alert.resolved_by.as_deref(), Some("ops"));

    unknown_code(&database).await;
    assert_eq!(watch.now().await.opened, 1);
    let listed = watch.operators.list(true, OffsetDateTime::now_utc()).await.unwrap();
    assert_eq!((listed.counts.open, listed.counts.resolved, listed.alerts.len()), (1, 1, 2));
}

#[tokio::test]
async fn a_condition_that_still_holds_comes_back_after_a_day() {
    let database = CallbackDatabase::new().await;
    let mut watch = Watch::of(&database.database).await;
    database.callbacks_of(watch.begun - Duration::HOUR, &[first_form("s1", "technical", "approved")]).await;
    assert_eq!(watch.after(Duration::ZERO).await.opened, 1);
    let id = watch.the(AlertKind::ProjectionBehind).await.id;
    watch.operators.resolve(id, "ops", None, watch.begun).await.unwrap();
    assert_eq!(watch.after(Duration::hours(23)).await.opened, 0);
    assert_eq!(watch.after(Duration::hours(25)).await.opened, 1);
}

#[tokio::test]
async fn wrong_requests_change_nothing() {
    let database = CallbackDatabase::new().await;
    let mut watch = Watch::of(&database.database).await;
    unknown_code(&database).await;
    watch.now().await;
    let (id, now) = (watch.the(AlertKind::UnknownEventCode).await.id, OffsetDateTime::now_utc());
    let operators = &watch.operators;
    assert!(matches!(operators.acknowledge(id + 1, "ops", None, now).await, Err(AlertError::NotFound(_))));
    for by in ["", " ", "a\u{1b}[2J", &"x".repeat(201)] {
        assert!(matches!(operators.acknowledge(id, by, None, now).await, Err(AlertError::Text(_))), "{by:?}");
    }
    assert!(matches!(operators.note(id, "ops", &"x".repeat(4_001), now).await, Err(AlertError::Text(_))));
    for days in [0, 366] {
        let wait = std::time::Duration::from_hours(24 * days);
        assert!(matches!(operators.snooze(id, "ops", wait, now).await, Err(AlertError::Snooze)), "{days}");
    }
    let (_, changes) = operators.show(id).await.unwrap();
    assert_eq!(changes.len(), 1, "only its opening");
    operators.resolve(id, "ops", None, now).await.unwrap();
    assert!(matches!(operators.resolve(id, "ops", None, now).await, Err(AlertError::Resolved(_))));
    assert!(matches!(operators.acknowledge(id, "ops", None, now).await, Err(AlertError::Resolved(_))));
    operators.note(id, "ops", "a note can\nalways be added", now).await.unwrap();
}

#[tokio::test]
async fn reminders_name_only_what_nobody_takes_care_of() {
    let database = CallbackDatabase::new().await;
    let mut watch = Watch::of(&database.database).await;
    database.callbacks_of(watch.begun - Duration::HOUR, &[first_form("s1", "technical", "approved")]).await;
    assert_eq!(watch.after(Duration::ZERO).await.opened, 1);
    let id = watch.the(AlertKind::ProjectionBehind).await.id;
    let mut reminded = Vec::new();
    for minutes in [30, 61, 90, 122] {
        reminded.push(watch.after(Duration::minutes(minutes)).await.reminded);
    }
    assert_eq!(reminded, [0, 1, 0, 1]);
    let snoozed_at = watch.begun + Duration::hours(3);
    watch.operators.snooze(id, "ops", std::time::Duration::from_hours(3), snoozed_at).await.unwrap();
    assert_eq!(watch.after(Duration::hours(5)).await.reminded, 0);
    assert_eq!(watch.after(Duration::hours(6)).await.reminded, 1);
    watch.operators.acknowledge(id, "ops", None, snoozed_at).await.unwrap();
    assert_eq!(watch.after(Duration::hours(24)).await.reminded, 0);
}

#[tokio::test]
async fn severities_can_be_changed_and_quiet_hours_hold_back_all_but_pages() {
    let database = CallbackDatabase::new().await;
    // An hour around each evaluation.
    let now = OffsetDateTime::now_utc();
    let hour = |at: OffsetDateTime| format!("{:02}:00", at.hour());
    let quiet = format!("{}-{}", hour(now - Duration::hours(2)), hour(now + Duration::hours(3))).parse().unwrap();
    let settings =
        AlertSettings::default().severity(AlertKind::UnknownEventCode, AlertSeverity::Ticket).quiet_hours(quiet);
    let mut watch = Watch::with(&database.database, settings).await;
    unknown_code(&database).await;
    database.callbacks_of(now - Duration::HOUR, &[first_form("s1", "technical", "approved")]).await;
    assert_eq!(watch.now().await.opened, 2);
    for (kind, severity, is_held_back) in [
        (AlertKind::UnknownEventCode, AlertSeverity::Ticket, true),
        (AlertKind::ProjectionBehind, AlertSeverity::Page, false),
    ] {
        let alert = watch.the(kind).await;
        let (_, changes) = watch.operators.show(alert.id).await.unwrap();
        assert_eq!((alert.severity, changes[0].notify_after > changes[0].at), (severity, is_held_back), "{kind}");
    }
}

#[tokio::test]
async fn two_processes_open_each_alert_once() {
    let database = CallbackDatabase::new().await;
    let (mut one, mut two) = (Watch::of(&database.database).await, Watch::of(&database.database).await);
    for round in 0..10 {
        database.callback(format!(r#"{{"callback_event": "code_{round}", "update_info": {{}}}}"#)).await;
        database.project().await;
        let (first, second) = tokio::join!(one.now(), two.now());
        assert_eq!(first.opened + second.opened, 1, "{first:?} {second:?}");
    }
    let numbers: Vec<i64> = sqlx::query_scalar("select number from eqp.alert_change order by number")
        .fetch_all(&database.pool)
        .await
        .unwrap();
    assert_eq!(numbers, (1..=10).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_service_evaluates_at_the_start_and_when_something_has_happened() {
    let database = CallbackDatabase::new().await;
    let watch = Watch::of(&database.database).await;
    unknown_code(&database).await;
    let metrics = eqp_receiver::Metrics::default();
    let observer = metrics.observer();
    // A panic does not end it.
    observer.supervisor().arm("alerts");
    let shutdown = CancellationToken::new();
    let service = AlertService::new(pool_of(&database.database, "eqp_reconcile")).observer(observer.clone());
    let serving = tokio::spawn(service.run(shutdown.clone()));
    until("the alert is opened", || async { watch.open().await.len() == 1 }).await;
    until("it is counted", || async { metrics.text().contains("eqp_alerts_open{severity=\"info\"} 1") }).await;

    database.callbacks_of(watch.begun - Duration::HOUR, &[first_form("s1", "technical", "approved")]).await;
    observer.request_alerts();
    until("the second alert is opened", || async { watch.open().await.len() == 2 }).await;
    until("it is counted", || async { metrics.text().contains("eqp_alerts_open{severity=\"page\"} 1") }).await;
    shutdown.cancel();
    serving.await.unwrap();
}
