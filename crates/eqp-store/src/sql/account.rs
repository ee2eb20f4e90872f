//! `eqp.account` and `eqp.access_key`: the accounts that are reconciled, and the keys with which their API is read.

use sqlx::{PgExecutor, PgPool, query};
use time::OffsetDateTime;

use super::column::{account, read};
use crate::model::{AccessKeySummary, AccountId, AccountSummary, RunSummary, SealedSecret};

/// Returns all accounts, ordered by environment and `mage_id`.
pub async fn list(pool: &PgPool) -> Result<Vec<AccountSummary>, sqlx::Error> {
    let rows = query!(
        r#"
        select account.id, environment, mage_id,
               (select coalesce(array_agg(name order by name), '{}')
                from eqp.endpoint
                where account_id = account.id and retired_at is null) as "endpoints!",
               (select min(active_since)
                from eqp.credential
                join eqp.endpoint on endpoint.id = endpoint_id
                where account_id = account.id) as first_registered_at,
               access_key.application_id as "application_id?", access_key.api_url as "api_url?",
               access_key.verified_at as "verified_at?",
               access_key.key_id is not null as "is_sealed!",
               run.kind as "kind?", run.started_at as "started_at?", run.finished_at, run.error
        from eqp.account
        left join eqp.access_key on access_key.account_id = account.id
        left join lateral (
            select kind, started_at, finished_at, error
            from eqp.reconcile_run
            where account_id = account.id
            order by id desc
            limit 1
        ) as run on true
        order by environment, mage_id
        "#
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter()
        .map(|row| {
            let (environment, mage_id) = account(&row.environment, &row.mage_id)?;
            let last_run = match row.kind.zip(row.started_at) {
                Some((kind, started_at)) => {
                    Some(RunSummary { kind: read(&kind)?, started_at, finished_at: row.finished_at, error: row.error })
                }
                None => None,
            };
            Ok(AccountSummary {
                id: AccountId(row.id),
                environment,
                mage_id,
                endpoints: row.endpoints,
                first_registered_at: row.first_registered_at,
                access_key: row.application_id.zip(row.api_url).zip(row.verified_at).map(
                    |((application_id, api_url), verified_at)| AccessKeySummary {
                        application_id,
                        api_url,
                        verified_at,
                        is_sealed: row.is_sealed,
                    },
                ),
                last_run,
            })
        })
        .collect()
}

/// Returns when an endpoint of the account, including retired ones, was first registered at the Marketplace.
pub async fn first_registered_at(pool: &PgPool, account: AccountId) -> Result<Option<OffsetDateTime>, sqlx::Error> {
    let row = query!(
        r#"
        select min(active_since) as first
        from eqp.credential
        join eqp.endpoint on endpoint.id = endpoint_id
        where account_id = $1
        "#,
        account.0
    )
    .fetch_one(pool)
    .await?;
    Ok(row.first)
}

/// Stores an access key, with its sealed secret if it has one, in place of an earlier one. Works without the right to read secrets.
pub(crate) async fn store_access_key(
    pool: &PgPool,
    account: AccountId,
    application_id: &str,
    api_url: &str,
    sealed: Option<&SealedSecret>,
) -> Result<(), sqlx::Error> {
    // Not `excluded`: reading its columns would need the right to read those of the table.
    query!(
        r#"
        insert into eqp.access_key (account_id, application_id, api_url, key_id, nonce, ciphertext, verified_at)
        values ($1, $2, $3, $4, $5, $6, now())
        on conflict (account_id) do update
        set application_id = $2, api_url = $3, key_id = $4, nonce = $5, ciphertext = $6, verified_at = now(), created_at = now()
        "#,
        account.0,
        application_id,
        api_url,
        sealed.map(|sealed| &*sealed.key_id),
        sealed.map(|sealed| &*sealed.nonce),
        sealed.map(|sealed| &*sealed.ciphertext),
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Returns the access key of an account with its sealed secret, or `None` if no secret is stored.
pub(crate) async fn access_key(
    pool: &PgPool,
    account: AccountId,
) -> Result<Option<(AccessKeySummary, SealedSecret)>, sqlx::Error> {
    let row = query!(
        "select application_id, api_url, key_id, nonce, ciphertext, verified_at from eqp.access_key where account_id = $1",
        account.0
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.and_then(|row| {
        let sealed = SealedSecret { key_id: row.key_id?, nonce: row.nonce?, ciphertext: row.ciphertext? };
        let (application_id, api_url, verified_at) = (row.application_id, row.api_url, row.verified_at);
        Some((AccessKeySummary { application_id, api_url, verified_at, is_sealed: true }, sealed))
    }))
}

/// Records that the Marketplace has accepted an access key just now.
pub(crate) async fn verified_access_key(pool: &PgPool, account: AccountId) -> Result<(), sqlx::Error> {
    query!("update eqp.access_key set verified_at = now() where account_id = $1", account.0).execute(pool).await?;
    Ok(())
}

/// Deletes the access key of an account. Returns whether there was one.
pub async fn delete_access_key(executor: impl PgExecutor<'_>, account: AccountId) -> Result<bool, sqlx::Error> {
    let deleted = query!("delete from eqp.access_key where account_id = $1", account.0).execute(executor).await?;
    Ok(deleted.rows_affected() > 0)
}
