//! Many reports about one submission do not delay the projection of others.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::sync::Arc;

use eqp_receiver::Projector;
use eqp_store::{EventFilter, Order};
use eqp_test_support::callbacks::{CallbackDatabase, PATIENCE, scan};
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Executor};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// Returns a report about a submission, this number of seconds after a fixed time.
fn report(submission: &str, second: usize) -> String {
    let status = ["in_automation", "awaiting_manual_qa", "in_manual_qa", "rejected"][second % 4];
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!(
        r#"{{"callback_event": "eqp_status_update", "update_info": {{"submission_id": "{submission}",
        "eqp_flow": "technical", "current_status": "{status}", "modified_at": "2022-08-25 {hour:02}:{minute:02}:{second:02}"}}}}"#
    )
}

/// A projector with the worst possible plans: one connection plans all its statements while the tables are almost
/// empty, and the statistics are never updated.
struct Stale {
    database: CallbackDatabase,
    projector: Projector,
}

impl Stale {
    async fn new() -> Self {
        let database = CallbackDatabase::new().await;
        for table in ["event", "track", "callback_disposition"] {
            let stays = format!("alter table eqp.{table} set (autovacuum_enabled = false); analyze eqp.{table}");
            database.pool.execute(AssertSqlSafe(stays)).await.unwrap();
        }
        let pool =
            PgPoolOptions::new().max_connections(1).connect_with(database.database.options.clone()).await.unwrap();
        let stale = Self { database, projector: Projector::new(pool, Arc::new(Notify::new())) };
        // An early report after a late one: every statement runs, and so is planned.
        for second in [2, 1] {
            stale.project(&[report("first", second)]).await;
        }
        stale
    }

    async fn project(&self, bodies: &[String]) {
        for commit in bodies.chunks(500) {
            self.database.callbacks(commit).await;
        }
        assert_eq!(self.projector.drain().await.unwrap(), bodies.len());
    }

    /// Returns the use of an index: entries that were read, and scans.
    async fn used(&self, index: &str) -> (i64, i64) {
        sqlx::query_as(
            "select idx_tup_read, idx_scan from pg_stat_user_indexes where schemaname = 'eqp' and indexrelname = $1",
        )
        .bind(index)
        .fetch_one(&self.database.pool)
        .await
        .unwrap()
    }

    /// Projects, and returns the number of index entries that were read. Expects this number of scans.
    async fn projects_by(&self, index: &str, scans: usize, bodies: &[String]) -> (i64, i64) {
        let before = self.used(index).await;
        self.project(bodies).await;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (read, scanned) = self.used(index).await;
            let (read, scanned) = (read - before.0, scanned - before.1);
            // The statistics of a connection arrive some time after its work.
            if scanned >= i64::try_from(scans).unwrap() {
                return (read, scanned);
            }
            assert!(Instant::now() < deadline, "{scans} look-ups by {index}, but {scanned} with {read} entries");
            sleep(std::time::Duration::from_millis(50)).await;
        }
    }
}

/// The index of a track's times is in the order of the query, so that Postgres reads only the events next to each time.
#[tokio::test]
async fn the_history_of_one_resource_is_looked_up_and_never_read_completely() {
    const EVENTS: usize = 10_000;
    const LATE: usize = 2_000;
    let stale = Stale::new().await;
    let every_other: Vec<String> = (0..EVENTS).map(|number| report("one", number * 2)).collect();
    stale.project(&every_other).await;
    let late: Vec<String> = (0..LATE).map(|number| report("one", number * 8 + 1)).collect();
    let (read, scans) = stale.projects_by("event_by_track_time", LATE, &late).await;
    assert!(read < scans * 3, "each look-up reads a few entries: {read} in {scans}");
}

#[tokio::test]
async fn the_tracks_of_many_resources_are_looked_up_and_never_all_read() {
    const RESOURCES: usize = 3_000;
    let stale = Stale::new().await;
    let about_each = |second| (0..RESOURCES).map(|number| report(&format!("s{number}"), second)).collect::<Vec<_>>();
    stale.project(&about_each(2)).await;
    for (index, second) in [("track_by_resource", 3), ("event_by_track_time", 1)] {
        let (read, scans) = stale.projects_by(index, RESOURCES, &about_each(second)).await;
        assert!(read < scans * 3, "each look-up by {index} reads a few entries: {read} in {scans}");
    }
}

/// Simulates a statement timeout of Postgres for every statement that writes more than a few events.
#[tokio::test]
async fn a_batch_that_takes_too_long_is_projected_in_smaller_ones() {
    let database = CallbackDatabase::new().await;
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
    database.pool.execute(gives_up(3)).await.unwrap();
    database
        .pool
        .execute(
            "create trigger gives_up after insert on eqp.event referencing new table as written
             for each statement execute function eqp.gives_up()",
        )
        .await
        .unwrap();
    let mut ids = Vec::new();
    for commit in 0..3 {
        // More than fit into one small batch, so that a commit of the queue is projected in parts.
        let bodies: Vec<String> = (0..20).map(|number| scan(&format!("file-{commit}-{number}"), "passed")).collect();
        ids.extend(database.callbacks(&bodies).await);
    }
    let shutdown = CancellationToken::new();
    let run = tokio::spawn(database.projector().run(shutdown.clone()));
    let deadline = Instant::now() + PATIENCE;
    let pending = "select exists (select from eqp.callback_pending)";
    while sqlx::query_scalar::<_, bool>(pending).fetch_one(&database.pool).await.unwrap() {
        assert!(Instant::now() < deadline, "everything is projected");
        sleep(std::time::Duration::from_millis(20)).await;
    }
    shutdown.cancel();
    run.await.unwrap();
    let all = EventFilter { order: Order::OldestFirst, limit: 1_000, ..EventFilter::default() };
    let events = database.reader().events(&all).await.unwrap();
    let order: Vec<_> = events.iter().map(|event| event.callback_id.unwrap()).collect();
    assert_eq!(order, ids, "each once, in the order of the queue");
}
