//! Unique keys in Postgres reject duplicate rows, even if the rule or a race lets them through.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use eqp_test_support::TestDatabase;

#[tokio::test]
async fn unique_keys_prevent_every_kind_of_duplicate_row() {
    let database = TestDatabase::create().await;
    eqp_store::Store::new(database.pool.clone()).migrate().await.unwrap();
    for unique in [
        "callback USING btree (id)",
        "callback_disposition USING btree (callback_id)",
        "callback_disposition USING btree (content_digest) WHERE (content_digest IS NOT NULL)",
        "event USING btree (seq)",
        "event USING btree (track_id, modified_at, status, %WHERE ((modified_at IS NOT NULL) AND (NOT clock_doubtful))",
        "api_read USING btree (id)",
        "api_read_disposition USING btree (api_read_id)",
        "missing_callback USING btree (api_read_id, flow)",
        "alert USING btree (kind, COALESCE(account_id, (0)::bigint), key) WHERE (resolved_at IS NULL)",
        "reconcile_run USING btree (account_id) WHERE (finished_at IS NULL)",
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
