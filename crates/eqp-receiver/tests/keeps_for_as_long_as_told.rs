//! Retention: what is too old goes, and what is needed stays.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod kept;

use std::collections::BTreeSet;

use eqp_receiver::Retention;
use kept::{Kept, scan};
use sqlx::{AssertSqlSafe, Executor, PgPool};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// Keeps callbacks that arrived so many days ago.
async fn arrived(kept: &Kept, days: i64, files: &[String]) -> Vec<Uuid> {
    let at = OffsetDateTime::now_utc() - Duration::days(days);
    let bodies: Vec<String> = files.iter().map(|file| scan(file, "passed")).collect();
    kept.callbacks_of(at, &bodies).await
}

async fn ids(kept: &Kept, sql: &'static str) -> BTreeSet<Uuid> {
    sqlx::query_scalar(sql).fetch_all(&kept.pool).await.unwrap().into_iter().collect()
}

async fn callbacks(kept: &Kept) -> BTreeSet<Uuid> {
    ids(kept, "select id from eqp.callback").await
}

fn days_ago(days: i64) -> OffsetDateTime {
    OffsetDateTime::now_utc() - Duration::days(days)
}

fn files(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|number| format!("file-{number}")).collect()
}

#[tokio::test]
async fn what_is_older_goes_with_what_became_of_it_and_its_events_stay() {
    let kept = Kept::new().await;
    arrived(&kept, 500, &files(0..3)).await;
    let young = arrived(&kept, 300, &files(3..5)).await;
    kept.project().await;
    let before = kept.events().await;
    let retention = Retention::new(kept.pool.clone());
    assert_eq!(retention.count_before(days_ago(400)).await.unwrap(), 3);
    assert_eq!(callbacks(&kept).await.len(), 5, "counting deletes nothing");
    assert_eq!(retention.delete_before(days_ago(400)).await.unwrap(), 3);
    let left: BTreeSet<Uuid> = young.into_iter().collect();
    assert_eq!(callbacks(&kept).await, left);
    assert_eq!(ids(&kept, "select callback_id from eqp.callback_outcome").await, left);
    assert_eq!(kept.events().await, before);
    let shown = kept.reader().event(before[0].seq).await.unwrap().unwrap();
    assert_eq!(shown.callback, None, "it is said to be gone");
    assert_eq!(retention.delete_before(days_ago(400)).await.unwrap(), 0);
    // A copy of what is gone is a copy all the same.
    kept.callback(scan("file-0", "passed")).await;
    kept.project().await;
    assert_eq!(kept.events().await, before);
}

#[tokio::test]
async fn what_is_pending_stays_and_everything_after_it() {
    let kept = Kept::new().await;
    let projected = arrived(&kept, 500, &files(0..2)).await;
    kept.project().await;
    let pending = arrived(&kept, 450, &files(2..3)).await;
    // Projected though it arrived later: the queue is not in the order of ids where several receivers write.
    let after = arrived(&kept, 420, &files(3..4)).await;
    let sql = format!(
        "delete from eqp.callback_pending where callback_ids = array['{0}'::uuid];
         insert into eqp.callback_outcome (callback_id, kind, verdict) values ('{0}', 'file', 'copy')",
        after[0]
    );
    kept.pool.execute(AssertSqlSafe(sql)).await.unwrap();

    let retention = Retention::new(kept.pool.clone());
    assert_eq!(retention.count_before(days_ago(400)).await.unwrap(), projected.len() as u64);
    assert_eq!(retention.delete_before(days_ago(400)).await.unwrap(), projected.len() as u64);
    assert_eq!(callbacks(&kept).await, pending.iter().chain(&after).copied().collect());
    kept.project().await;
    assert_eq!(retention.delete_before(days_ago(400)).await.unwrap(), 2, "and goes when it is projected");
}

#[tokio::test]
async fn much_goes_piece_by_piece_and_no_table_is_read_from_end_to_end() {
    let kept = Kept::new().await;
    arrived(&kept, 500, &files(0..5_000)).await;
    let young = arrived(&kept, 1, &files(5_000..9_000)).await;
    kept.project().await;
    let scans = "select coalesce(sum(seq_scan), 0)::bigint from pg_stat_user_tables
                 where relname in ('callback', 'callback_outcome')";
    let options = kept.database.options.clone();
    // A connection tells its counters when it ends.
    kept.pool.close().await;
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
