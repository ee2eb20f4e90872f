//! Opens the operator service: of a server, or in this process on the configured or embedded database.

use std::sync::Arc;

use eqp_console::{OperatorClient, OperatorService, Principal};
use eqp_store::Store;

use super::alerts::describe_alert;
use super::database::{Database, Upgrade};
use super::receiver::known_master_key;
use crate::config::{Server, shown, sources};
use crate::context::Context;
use crate::failure::Result;

/// A client of the operator service.
#[derive(Debug)]
pub(crate) struct Operator {
    client: OperatorClient,
    /// The database of a service in this process.
    database: Option<Database>,
}

impl Operator {
    /// Opens the service for reading. Creates no database.
    pub(crate) async fn open_to_read(context: &Context) -> Result<Self> {
        match context.settings.server.resolve()? {
            Some(server) => Self::remote(context, &server),
            None => Ok(Self::in_process(context, Database::open_to_read(context).await?)),
        }
    }

    /// Opens the service for a change to an existing database, which is not created.
    pub(crate) async fn open_existing(context: &Context, upgrade: Upgrade) -> Result<Self> {
        match context.settings.server.resolve()? {
            Some(server) => Self::remote(context, &server),
            None => Ok(Self::in_process(context, Database::open_existing(context, upgrade).await?)),
        }
    }

    /// Returns a client for completions: of the configured server, or of a service on a database that is running. Starts and creates
    /// nothing.
    pub(crate) fn client_if_running(context: &Context) -> Option<OperatorClient> {
        if let Some(server) = context.settings.server.resolve().ok()? {
            return Some(Self::remote(context, &server).ok()?.client);
        }
        let store = Store::new(Database::pool_if_running(context)?);
        let service = OperatorService::new(store).products(shown(&context.loaded.products));
        Some(OperatorClient::in_process(&service, Principal::Local))
    }

    fn remote(context: &Context, server: &Server) -> Result<Self> {
        let ca = context.settings.marketplace.ca_pem()?;
        let client = OperatorClient::remote(&server.url, &server.token, ca.as_deref())?;
        Ok(Self { client, database: None })
    }

    fn in_process(context: &Context, database: Database) -> Self {
        let mut service = OperatorService::new(Store::new(database.pool().clone()))
            .describe_alerts(Arc::new(describe_alert))
            .describe_products(sources(&context.loaded.products))
            .products(shown(&context.loaded.products))
            .stuck_limits(context.settings.alerts.limits());
        // Settings that cannot be used are reported by `serve`; most commands have nothing to do with them.
        if let Ok(handlers) = context.settings.handlers(&context.loaded.programs) {
            service = service.handlers(handlers);
        }
        // Only commands that need it fail because of it.
        service = match context.settings.data.look().and_then(|data| known_master_key(&data)) {
            Ok(Some(key)) => service.master_key(key),
            Ok(None) => service,
            Err(failure) => service.unusable_master_key(failure.in_one_line()),
        };
        Self { client: OperatorClient::in_process(&service, Principal::Local), database: Some(database) }
    }

    /// Returns the client.
    pub(crate) fn client(&self) -> &OperatorClient {
        &self.client
    }

    /// Closes the connections of a service in this process, as [`Database::close`] does.
    pub(crate) async fn close(self) -> Result {
        match self.database {
            Some(database) => database.close().await,
            None => Ok(()),
        }
    }
}
