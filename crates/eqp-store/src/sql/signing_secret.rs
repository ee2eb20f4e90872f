//! `eqp.signing_secret`: signing secrets that were added to a subscription later. They are stored by roles that may not read secrets.

use sqlx::{PgConnection, query, query_scalar};

use crate::model::{SealedSecret, SubscriptionId};

/// Returns the signing secrets that were added to a subscription, the newest first.
pub(super) async fn of(
    connection: &mut PgConnection,
    subscription: SubscriptionId,
) -> Result<Vec<SealedSecret>, sqlx::Error> {
    let rows = query!(
        "select key_id, nonce, ciphertext from eqp.signing_secret where subscription_id = $1 order by id desc",
        subscription.0
    )
    .fetch_all(connection)
    .await?;
    let sealed =
        rows.into_iter().map(|row| SealedSecret { key_id: row.key_id, nonce: row.nonce, ciphertext: row.ciphertext });
    Ok(sealed.collect())
}

/// Returns how many signing secrets were added to a subscription and not retired.
pub async fn count(connection: &mut PgConnection, subscription: SubscriptionId) -> Result<u64, sqlx::Error> {
    let count = query_scalar!(
        r#"select count(*) as "count!" from eqp.signing_secret where subscription_id = $1"#,
        subscription.0
    )
    .fetch_one(connection)
    .await?;
    Ok(count.unsigned_abs())
}

/// Adds a signing secret, which becomes the newest. Returns false if the subscription has been removed.
pub async fn add(
    connection: &mut PgConnection,
    subscription: SubscriptionId,
    sealed: &SealedSecret,
) -> Result<bool, sqlx::Error> {
    if !touch(connection, subscription).await? {
        return Ok(false);
    }
    query!(
        "insert into eqp.signing_secret (subscription_id, key_id, nonce, ciphertext) values ($1, $2, $3, $4)",
        subscription.0,
        sealed.key_id.as_slice(),
        sealed.nonce.as_slice(),
        sealed.ciphertext.as_slice(),
    )
    .execute(connection)
    .await?;
    Ok(true)
}

/// Retires all signing secrets of a subscription except the newest. Returns false if none was added after its creation, so that there
/// is nothing to retire.
pub async fn retire(connection: &mut PgConnection, subscription: SubscriptionId) -> Result<bool, sqlx::Error> {
    if !touch(connection, subscription).await? {
        return Ok(false);
    }
    let newest = query_scalar!("select max(id) from eqp.signing_secret where subscription_id = $1", subscription.0)
        .fetch_one(&mut *connection)
        .await?;
    let Some(newest) = newest else { return Ok(false) };
    let deleted =
        query!("delete from eqp.signing_secret where subscription_id = $1 and id < $2", subscription.0, newest)
            .execute(&mut *connection)
            .await?;
    let retired = query!(
        "update eqp.subscription set signing_retired_at = now() where id = $1 and signing_retired_at is null",
        subscription.0
    )
    .execute(connection)
    .await?;
    Ok(deleted.rows_affected() + retired.rows_affected() > 0)
}

/// Makes workers build the handler again. Locks the fan-out first, as every change of a subscription does.
async fn touch(connection: &mut PgConnection, subscription: SubscriptionId) -> Result<bool, sqlx::Error> {
    query!("update eqp.fanout set generation = generation + 1").execute(&mut *connection).await?;
    let touched = query!(
        "update eqp.subscription set updated_at = clock_timestamp() where id = $1 and removed_at is null",
        subscription.0
    )
    .execute(connection)
    .await?;
    Ok(touched.rows_affected() > 0)
}
