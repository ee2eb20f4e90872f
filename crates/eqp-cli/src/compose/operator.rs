//! Opens the operator service: of a server, or in this process on the configured or embedded database.

use eqp_console::{OperatorClient, OperatorService, Principal};
use eqp_store::Store;

use super::database::{Database, Upgrade};
use crate::config::Server;
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
            None => Ok(Self::in_process(Database::open_to_read(context).await?)),
        }
    }

    /// Opens the service for a change to an existing database, which is not created.
    pub(crate) async fn open_existing(context: &Context, upgrade: Upgrade) -> Result<Self> {
        match context.settings.server.resolve()? {
            Some(server) => Self::remote(context, &server),
            None => Ok(Self::in_process(Database::open_existing(context, upgrade).await?)),
        }
    }

    fn remote(context: &Context, server: &Server) -> Result<Self> {
        let ca = context.settings.marketplace.ca_pem()?;
        let client = OperatorClient::remote(&server.url, &server.token, ca.as_deref())?;
        Ok(Self { client, database: None })
    }

    fn in_process(database: Database) -> Self {
        let service = OperatorService::new(Store::new(database.pool().clone()));
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
