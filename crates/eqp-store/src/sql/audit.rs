//! `eqp.audit`: the log of what was changed through the operator service.

use sqlx::{PgConnection, PgPool, query, query_as};

use crate::model::{NewAuditEntry, StoredAuditEntry};

/// Records a change, in the transaction that makes it. Deletes up to 100 entries that are older than 400 days.
pub async fn record(connection: &mut PgConnection, entry: NewAuditEntry<'_>) -> Result<(), sqlx::Error> {
    let NewAuditEntry { principal, action, resource, detail } = entry;
    query!(
        "with expired as (
             delete from eqp.audit
             where id in (select id from eqp.audit order by id limit 100) and at < now() - interval '400 days'
         )
         insert into eqp.audit (principal, action, resource, detail)
         values ($1, $2, $3, $4::text::jsonb)",
        principal,
        action,
        resource,
        detail
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Returns entries, newest first, from the one before `before`.
pub async fn list(pool: &PgPool, before: Option<i64>, limit: i64) -> Result<Vec<StoredAuditEntry>, sqlx::Error> {
    query_as!(
        StoredAuditEntry,
        r#"
        select id, at, principal, action, resource, detail::text as "detail!"
        from eqp.audit
        where id < coalesce($1, 9223372036854775807)
        order by id desc
        limit $2
        "#,
        before,
        limit
    )
    .fetch_all(pool)
    .await
}
