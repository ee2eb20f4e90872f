//! `eqp.listing_check`: the last findings about the listings of each account in the store.

use sqlx::{PgConnection, PgPool, query};
use time::OffsetDateTime;

use crate::model::{AccountId, StoredListingCheck};

/// Stores the findings about the listings of an account, which replace the previous ones.
pub async fn store(pool: &PgPool, account: AccountId, findings: &str) -> Result<(), sqlx::Error> {
    query!(
        r#"
        insert into eqp.listing_check (account_id, checked_at, findings)
        values ($1, now(), $2::text::jsonb)
        on conflict (account_id) do update
        set checked_at = excluded.checked_at, findings = excluded.findings
        "#,
        account.0,
        findings
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Returns the last findings about the listings of an account.
pub async fn last(pool: &PgPool, account: AccountId) -> Result<Option<StoredListingCheck>, sqlx::Error> {
    let mut connection = pool.acquire().await?;
    let found = since(&mut connection, OffsetDateTime::UNIX_EPOCH).await?;
    Ok(found.into_iter().find(|check| check.account == account))
}

/// Returns the last findings about the listings of each account that was checked since a time.
pub async fn since(
    connection: &mut PgConnection,
    since: OffsetDateTime,
) -> Result<Vec<StoredListingCheck>, sqlx::Error> {
    let rows = query!(
        r#"
        select account_id, checked_at, findings::text as "findings!"
        from eqp.listing_check
        where checked_at >= $1
        order by account_id
        "#,
        since
    )
    .fetch_all(connection)
    .await?;
    let checks = rows.into_iter().map(|row| StoredListingCheck {
        account: AccountId(row.account_id),
        checked_at: row.checked_at,
        findings: row.findings,
    });
    Ok(checks.collect())
}
