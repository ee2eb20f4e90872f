//! `eqp.credential` over time: one comes into force, the one before it is taken for a grace and then refused. All
//! times are the database's, but for those at which callbacks came.

use sqlx::PgPool;

use crate::Error;
use crate::endpoint::CredentialId;

/// Makes a credential live and the live one beside it retiring, in one statement; false where it is not usable. One
/// that is retiring already waits anew for the live one to be seen: this is also said when a list is put right.
///
/// One that was pending may have been in force since it was made, for nobody sees the moment at which the Marketplace
/// begins to use it.
pub(crate) async fn activate(pool: &PgPool, credential: CredentialId, grace_seconds: f64) -> Result<bool, Error> {
    let changed = sqlx::query!(
        r#"
        update eqp.credential beside
        set state = case when beside.id = wanted.id then 'live' else 'retiring' end,
            live_since = case
                when beside.id <> wanted.id then beside.live_since
                when wanted.state = 'pending' then wanted.created_at
                else now()
            end,
            retire_grace = case
                when beside.id = wanted.id then null
                when beside.state = 'live' then make_interval(secs => $2)
                else beside.retire_grace
            end,
            retire_at = null
        from eqp.credential wanted
        where wanted.id = $1 and wanted.state <> 'retired' and beside.endpoint_id = wanted.endpoint_id
          and (beside.id = wanted.id or beside.state in ('live', 'retiring'))
        "#,
        credential.0,
        grace_seconds,
    )
    .execute(pool)
    .await?;
    Ok(changed.rows_affected() > 0)
}

/// Takes a credential for a grace more, from now on, whatever comes; false where it is not usable.
pub(crate) async fn retire_after(pool: &PgPool, credential: CredentialId, grace_seconds: f64) -> Result<bool, Error> {
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

/// Sets when credentials are refused whose successor has been seen on a callback since it came into force. A
/// receiver's clock that is ahead only makes it later.
pub(crate) async fn set_ends(pool: &PgPool) -> Result<(), Error> {
    sqlx::query!(
        r#"
        update eqp.credential old
        set retire_at = old.retire_grace
            + case when new.first_used_at >= new.live_since then new.first_used_at else now() end
        from eqp.credential new
        where old.state = 'retiring' and old.retire_at is null
          and new.endpoint_id = old.endpoint_id and new.state = 'live' and new.last_used_at >= new.live_since
        "#
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Takes credentials for another grace whose grace is over and that came with a callback after the one that replaced
/// them did: somebody has put the old registration back. Answers their endpoints and user names.
pub(crate) async fn hold(pool: &PgPool) -> Result<Vec<(String, String)>, Error> {
    let held = sqlx::query!(
        r#"
        update eqp.credential old
        set retire_at = now() + old.retire_grace
        from eqp.credential new, eqp.endpoint
        where old.state = 'retiring' and old.retire_at <= now()
          and new.endpoint_id = old.endpoint_id and new.state = 'live'
          and old.last_used_at > coalesce(new.last_used_at, '-infinity')
          and endpoint.id = old.endpoint_id
        returning endpoint.name, old.username
        "#
    )
    .fetch_all(pool)
    .await?;
    Ok(held.into_iter().map(|held| (held.name, held.username)).collect())
}

/// Credentials whose grace is over. Asked for before anything is updated: an update is announced to every receiver, even
/// one of no rows.
pub(crate) async fn due(pool: &PgPool) -> Result<Vec<i64>, Error> {
    let due = sqlx::query_scalar!("select id from eqp.credential where state = 'retiring' and retire_at <= now()");
    Ok(due.fetch_all(pool).await?)
}

/// Refuses these from now on, and forgets their passwords; answers how many there still were.
pub(crate) async fn retire_due(pool: &PgPool, due: &[i64]) -> Result<i64, Error> {
    let retired = sqlx::query_scalar!(
        r#"
        with retired as (
            update eqp.credential set state = 'retired'
            where id = any($1) and state = 'retiring' and retire_at <= now()
            returning id
        ), forgotten as (
            delete from eqp.sealed_password where credential_id in (select id from retired)
        )
        select count(*) as "count!" from retired
        "#,
        due
    )
    .fetch_one(pool)
    .await?;
    Ok(retired)
}
