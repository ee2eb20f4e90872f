//! `eqp.submission_link`: links with which people outside can read the page of one submission.

use sqlx::{PgConnection, PgPool, query, query_scalar};
use time::OffsetDateTime;

use super::column::account;
use crate::model::{AccountId, StoredSubmissionLink, UsedSubmissionLink};

/// The number of a new link, and when it was created.
#[derive(Clone, Copy, Debug)]
pub struct CreatedLink {
    pub id: i64,
    pub created_at: OffsetDateTime,
}

/// Stores a link. Deletes links that expired or were revoked more than 400 days ago.
pub async fn insert(
    connection: &mut PgConnection,
    account: AccountId,
    submission_id: &str,
    hash: &[u8],
    created_by: &str,
    expires_at: OffsetDateTime,
) -> Result<CreatedLink, sqlx::Error> {
    query!("delete from eqp.submission_link where least(expires_at, revoked_at) < now() - interval '400 days'")
        .execute(&mut *connection)
        .await?;
    sqlx::query_as!(
        CreatedLink,
        "insert into eqp.submission_link (account_id, submission_id, hash, created_by, expires_at)
         values ($1, $2, $3, $4, $5)
         returning id, created_at",
        account.0,
        submission_id,
        hash,
        created_by,
        expires_at
    )
    .fetch_one(connection)
    .await
}

/// Returns all links that are stored, newest first, at most 10,000.
pub async fn list(pool: &PgPool) -> Result<Vec<StoredSubmissionLink>, sqlx::Error> {
    let rows = query!(
        "select link.id, account.environment, account.mage_id, link.submission_id, link.created_at, link.created_by,
                link.expires_at, link.last_used_at, link.revoked_at
         from eqp.submission_link as link
         join eqp.account on account.id = link.account_id
         order by link.id desc
         limit 10000"
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            let (environment, mage_id) = account(&row.environment, &row.mage_id)?;
            Ok(StoredSubmissionLink {
                id: row.id,
                environment,
                mage_id,
                submission_id: row.submission_id,
                created_at: row.created_at,
                created_by: row.created_by,
                expires_at: row.expires_at,
                last_used_at: row.last_used_at,
                revoked_at: row.revoked_at,
            })
        })
        .collect()
}

/// Returns the link with this number, which may have expired or been revoked.
pub async fn get(pool: &PgPool, id: i64) -> Result<Option<UsedSubmissionLink>, sqlx::Error> {
    let row = query!(
        r#"
        select link.hash, account.environment, account.mage_id, link.submission_id, link.expires_at,
               link.revoked_at is null and link.expires_at > now() as "is_valid!"
        from eqp.submission_link as link
        join eqp.account on account.id = link.account_id
        where link.id = $1
        "#,
        id
    )
    .fetch_optional(pool)
    .await?;
    row.map(|row| {
        let (environment, mage_id) = account(&row.environment, &row.mage_id)?;
        Ok(UsedSubmissionLink {
            hash: row.hash,
            environment,
            mage_id,
            submission_id: row.submission_id,
            expires_at: row.expires_at,
            is_valid: row.is_valid,
        })
    })
    .transpose()
}

/// Records the use of a link, at most once per minute.
pub async fn record_use(pool: &PgPool, id: i64) -> Result<(), sqlx::Error> {
    query!(
        "update eqp.submission_link
         set last_used_at = now()
         where id = $1 and (last_used_at is null or last_used_at < now() - interval '1 minute')",
        id
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Revokes the valid links that this caller has created. Returns their numbers.
pub async fn revoke_of(connection: &mut PgConnection, created_by: &str) -> Result<Vec<i64>, sqlx::Error> {
    query_scalar!(
        "update eqp.submission_link
         set revoked_at = now()
         where created_by = $1 and revoked_at is null and expires_at > now()
         returning id",
        created_by
    )
    .fetch_all(connection)
    .await
}

/// Revokes a link. Returns the ID of its submission, or `None` if no link with this number is valid.
pub async fn revoke(connection: &mut PgConnection, id: i64) -> Result<Option<String>, sqlx::Error> {
    query_scalar!(
        "update eqp.submission_link
         set revoked_at = now()
         where id = $1 and revoked_at is null and expires_at > now()
         returning submission_id",
        id
    )
    .fetch_optional(connection)
    .await
}
