//! A database in which every page has something to show.

use eqp_store::ResourceKind;
use eqp_test_support::callbacks::{CallbackDatabase, file, later_form, package, scan};
use sqlx::AssertSqlSafe;

/// The pages of signed-in users, each with something to show on a filled database.
pub(crate) const PAGES: &[&str] = &[
    "/",
    "/find",
    "/find?text=s1",
    "/alerts",
    "/alerts?all=true",
    "/alerts/1",
    "/events",
    "/events?kind=submission&limit=1",
    "/events/1",
    "/events/2",
    "/events/3",
    "/events/4",
    "/deliveries",
    "/deliveries?state=skipped",
    "/deliveries/1",
    "/deliveries/7",
    "/subscriptions/shop",
    "/replays/1",
    "/submissions/s2",
    "/submissions/s2?kind=reconciliation",
    "/health",
];

/// The forms that change something, each with the scope `operate`.
pub(crate) const WRITES: &[&str] = &[
    "/alerts/1/acknowledge",
    "/alerts/1/snooze",
    "/alerts/1/notes",
    "/alerts/1/resolve",
    "/events/1/replay",
    "/replays/1/cancel",
    "/deliveries/1/retry",
    "/deliveries/1/discard",
    "/subscriptions/shop/test",
    "/subscriptions/shop/pause",
    "/subscriptions/shop/resume",
];

/// Creates a database with callbacks, an API read, a subscription with deliveries, a replay, a receiver and alerts. `text` is in every
/// stored text of other programs and people.
pub(crate) async fn filled(text: &str) -> CallbackDatabase {
    let database = CallbackDatabase::new().await;
    let json = serde_json::to_string(text).unwrap();
    let json = &json[1..json.len() - 1];
    database.callback(later_form(&format!("s1{json}"), "technical", ["in_progress", "rejected", "draft"], 1)).await;
    database.callback(format!(r#"{{"callback_event": "moved{json}"}}"#)).await;
    database.callback(b"\xff\x00 no text").await;
    database.callback(scan("f1", "fail")).await;
    database.project().await;
    database.callback(later_form(&format!("s1{json}"), "technical", ["in_progress", "rejected", "draft"], 1)).await;
    database.project().await;
    assert!(database.read_package(package("s2", ["in_progress", "draft", "approved"], 30)).await);
    database.reads(&[database.read(ResourceKind::File, file("f1", "pass"))]).await;
    database.project().await;
    let sql = text.replace('\'', "''");
    let in_json = json.replace('\'', "''");
    sqlx::raw_sql(AssertSqlSafe(format!(
        "update eqp.callback set headers = convert_to(E'x-evil: ' || '{sql}', 'UTF8') || '\\xff'::bytea;
         update eqp.endpoint set name = 'main{sql}', public_url = 'https://example.test/{sql}';
         insert into eqp.subscription (name, filter, handler, declared_by)
         values ('shop', '{{\"statuses\": [\"{in_json}\"]}}', '{{\"type\": \"exec\", \"program\": \"{in_json}\"}}', '{sql}');
         insert into eqp.subscription_state (subscription_id, state, paused_at, paused_reason, cursor_seq, alert_cursor)
         values (1, 'paused', now(), 'a test{sql}', 1, 0);
         insert into eqp.delivery (subscription_id, resource, source, event_seq, attempts, dead_at)
         values (1, 7, 'event', 1, 10, now());
         insert into eqp.attempt (delivery_id, subscription_id, source, event_seq, duration_ms, result, status, note)
         values (1, 1, 'event', 1, 12, 'event_failed', 500, 'no way{sql}'),
                (7, 1, 'event', 2, 0, 'skipped', null, 'the SKU is not known{sql}');
         insert into eqp.replay (selection, subscription_id, subscription, end_seq, planned, created, requested_by)
         values ('{{\"events\": [1]}}', 1, 'shop', 9, 3, 2, 'token ci{sql}');
         insert into eqp.delivery (subscription_id, resource, source, event_seq, replay_id) values (1, 7, 'event', 1, 1);
         insert into eqp.receiver (id, heartbeat_at, credential_generation, certificate_expires_at, spool_oldest_at, spool_callbacks)
         values (gen_random_uuid(), now(), 1, now() + interval '3 days', now(), 2);
         insert into eqp.registration_check select id, 'missing{sql}', false, now(), now() from eqp.endpoint;
         insert into eqp.reconcile_run (account_id, kind, finished_at, error)
         select id, 'full', now(), 'no{sql}' from eqp.account"
    )))
    .execute(&database.pool)
    .await
    .unwrap();
    let mut engine = eqp_sync::AlertEngine::new(database.pool.clone(), eqp_sync::AlertSettings::default());
    engine.evaluate(time::OffsetDateTime::now_utc()).await.unwrap();
    // The first alert has a name and a note, and one is resolved.
    sqlx::raw_sql(AssertSqlSafe(format!(
        "update eqp.alert set acknowledged_at = now(), acknowledged_by = 'ops{sql}' where id = 1;
         update eqp.alert set resolved_at = now(), resolved_by = 'ops{sql}' where id = (select max(id) from eqp.alert);
         insert into eqp.alert_change (number, alert_id, change, at, changed_by, note, severity, notify_after)
         select last_number + 1, 1, 'noted', now(), 'ops{sql}', 'asked{sql}', 'info', now() from eqp.alert_log;
         update eqp.alert_log set last_number = last_number + 1"
    )))
    .execute(&database.pool)
    .await
    .unwrap();
    database
}
