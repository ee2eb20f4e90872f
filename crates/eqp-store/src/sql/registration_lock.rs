//! A lock that serialises changes of an account's registrations among all programs that use this database.
//!
//! A program with another database, or another tool, is detected by reading the list again before it is written.

use std::fmt;

use eqp_types::{Environment, MageId};
use sqlx::{PgPool, Postgres, Transaction};

use crate::Error;
use crate::deadline::{ANSWER, within};

/// The maximum time for which a program may hold the lock without using the connection, for example while it waits for
/// a confirmation.
const MAX_IDLE: &str = "15min";

/// A held lock on the registrations of one account. Dropping it releases the lock.
///
/// The lock belongs to a transaction that has read nothing, so it has neither a snapshot nor a transaction ID and does not hold
/// back vacuum. A pooler in transaction mode keeps the connection assigned until the transaction ends.
pub struct RegistrationLock(Transaction<'static, Postgres>);

impl RegistrationLock {
    /// Acquires the lock, or returns `None` if another program holds it.
    pub(crate) async fn try_acquire(
        pool: &PgPool,
        environment: Environment,
        mage_id: &MageId,
    ) -> Result<Option<Self>, Error> {
        let account = format!("eqp registrations of {mage_id} in {environment}");
        let acquired = within(ANSWER, try_lock(pool, &account)).await?;
        Ok(acquired.map(Self))
    }

    /// Checks that the lock is still held, which it is not if its connection was lost.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Database`] if the connection is lost or Postgres does not answer.
    pub async fn check(&mut self) -> Result<(), Error> {
        within(ANSWER, sqlx::query_scalar!("select 1 as one").fetch_one(&mut *self.0)).await.map(drop)
    }
}

impl fmt::Debug for RegistrationLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RegistrationLock")
    }
}

async fn try_lock(pool: &PgPool, account: &str) -> Result<Option<Transaction<'static, Postgres>>, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    sqlx::query!("select set_config('idle_in_transaction_session_timeout', $1, true)", MAX_IDLE)
        .fetch_one(&mut *transaction)
        .await?;
    let locked =
        sqlx::query_scalar!(r#"select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as "locked!""#, account)
            .fetch_one(&mut *transaction)
            .await?;
    Ok(locked.then_some(transaction))
}
