//! `eqp.operator_token`: the tokens of the operator service.

use sqlx::{PgConnection, PgPool, query, query_scalar};
use time::OffsetDateTime;

use crate::model::{StoredToken, UsedToken};

/// Stores a token and returns its number, or `None` if a token with this name is not revoked. Deletes tokens that expired or were revoked
/// more than 400 days ago.
pub async fn insert(
    connection: &mut PgConnection,
    name: &str,
    scopes: &[String],
    hash: &[u8],
    expires_at: Option<OffsetDateTime>,
) -> Result<Option<StoredToken>, sqlx::Error> {
    query!("delete from eqp.operator_token where least(expires_at, revoked_at) < now() - interval '400 days'")
        .execute(&mut *connection)
        .await?;
    let row = query!(
        "insert into eqp.operator_token (name, scopes, hash, expires_at)
         values ($1, $2, $3, $4)
         on conflict (name) where revoked_at is null do nothing
         returning id, created_at",
        name,
        scopes,
        hash,
        expires_at
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| StoredToken {
        id: row.id,
        name: name.to_owned(),
        scopes: scopes.to_vec(),
        created_at: row.created_at,
        expires_at,
        last_used_at: None,
        revoked_at: None,
    }))
}

/// Returns all tokens that are stored, newest first, at most 10,000.
pub async fn list(pool: &PgPool) -> Result<Vec<StoredToken>, sqlx::Error> {
    let rows = query!(
        "select id, name, scopes, created_at, expires_at, last_used_at, revoked_at
         from eqp.operator_token
         order by id desc
         limit 10000"
    )
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| StoredToken {
            id: row.id,
            name: row.name,
            scopes: row.scopes,
            created_at: row.created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
            revoked_at: row.revoked_at,
        })
        .collect())
}

/// Returns a token that is neither expired nor revoked.
pub async fn valid(pool: &PgPool, id: i64) -> Result<Option<UsedToken>, sqlx::Error> {
    let row = query!(
        "select name, scopes, hash
         from eqp.operator_token
         where id = $1 and revoked_at is null and (expires_at is null or expires_at > now())",
        id
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(|row| UsedToken { name: row.name, scopes: row.scopes, hash: row.hash }))
}

/// Records the use of a token, at most once per minute.
pub async fn record_use(pool: &PgPool, id: i64) -> Result<(), sqlx::Error> {
    query!(
        "update eqp.operator_token
         set last_used_at = now()
         where id = $1 and (last_used_at is null or last_used_at < now() - interval '1 minute')",
        id
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Revokes the token with this name. Returns its number, or `None` if there is none.
pub async fn revoke(connection: &mut PgConnection, name: &str) -> Result<Option<i64>, sqlx::Error> {
    query_scalar!(
        "update eqp.operator_token set revoked_at = now() where name = $1 and revoked_at is null returning id",
        name
    )
    .fetch_optional(connection)
    .await
}
