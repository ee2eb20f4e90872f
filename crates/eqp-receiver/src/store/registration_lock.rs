//! One change of an account's registrations at a time.

use sqlx::{PgPool, Postgres, Transaction};

/// A transaction that holds the lock; none where another one does. It has no snapshot and no number of its own, so it
/// keeps vacuum from nothing; a pooler leaves it its connection. The lock is gone with it.
pub(crate) async fn try_lock(
    pool: &PgPool,
    account: &str,
    longest: &str,
) -> Result<Option<Transaction<'static, Postgres>>, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    sqlx::query!("select set_config('idle_in_transaction_session_timeout', $1, true)", longest)
        .fetch_one(&mut *transaction)
        .await?;
    let locked =
        sqlx::query_scalar!(r#"select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as "locked!""#, account)
            .fetch_one(&mut *transaction)
            .await?;
    Ok(locked.then_some(transaction))
}

/// Fails if the connection is gone, and the lock with it.
pub(crate) async fn check(transaction: &mut Transaction<'static, Postgres>) -> Result<(), sqlx::Error> {
    sqlx::query_scalar!("select 1 as one").fetch_one(&mut **transaction).await?;
    Ok(())
}
