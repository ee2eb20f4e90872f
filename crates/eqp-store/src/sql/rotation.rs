//! Rotates credentials: a new one becomes active, and the previous one stays valid for a grace period before it is retired. All times
//! are those of the database, except the times of callbacks.

use sqlx::PgPool;

use crate::Error;
use crate::model::CredentialId;

/// Makes a credential active and the previously active one retiring, in one statement. Returns false if the credential is not usable.
/// The grace period of a credential that is retiring already starts again, because this is also called after a list was repaired.
///
/// A pending credential counts as active since its creation, because it is unknown when the Marketplace started to use it.
pub async fn activate(pool: &PgPool, credential: CredentialId, grace_seconds: f64) -> Result<bool, Error> {
    let changed = sqlx::query!(
        r#"
        update eqp.credential beside
        set state = case when beside.id = wanted.id then 'active' else 'retiring' end,
            active_since = case
                when beside.id <> wanted.id then beside.active_since
                when wanted.state = 'pending' then wanted.created_at
                else now()
            end,
            retire_grace = case
                when beside.id = wanted.id then null
                when beside.state = 'active' then make_interval(secs => $2)
                else beside.retire_grace
            end,
            retire_at = null
        from eqp.credential wanted
        where wanted.id = $1 and wanted.state <> 'retired' and beside.endpoint_id = wanted.endpoint_id
          and (beside.id = wanted.id or beside.state in ('active', 'retiring'))
        "#,
        credential.0,
        grace_seconds,
    )
    .execute(pool)
    .await?;
    Ok(changed.rows_affected() > 0)
}

/// Makes a credential retiring with a grace period that starts now. Returns false if it is not usable.
pub async fn retire_after(pool: &PgPool, credential: CredentialId, grace_seconds: f64) -> Result<bool, Error> {
    let changed = sqlx::query!(
        r#"
        update eqp.credential
        set state = 'retiring', retire_grace = make_interval(secs => $2), retire_at = now() + make_interval(secs => $2)
        where id = $1 and state <> 'retired'
        "#,
        credential.0,
        grace_seconds,
    )
    .execute(pool)
    .await?;
    Ok(changed.rows_affected() > 0)
}

/// Sets the end of the grace period of credentials whose successor has been used by a callback. A receiver's clock that is ahead can
/// only delay it.
pub async fn schedule_retirement(pool: &PgPool) -> Result<(), Error> {
    sqlx::query!(
        r#"
        update eqp.credential old
        set retire_at = old.retire_grace
            + case when new.first_used_at >= new.active_since then new.first_used_at else now() end
        from eqp.credential new
        where old.state = 'retiring' and old.retire_at is null
          and new.endpoint_id = old.endpoint_id and new.state = 'active' and new.last_used_at >= new.active_since
        "#
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Extends the grace period of credentials that were used more recently than their successor, which means that the old registration
/// was restored. Returns their endpoints and user names.
pub async fn extend_grace(pool: &PgPool) -> Result<Vec<(String, String)>, Error> {
    let extended = sqlx::query!(
        r#"
        update eqp.credential old
        set retire_at = now() + old.retire_grace
        from eqp.credential new, eqp.endpoint
        where old.state = 'retiring' and old.retire_at <= now()
          and new.endpoint_id = old.endpoint_id and new.state = 'active'
          and old.last_used_at > coalesce(new.last_used_at, '-infinity')
          and endpoint.id = old.endpoint_id
        returning endpoint.name, old.username
        "#
    )
    .fetch_all(pool)
    .await?;
    Ok(extended.into_iter().map(|row| (row.name, row.username)).collect())
}

/// Returns the credentials whose grace period is over. Queried before the update, because an update notifies every receiver even if it
/// changes no rows.
pub async fn due(pool: &PgPool) -> Result<Vec<i64>, Error> {
    let due = sqlx::query_scalar!("select id from eqp.credential where state = 'retiring' and retire_at <= now()");
    Ok(due.fetch_all(pool).await?)
}

/// Retires these credentials and deletes their passwords. Returns how many were not retired concurrently.
pub async fn retire_due(pool: &PgPool, due: &[i64]) -> Result<i64, Error> {
    let retired = sqlx::query_scalar!(
        r#"
        with retired as (
            update eqp.credential set state = 'retired'
            where id = any($1) and state = 'retiring' and retire_at <= now()
            returning id
        ), forgotten as (
            delete from eqp.sealed_secret where credential_id in (select id from retired)
        )
        select count(*) as "count!" from retired
        "#,
        due
    )
    .fetch_one(pool)
    .await?;
    Ok(retired)
}
