//! Retention deletes old callbacks, and nothing that is still needed.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::collections::BTreeSet;

use eqp_store::internal::Retention;
use eqp_test_support::callbacks::{CallbackDatabase, scan};
use sqlx::{AssertSqlSafe, Executor, PgPool};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// Stores callbacks that arrived this number of days ago.
async fn arrived(database: &CallbackDatabase, days: i64, files: &[String]) -> Vec<Uuid> {
    let at = OffsetDateTime::now_utc() - Duration::days(days);
    let bodies: Vec<String> = files.iter().map(|file| scan(file, "passed")).collect();
    database.callbacks_of(at, &bodies).await
}

async fn ids(database: &CallbackDatabase, sql: &'static str) -> BTreeSet<Uuid> {
    sqlx::query_scalar(sql).fetch_all(&database.pool).await.unwrap().into_iter().collect()
}

async fn callbacks(database: &CallbackDatabase) -> BTreeSet<Uuid> {
    ids(database, "select id from eqp.callback").await
}

fn days_ago(days: i64) -> OffsetDateTime {
    OffsetDateTime::now_utc() - Duration::days(days)
}

fn files(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|number| format!("file-{number}")).collect()
}

#[tokio::test]
async fn older_callbacks_are_deleted_with_their_dispositions_and_their_events_stay() {
    let database = CallbackDatabase::new().await;
    arrived(&database, 500, &files(0..3)).await;
    let young = arrived(&database, 300, &files(3..5)).await;
    database.project().await;
    let before = database.events().await;
    let retention = Retention::new(database.pool.clone());
    assert_eq!(retention.count_before(days_ago(400)).await.unwrap(), 3);
    assert_eq!(callbacks(&database).await.len(), 5, "counting deletes nothing");
    assert_eq!(retention.delete_before(days_ago(400)).await.unwrap(), 3);
    let left: BTreeSet<Uuid> = young.into_iter().collect();
    assert_eq!(callbacks(&database).await, left);
    assert_eq!(ids(&database, "select callback_id from eqp.callback_disposition").await, left);
    assert_eq!(database.events().await, before);
    let shown = database.reader().event(before[0].seq).await.unwrap().unwrap();
    assert_eq!(shown.callback, None, "it is no longer stored");
    assert_eq!(retention.delete_before(days_ago(400)).await.unwrap(), 0);
    // A duplicate of a deleted callback is still a duplicate.
    database.callback(scan("file-0", "passed")).await;
    database.project().await;
    assert_eq!(database.events().await, before);
}

#[tokio::test]
async fn pending_callbacks_and_newer_ones_are_not_deleted() {
    let database = CallbackDatabase::new().await;
    let projected = arrived(&database, 500, &files(0..2)).await;
    database.project().await;
    let pending = arrived(&database, 450, &files(2..3)).await;
    // Projected although it was received later: with several receivers, the queue is not in the order of IDs.
    let after = arrived(&database, 420, &files(3..4)).await;
    let sql = format!(
        "delete from eqp.callback_pending where callback_ids = array['{0}'::uuid];
         insert into eqp.callback_disposition (callback_id, ordinal, disposition) values ('{0}', 0, 'duplicate')",
        after[0]
    );
    database.pool.execute(AssertSqlSafe(sql)).await.unwrap();

    let retention = Retention::new(database.pool.clone());
    assert_eq!(retention.count_before(days_ago(400)).await.unwrap(), projected.len() as u64);
    assert_eq!(retention.delete_before(days_ago(400)).await.unwrap(), projected.len() as u64);
    assert_eq!(callbacks(&database).await, pending.iter().chain(&after).copied().collect());
    database.project().await;
    assert_eq!(retention.delete_before(days_ago(400)).await.unwrap(), 2, "and goes when it is projected");
}

#[tokio::test]
async fn many_callbacks_are_deleted_in_batches_without_a_full_table_scan() {
    let database = CallbackDatabase::new().await;
    arrived(&database, 500, &files(0..5_000)).await;
    let young = arrived(&database, 1, &files(5_000..9_000)).await;
    database.project().await;
    let scans = "select coalesce(sum(seq_scan), 0)::bigint from pg_stat_user_tables
                 where relname in ('callback', 'callback_disposition')";
    let options = database.database.options.clone();
    // A connection reports its counters when it ends.
    database.pool.close().await;
    let count = || async {
        let pool = PgPool::connect_with(options.clone()).await.unwrap();
        sqlx::query_scalar::<_, i64>(scans).fetch_one(&pool).await.unwrap()
    };
    let before = count().await;
    let pool = PgPool::connect_with(options.clone()).await.unwrap();
    assert_eq!(Retention::new(pool.clone()).delete_before(days_ago(400)).await.unwrap(), 5_000);
    pool.close().await;
    assert_eq!(count().await, before);
    let pool = PgPool::connect_with(options.clone()).await.unwrap();
    let left: Vec<Uuid> = sqlx::query_scalar("select id from eqp.callback").fetch_all(&pool).await.unwrap();
    assert_eq!(left.into_iter().collect::<BTreeSet<_>>(), young.into_iter().collect());
    pool.close().await;
    assert!(count().await > before, "a scan would have been seen");
}
