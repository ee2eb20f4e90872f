//! Deleting what is too old to be kept.

use sqlx::{PgConnection, PgPool, query, query_scalar};
use uuid::Uuid;

/// How many callbacks are older than a bound, and may go.
pub(crate) async fn count(pool: &PgPool, before: Uuid) -> Result<i64, sqlx::Error> {
    query_scalar!(
        r#"
        select count(*) as "count!"
        from eqp.callback
        where id < $1
          and id < coalesce((select waits from eqp.callback_pending, unnest(callback_ids) as waits order by waits limit 1), $1)
        "#,
        before
    )
    .fetch_one(pool)
    .await
}

/// The oldest callbacks before a bound, at most `limit`: none that is pending, and none after one that is.
///
/// One statement sees callbacks and queue as they were at one moment, and both are written by one: what it takes for
/// projected is.
pub(crate) async fn oldest(connection: &mut PgConnection, before: Uuid, limit: i64) -> Result<Vec<Uuid>, sqlx::Error> {
    query_scalar!(
        r#"
        select id
        from eqp.callback
        where id < $1
          and id < coalesce((select waits from eqp.callback_pending, unnest(callback_ids) as waits order by waits limit 1), $1)
        order by id
        limit $2
        "#,
        before,
        limit
    )
    .fetch_all(connection)
    .await
}

/// Deletes callbacks and what became of them; events and tracks stay. Answers how many callbacks that were.
pub(crate) async fn delete(connection: &mut PgConnection, ids: &[Uuid]) -> Result<u64, sqlx::Error> {
    query!("delete from eqp.callback_outcome where callback_id = any($1)", ids).execute(&mut *connection).await?;
    let deleted = query!("delete from eqp.callback where id = any($1)", ids).execute(connection).await?;
    Ok(deleted.rows_affected())
}
