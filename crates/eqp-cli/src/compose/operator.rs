//! Opens the operator service: in this process, on the configured or embedded database.

use eqp_console::{OperatorClient, OperatorService, Principal};
use eqp_store::Store;

use super::database::Database;
use crate::context::Context;
use crate::failure::Result;

/// A client of the operator service, with the database that the service in this process uses.
#[derive(Debug)]
pub(crate) struct Operator {
    client: OperatorClient,
    database: Database,
}

impl Operator {
    /// Opens the service for reading. Creates no database.
    pub(crate) async fn open_to_read(context: &Context) -> Result<Self> {
        Ok(Self::of(Database::open_to_read(context).await?))
    }

    fn of(database: Database) -> Self {
        let service = OperatorService::new(Store::new(database.pool().clone()));
        Self { client: OperatorClient::in_process(&service, Principal::Local), database }
    }

    /// Returns the client.
    pub(crate) fn client(&self) -> &OperatorClient {
        &self.client
    }

    /// Closes the connections, as [`Database::close`] does.
    pub(crate) async fn close(self) -> Result {
        self.database.close().await
    }
}
