//! Stores the access keys with which a server reads the Marketplace's API.

use eqp_types::Secret;
use sqlx::PgPool;

use super::MasterKey;
use crate::deadline::{ANSWER, within};
use crate::model::{AccessKeySummary, AccountId, SealedSecret, StoredAccessKey};
use crate::{Error, sql};

/// Stores, opens and deletes the access keys of accounts, sealed under a key that is derived from the master key for this purpose.
///
/// Storing and deleting work with the role `eqp_runtime`; only `eqp_reconcile` can open a key. Methods return [`Error::Database`] if a
/// query fails or takes longer than a minute.
#[derive(Clone, Debug)]
pub struct AccessKeys {
    pool: PgPool,
    key: MasterKey,
}

impl AccessKeys {
    /// Opens the access keys of a database that has the tables of this version. The first call for a new database ties the database to
    /// this key.
    ///
    /// # Errors
    ///
    /// Returns [`Error::OtherMasterKey`] if the database belongs to another key, and the errors of
    /// [`Store::check`](crate::Store::check).
    pub async fn open(pool: PgPool, key: MasterKey) -> Result<Self, Error> {
        sql::schema::check(&pool).await?;
        within(ANSWER, sql::instance::bind(&pool, key.fingerprint())).await?;
        Ok(Self { pool, key })
    }

    /// Stores an access key that the API at `api_url` has just accepted, in place of an earlier one. Without a secret, servers read it from
    /// their own configuration.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Crypto`] if the secret cannot be sealed.
    pub async fn store(
        &self,
        account: AccountId,
        application_id: &str,
        api_url: &str,
        secret: Option<&Secret>,
    ) -> Result<(), Error> {
        let seal = |secret| SealedSecret::seal_access_key(&self.key, account, (application_id, api_url), secret);
        let sealed = secret.map(seal).transpose()?;
        let storing = sql::account::store_access_key(&self.pool, account, application_id, api_url, sealed.as_ref());
        within(ANSWER, storing).await
    }

    /// Returns the access key of an account, or `None` if no secret is stored.
    ///
    /// # Errors
    ///
    /// Returns [`Error::CannotUnsealAccessKey`] if the secret cannot be decrypted with this master key.
    pub async fn get(&self, account: AccountId) -> Result<Option<StoredAccessKey>, Error> {
        let Some((summary, sealed)) = within(ANSWER, sql::account::access_key(&self.pool, account)).await? else {
            return Ok(None);
        };
        let AccessKeySummary { application_id, api_url, verified_at, .. } = summary;
        let application_secret = sealed.open_access_key(&self.key, account, (&application_id, &api_url))?;
        Ok(Some(StoredAccessKey { application_id, application_secret, api_url, verified_at }))
    }
}
