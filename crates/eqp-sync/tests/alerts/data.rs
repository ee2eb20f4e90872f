//! Times far ahead of our clock, and unknown event codes.

use eqp_store::AlertSeverity;
use eqp_sync::AlertKind;
use eqp_test_support::callbacks::CallbackDatabase;
use eqp_types::Timestamp;
use time::{Duration, OffsetDateTime};

use crate::harness::Watch;

/// A callback about a submission whose status changed at this time.
fn changed_at(submission: &str, at: OffsetDateTime) -> String {
    format!(
        r#"{{"callback_event": "eqp_status_update", "update_info": {{"submission_id": "{submission}",
        "item_id": "i", "eqp_flow": "technical", "current_status": "in_automation",
        "eqp_status": {{"overall": "in_progress", "technical": "in_automation", "marketing": "draft"}},
        "modified_at": "{}"}}}}"#,
        Timestamp::of(at)
    )
}

#[tokio::test]
async fn a_clock_that_is_far_ahead_opens_one_alert_of_its_account() {
    let database = CallbackDatabase::new().await;
    let mut watch = Watch::of(&database.database).await;
    let ahead = |days| OffsetDateTime::now_utc() + Duration::days(days);
    let mut seen = Vec::new();
    for (submission, days) in [("s1", 10), ("s2", 20), ("s3", 30)] {
        database.callback(changed_at(submission, ahead(days))).await;
        database.project().await;
        let evaluation = watch.now().await;
        seen.push((evaluation.opened, evaluation.updated));
    }
    assert_eq!(seen, [(1, 0), (0, 1), (0, 1)]);
    let id = watch.the(AlertKind::ClockDoubtful).await.id;
    let text = watch.acknowledge(AlertKind::ClockDoubtful, AlertSeverity::Page).await;
    assert!(text.meaning.contains(&Timestamp::of(ahead(30)).to_string()[..10]), "{text:?}");

    database.callback(changed_at("s4", OffsetDateTime::now_utc())).await;
    database.project().await;
    assert_eq!(watch.now().await.resolved, 0, "one plausible time is not enough");
    assert_eq!(watch.after(Duration::minutes(62)).await.resolved, 1);
    watch.is_resolved(id).await;
}

#[tokio::test]
async fn an_unknown_event_code_opens_an_alert_that_ends_after_thirty_days() {
    let database = CallbackDatabase::new().await;
    let mut watch = Watch::of(&database.database).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        database.callback(r#"{"callback_event": "package_sold", "update_info": {}}"#).await;
        database.project().await;
        let evaluation = watch.now().await;
        seen.push((evaluation.opened, evaluation.updated));
    }
    assert_eq!(seen, [(1, 0), (0, 1), (0, 1)]);
    let id = watch.the(AlertKind::UnknownEventCode).await.id;
    let text = watch.acknowledge(AlertKind::UnknownEventCode, AlertSeverity::Info).await;
    assert_eq!(text.scope.as_deref(), Some("package_sold"));
    assert!(text.meaning.starts_with("3 callbacks"), "{text:?}");

    database.callback(r#"{"callback_event": "package_returned", "update_info": {}}"#).await;
    database.project().await;
    assert_eq!(watch.now().await.opened, 1, "each code has its own alert");
    assert_eq!(watch.after(Duration::days(31)).await.resolved, 2);
    watch.is_resolved(id).await;
}
