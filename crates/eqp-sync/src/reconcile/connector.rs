//! Creates clients with the access keys of accounts.

use std::sync::Arc;

use eqp_client::Client;
use eqp_store::MasterKey;
use eqp_store::internal::AccessKeys;
use eqp_store::sqlx::PgPool;
use eqp_types::{ApiKey, Environment};

use super::error::{ReconcileError, Result};
use super::storage::WatchedAccount;

/// An error of the program that the service runs in.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Creates a client for an environment and an access key.
pub type Connect = Arc<dyn Fn(Environment, ApiKey) -> Result<Client, BoxError> + Send + Sync>;

/// Reads the access key that the configuration of this server has for an environment and an application ID, if it has one.
pub type ConfiguredKey = Arc<dyn Fn(Environment, &str) -> Result<Option<ApiKey>, BoxError> + Send + Sync>;

/// Finds the access key of an account and creates a client with it.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) pool: PgPool,
    pub(super) key: MasterKey,
    pub(super) connect: Connect,
    pub(super) configured: Option<ConfiguredKey>,
}

impl Connector {
    /// Creates a client with the account's access key: the sealed one, or the one in this server's configuration.
    pub(super) async fn connect(&self, account: &WatchedAccount) -> Result<Client> {
        let WatchedAccount { id, environment, application_id, api_url, mage_id, .. } = account;
        let keys = AccessKeys::open(self.pool.clone(), self.key.clone()).await?;
        let sealed = keys
            .get(*id)
            .await?
            .map(|key| ApiKey { application_id: key.application_id, application_secret: key.application_secret });
        let key = match (sealed, &self.configured) {
            (Some(key), _) => Some(key),
            (None, Some(configured)) => configured(*environment, application_id).map_err(ReconcileError::Connect)?,
            (None, None) => None,
        };
        let key = key.ok_or_else(|| ReconcileError::NoKey {
            mage_id: mage_id.clone(),
            environment: *environment,
            application_id: application_id.clone(),
        })?;
        let client = (self.connect)(*environment, key).map_err(ReconcileError::Connect)?;
        // A server with another configuration must not send the key to another API.
        if client.api_url().as_str() != api_url {
            return Err(ReconcileError::OtherApi {
                verified: api_url.clone(),
                configured: client.api_url().to_string(),
            });
        }
        Ok(client)
    }
}
