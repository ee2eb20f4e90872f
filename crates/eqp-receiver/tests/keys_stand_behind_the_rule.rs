//! Postgres itself refuses what must not be there twice, whatever a rule or a race has let through.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use eqp_test_support::TestDatabase;

#[tokio::test]
async fn nothing_can_be_there_twice() {
    let database = TestDatabase::create().await;
    eqp_receiver::migrate(&database.pool).await.unwrap();
    for unique in [
        "callback USING btree (id)",
        "callback_outcome USING btree (callback_id)",
        "callback_outcome USING btree (said) WHERE (said IS NOT NULL)",
        "event USING btree (seq)",
        "event USING btree (track_id, modified_at, outcome) WHERE ((modified_at IS NOT NULL) AND (NOT clock_doubtful))",
    ] {
        let is_there: bool = sqlx::query_scalar(
            "select exists (select from pg_indexes
                            where indexdef like 'CREATE UNIQUE INDEX %' and indexdef like '% ON eqp.' || $1)",
        )
        .bind(unique)
        .fetch_one(&database.pool)
        .await
        .unwrap();
        assert!(is_there, "no unique index on {unique}");
    }
}
