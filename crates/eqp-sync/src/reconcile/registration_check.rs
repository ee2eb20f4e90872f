//! Compares the registrations of an account with the Marketplace's list after each run, so that an alert can report a difference.

use eqp_client::Client;
use eqp_store::Endpoints;

use super::connector::Connector;
use super::storage::WatchedAccount;
use crate::Error;
use crate::registration::checks;

/// Reads the list and stores the state of the registration of each endpoint. Does nothing while a program changes the registrations.
pub(super) async fn check(connector: &Connector, account: &WatchedAccount, client: &Client) -> Result<(), Error> {
    let endpoints = Endpoints::open(connector.pool.clone(), connector.key.clone()).await?;
    let Some(_lock) = endpoints.try_lock_registrations(account.environment, &account.mage_id).await? else {
        return Ok(());
    };
    // Read in this order: an endpoint that is registered in between is not missing.
    let ours = endpoints.list().await?;
    let list = client.callbacks().list().await?;
    checks::store(&endpoints, (account.id, account.environment, &account.mage_id), &ours, &list).await
}
