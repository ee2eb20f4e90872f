//! Stores the position of each handler, the lease of the process that runs it, and its dead letters.

use sqlx::{PgPool, query, query_scalar};
use uuid::Uuid;

use crate::model::DeadLetter;

/// Creates the cursor of a handler at `last_seq`, unless it exists.
pub async fn ensure(pool: &PgPool, name: &str, last_seq: i64) -> Result<(), sqlx::Error> {
    query!(
        "insert into eqp.handler_cursor (name, last_seq) values ($1, $2) on conflict (name) do nothing",
        name,
        last_seq
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Acquires or renews the lease for `seconds`. Returns the handler's position, or `None` if another process holds the lease.
pub async fn lease(pool: &PgPool, name: &str, owner: Uuid, seconds: f64) -> Result<Option<i64>, sqlx::Error> {
    query_scalar!(
        r#"
        update eqp.handler_cursor
        set lease_owner = $2, leased_until = now() + make_interval(secs => $3), updated_at = now()
        where name = $1 and (lease_owner = $2 or leased_until < now() or lease_owner is null)
        returning last_seq
        "#,
        name,
        owner,
        seconds
    )
    .fetch_optional(pool)
    .await
}

/// Records that every event up to `last_seq` has been processed. Returns false if another process holds the lease.
pub async fn advance(pool: &PgPool, name: &str, owner: Uuid, last_seq: i64) -> Result<bool, sqlx::Error> {
    let done = query!(
        "update eqp.handler_cursor set last_seq = $3, updated_at = now() where name = $1 and lease_owner = $2",
        name,
        owner,
        last_seq
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Records a dead letter and moves the handler's position past it. Returns false if another process holds the lease. Also deletes
/// dead letters that are older than 180 days.
pub async fn dead_letter(
    pool: &PgPool,
    name: &str,
    owner: Uuid,
    seq: i64,
    attempts: i32,
    error: &str,
) -> Result<bool, sqlx::Error> {
    let done = query!(
        r#"
        with advanced as (
            update eqp.handler_cursor set last_seq = $3, updated_at = now()
            where name = $1 and lease_owner = $2
            returning name
        ), forgotten as (
            delete from eqp.handler_dead_letter where failed_at < now() - interval '180 days'
        )
        insert into eqp.handler_dead_letter (handler, seq, attempts, error)
        select name, $3::bigint, $4::integer, $5::text from advanced
        on conflict (handler, seq) do update
        set attempts = excluded.attempts, error = excluded.error, failed_at = excluded.failed_at
        "#,
        name,
        owner,
        seq,
        attempts,
        error
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Returns the dead letters of one handler or of all, newest first.
pub async fn dead_letters(pool: &PgPool, handler: Option<&str>, limit: i64) -> Result<Vec<DeadLetter>, sqlx::Error> {
    let rows = query!(
        r#"
        select handler, seq, attempts, error, failed_at
        from eqp.handler_dead_letter
        where $1::text is null or handler = $1
        order by failed_at desc, seq desc
        limit $2
        "#,
        handler,
        limit
    )
    .fetch_all(pool)
    .await?;
    let letters = rows.into_iter().map(|row| DeadLetter {
        handler: row.handler,
        seq: row.seq,
        attempts: row.attempts.unsigned_abs(),
        error: row.error,
        failed_at: row.failed_at,
    });
    Ok(letters.collect())
}

/// Returns the number of events that each handler has not processed yet.
pub async fn lags(pool: &PgPool) -> Result<Vec<(String, i64)>, sqlx::Error> {
    let rows = query!(
        r#"
        select name, greatest(last_event_seq - last_seq, 0) as "events!"
        from eqp.handler_cursor
        cross join eqp.projector
        "#
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|row| (row.name, row.events)).collect())
}

/// Releases the lease, so that another process does not have to wait until it expires.
pub async fn release(pool: &PgPool, name: &str, owner: Uuid) -> Result<(), sqlx::Error> {
    query!(
        "update eqp.handler_cursor set lease_owner = null, leased_until = null where name = $1 and lease_owner = $2",
        name,
        owner
    )
    .execute(pool)
    .await?;
    Ok(())
}
