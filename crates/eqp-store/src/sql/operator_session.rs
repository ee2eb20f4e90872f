//! `eqp.operator_session` and `eqp.sign_in_code`: the sessions of browsers on the pages, and the codes with which they sign in.

use sqlx::{PgConnection, PgExecutor, query};
use time::OffsetDateTime;

use crate::model::UsedSession;

/// A row that was just created.
#[derive(Clone, Copy, Debug)]
pub struct Created {
    pub id: i64,
    pub expires_at: OffsetDateTime,
}

/// Stores a code that is valid for 5 minutes, for the valid token with this name. Returns `None` if there is none. Deletes expired codes.
pub async fn insert_code(
    connection: &mut PgConnection,
    token: &str,
    hash: &[u8],
) -> Result<Option<Created>, sqlx::Error> {
    query!("delete from eqp.sign_in_code where expires_at < now()").execute(&mut *connection).await?;
    sqlx::query_as!(
        Created,
        "insert into eqp.sign_in_code (token_id, hash, expires_at)
         select id, $2, now() + interval '5 minutes'
         from eqp.operator_token
         where name = $1 and revoked_at is null and (expires_at is null or expires_at > now())
         returning id, expires_at",
        token,
        hash
    )
    .fetch_optional(connection)
    .await
}

/// A code that is being used.
#[derive(Clone, Debug)]
pub struct RedeemedCode {
    /// The number of the token.
    pub token_id: i64,
    pub hash: Vec<u8>,
}

/// Uses the code with this number, which cannot be used again once the transaction is committed. Returns `None` if it is unknown, used or
/// expired. The caller compares the hash, and rolls the transaction back if it is another one.
pub async fn redeem_code(connection: &mut PgConnection, id: i64) -> Result<Option<RedeemedCode>, sqlx::Error> {
    sqlx::query_as!(
        RedeemedCode,
        "delete from eqp.sign_in_code where id = $1 and expires_at > now() returning token_id, hash",
        id
    )
    .fetch_optional(connection)
    .await
}

/// Stores a session of a token, which lasts 12 hours. Deletes sessions that expired more than a day ago.
pub async fn insert(connection: &mut PgConnection, token_id: i64, hash: &[u8]) -> Result<Created, sqlx::Error> {
    query!("delete from eqp.operator_session where expires_at < now() - interval '1 day'")
        .execute(&mut *connection)
        .await?;
    sqlx::query_as!(
        Created,
        "insert into eqp.operator_session (token_id, hash, expires_at)
         values ($1, $2, now() + interval '12 hours')
         returning id, expires_at",
        token_id,
        hash
    )
    .fetch_one(connection)
    .await
}

/// Returns a session that has not ended, with its token, which is neither expired nor revoked.
pub async fn valid(executor: impl PgExecutor<'_>, id: i64) -> Result<Option<UsedSession>, sqlx::Error> {
    sqlx::query_as!(
        UsedSession,
        "select session.hash, token.id as token, token.name, token.scopes
         from eqp.operator_session as session
         join eqp.operator_token as token on token.id = session.token_id
         where session.id = $1 and session.expires_at > now()
           and token.revoked_at is null and (token.expires_at is null or token.expires_at > now())",
        id
    )
    .fetch_optional(executor)
    .await
}

/// Ends a session. Returns whether it existed.
pub async fn end(connection: &mut PgConnection, id: i64) -> Result<bool, sqlx::Error> {
    let ended = query!("delete from eqp.operator_session where id = $1", id).execute(connection).await?;
    Ok(ended.rows_affected() > 0)
}
