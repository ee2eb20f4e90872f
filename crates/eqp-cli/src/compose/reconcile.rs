//! Builds the reconcile part of a server, and clients for the accounts whose access keys are in the database.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use eqp_client::Client;
use eqp_store::MasterKey;
use eqp_store::internal::{ANSWER, AccessKeys, account, within};
use eqp_sync::{ConfiguredKey, Connect, ReconcileIntervals, ReconcileService};
use eqp_types::{ApiKey, Environment, MageId};

use super::client::client_of;
use super::database::Database;
use super::receiver::known_master_key;
use crate::config::MarketplaceOptions;
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::output::counted;

/// Builds the part that reconciles the accounts of a database. Its runs are counted in the database's metrics.
pub(crate) fn reconcile_service(
    options: &MarketplaceOptions,
    database: &Database,
    key: MasterKey,
    interval: Option<Duration>,
) -> ReconcileService {
    let intervals = ReconcileIntervals::default();
    let intervals = interval.into_iter().fold(intervals, ReconcileIntervals::incremental);
    ReconcileService::new(database.pool().clone(), key, connect(options.clone()))
        .configured_key(configured_key(options.clone()))
        .intervals(intervals)
        .observer(database.metrics().observer())
}

/// Returns each account and a client for it, of the configured environment, or of any if none is configured, whose access key is in the database.
pub(crate) async fn stored_clients(context: &Context, database: &Database) -> Result<Vec<(MageId, Client)>> {
    let options = &context.settings.marketplace;
    let mut accounts = within(ANSWER, account::list(database.pool())).await?;
    accounts.retain(|account| {
        account.access_key.is_some() && options.environment.is_none_or(|wanted| wanted == account.environment)
    });
    let data = context.settings.data.look()?;
    let Some(key) = known_master_key(&data)? else {
        if accounts.is_empty() {
            return Ok(Vec::new());
        }
        let stored = counted(accounts.len(), "access key");
        return Err(Failure::usage(format!("{stored} in the database cannot be read without the master key"))
            .why(format!("there is no file {}", data.master_key().display()))
            .next("run the command with the data folder of `eqp serve` (--data-dir), or set EQP_MASTER_KEY_FILE"));
    };
    let keys = AccessKeys::open(database.pool().clone(), key).await?;
    let mut clients = Vec::new();
    for account in accounts {
        let Some(stored) = keys.get(account.id).await? else { continue };
        let key = ApiKey { application_id: stored.application_id, application_secret: stored.application_secret };
        let client = client_of(options.with_stored_key(account.environment, key)?)?;
        // The key must not be sent to another API than the one that accepted it.
        if client.api_url().as_str() != stored.api_url {
            return Err(Failure::usage(format!(
                "the stored access key of {} ({}) was verified at {}, but the configured API is {}",
                account.mage_id,
                account.environment,
                stored.api_url,
                client.api_url()
            ))
            .next(format!("to use that API, pass --api-url {}", stored.api_url))
            .next("to use the configured API, add the key again: eqp accounts add"));
        }
        clients.push((account.mage_id, client));
    }
    Ok(clients)
}

fn connect(options: MarketplaceOptions) -> Connect {
    Arc::new(move |environment: Environment, key: ApiKey| {
        options.with_stored_key(environment, key).and_then(client_of).map_err(|failure| as_error(&failure))
    })
}

/// The secret is read again for each client, because the file may have been replaced.
fn configured_key(options: MarketplaceOptions) -> ConfiguredKey {
    Arc::new(move |environment: Environment, application_id: &str| {
        if options.environment() != environment || options.application_id.as_deref() != Some(application_id) {
            return Ok(None);
        }
        options.resolve().map(|marketplace| Some(marketplace.key)).map_err(|failure| as_error(&failure))
    })
}

fn as_error(failure: &Failure) -> Box<dyn Error + Send + Sync> {
    failure.in_one_line().into()
}
