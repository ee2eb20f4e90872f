//! One change of an account's registrations at a time, among all that share a database. Somebody with another database,
//! or with another tool, is noticed by reading the list again before it is written.

use std::fmt;

use eqp_types::{Environment, MageId};
use sqlx::{PgPool, Postgres, Transaction};

use crate::deadline::{ANSWER, within};
use crate::{Error, store};

/// So long may whoever holds the lock think about a question.
const LONGEST: &str = "15min";

/// Held by one change of an account's registrations; given back when it is dropped.
pub struct RegistrationLock(Transaction<'static, Postgres>);

impl RegistrationLock {
    pub(super) async fn try_take(
        pool: &PgPool,
        environment: Environment,
        mage_id: &MageId,
    ) -> Result<Option<Self>, Error> {
        let account = format!("eqp registrations of {mage_id} in {environment}");
        let taken = within(ANSWER, store::registration_lock::try_lock(pool, &account, LONGEST)).await?;
        Ok(taken.map(Self))
    }

    /// Makes sure that it is still held: its connection may have been lost meanwhile.
    ///
    /// # Errors
    /// It is not, or the database refuses.
    pub async fn check(&mut self) -> Result<(), Error> {
        within(ANSWER, store::registration_lock::check(&mut self.0)).await
    }
}

impl fmt::Debug for RegistrationLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RegistrationLock")
    }
}
