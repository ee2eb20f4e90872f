//! How far each handler has come, and which process works for it.

use sqlx::{PgPool, query, query_scalar};
use uuid::Uuid;

/// Makes the cursor of a handler that has none, at `last_seq`.
pub(crate) async fn ensure(pool: &PgPool, name: &str, last_seq: i64) -> Result<(), sqlx::Error> {
    query!(
        "insert into eqp.handler_cursor (name, last_seq) values ($1, $2) on conflict (name) do nothing",
        name,
        last_seq
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Takes or renews the lease for `seconds`; answers where to go on, or none while another has it.
pub(crate) async fn lease(pool: &PgPool, name: &str, owner: Uuid, seconds: f64) -> Result<Option<i64>, sqlx::Error> {
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

/// Records that everything up to `last_seq` is worked on; false when another has the lease now.
pub(crate) async fn advance(pool: &PgPool, name: &str, owner: Uuid, last_seq: i64) -> Result<bool, sqlx::Error> {
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

/// Gives the lease back, so that another need not wait for its end.
pub(crate) async fn release(pool: &PgPool, name: &str, owner: Uuid) -> Result<(), sqlx::Error> {
    query!(
        "update eqp.handler_cursor set lease_owner = null, leased_until = null where name = $1 and lease_owner = $2",
        name,
        owner
    )
    .execute(pool)
    .await?;
    Ok(())
}
