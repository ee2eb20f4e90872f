//! However much is reported about one submission, everything else is projected in time.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod kept;

use eqp_receiver::{EventFilter, Order};
use kept::{Kept, PATIENCE, scan};
use sqlx::{AssertSqlSafe, Executor};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// A report about one submission, so many seconds after a fixed time.
fn report(second: usize) -> String {
    let status = ["in_automation", "awaiting_manual_qa", "in_manual_qa", "rejected"][second % 4];
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!(
        r#"{{"callback_event": "eqp_status_update", "update_info": {{"submission_id": "one", "eqp_flow": "technical",
        "current_status": "{status}", "modified_at": "2022-08-25 {hour:02}:{minute:02}:{second:02}"}}}}"#
    )
}

async fn index_reads(kept: &Kept) -> (i64, i64) {
    sqlx::query_as(
        "select sum(idx_tup_read)::bigint, sum(idx_scan)::bigint from pg_stat_user_indexes
         where schemaname = 'eqp' and relname = 'event'",
    )
    .fetch_one(&kept.pool)
    .await
    .unwrap()
}

/// With statistics that say that the table is empty, Postgres must still read only the events next to each time.
#[tokio::test]
async fn the_history_of_one_resource_is_looked_up_and_never_read_whole() {
    const EVENTS: usize = 10_000;
    const LATE: usize = 2_000;
    let kept = Kept::new().await;
    kept.pool.execute("alter table eqp.event set (autovacuum_enabled = false); analyze eqp.event").await.unwrap();
    let every_other: Vec<String> = (0..EVENTS).map(|number| report(number * 2)).collect();
    for batch in every_other.chunks(500) {
        kept.callbacks(batch).await;
    }
    assert_eq!(kept.project().await, EVENTS);

    let (_, before) = index_reads(&kept).await;
    let late: Vec<String> = (0..LATE).map(|number| report(number * 8 + 1)).collect();
    kept.callbacks(&late).await;
    assert_eq!(kept.project().await, LATE);
    let deadline = Instant::now() + PATIENCE;
    let (read, scans) = loop {
        let (read, scans) = index_reads(&kept).await;
        // The statistics of a connection come in a while after its work.
        if scans > before + i64::try_from(LATE).unwrap() {
            break (read, scans);
        }
        assert!(Instant::now() < deadline, "look-ups are counted");
        sleep(std::time::Duration::from_millis(50)).await;
    };
    assert!(read < scans * 3, "each look-up reads a few entries: {read} in {scans}");
}

/// Postgres gives a statement up that takes too long: here any that writes more than a few events.
#[tokio::test]
async fn a_batch_that_takes_too_long_is_projected_in_smaller_ones() {
    let kept = Kept::new().await;
    let gives_up = |most: u32| {
        AssertSqlSafe(format!(
            "create or replace function eqp.gives_up() returns trigger language plpgsql as $$ begin
                 if (select count(*) from written) > {most} then
                     raise exception 'canceling statement due to statement timeout' using errcode = '57014';
                 end if;
                 return null;
             end $$"
        ))
    };
    kept.pool.execute(gives_up(3)).await.unwrap();
    kept.pool
        .execute(
            "create trigger gives_up after insert on eqp.event referencing new table as written
             for each statement execute function eqp.gives_up()",
        )
        .await
        .unwrap();
    let mut ids = Vec::new();
    for commit in 0..3 {
        // More than fit into one small batch, so that a commit of the queue is taken in parts.
        let bodies: Vec<String> = (0..20).map(|number| scan(&format!("file-{commit}-{number}"), "passed")).collect();
        ids.extend(kept.callbacks(&bodies).await);
    }
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(kept.projector().run(shutdown.clone()));
    let deadline = Instant::now() + PATIENCE;
    let pending = "select exists (select from eqp.callback_pending)";
    while sqlx::query_scalar::<_, bool>(pending).fetch_one(&kept.pool).await.unwrap() {
        assert!(Instant::now() < deadline, "everything is projected");
        sleep(std::time::Duration::from_millis(20)).await;
    }
    shutdown.cancel();
    run.await.unwrap();
    let all = EventFilter { order: Order::OldestFirst, limit: 1_000, ..EventFilter::default() };
    let events = kept.reader().events(&all).await.unwrap();
    let order: Vec<_> = events.iter().map(|event| event.callback_id.unwrap()).collect();
    assert_eq!(order, ids, "each once, in the order of the queue");
}
