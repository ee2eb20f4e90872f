//! A run of one account in a server: opens its access key, checks that the key belongs to the account, and reconciles.

use eqp_client::Client;
use eqp_types::MageId;
use tokio_util::sync::CancellationToken;

use super::connector::Connector;
use super::error::{ReconcileError, Result};
use super::registration_check;
use super::report::ReconcileKind;
use super::storage::{self, WatchedAccount};
use super::{ReconcileReport, ReconcileScope, Reconciler};
use crate::listings::ListingChecks;

/// A run that is due.
pub(super) struct AccountRun {
    pub(super) connector: Connector,
    pub(super) account: WatchedAccount,
    /// The client of an earlier run, which has a session token.
    pub(super) client: Option<Client>,
    pub(super) is_full: bool,
    pub(super) listings: Option<ListingChecks>,
}

/// The result of a run.
pub(super) struct Ended {
    pub(super) account: WatchedAccount,
    /// The client for the next run.
    pub(super) client: Option<Client>,
    pub(super) result: Result<ReconcileReport>,
}

impl AccountRun {
    /// Reconciles the account.
    pub(super) async fn run(mut self, shutdown: &CancellationToken) -> Ended {
        let result = self.reconcile(shutdown).await;
        let Self { account, client, .. } = self;
        // A key that is not accepted any more may have been replaced, possibly in a file.
        let is_rejected = matches!(&result, Err(ReconcileError::Marketplace(error)) if error.is_unauthorized());
        Ended { account, client: client.filter(|_| !is_rejected), result }
    }

    async fn reconcile(&mut self, shutdown: &CancellationToken) -> Result<ReconcileReport> {
        let (reconciler, mage_id) = match self.log_in(shutdown).await {
            Ok(session) => session,
            Err(error) => {
                // So that `accounts list` and alerts show it, although nothing was read.
                let kind = if self.is_full { ReconcileKind::Full } else { ReconcileKind::Incremental };
                storage::failed_early(&self.connector.pool, self.account.id, kind, &error).await;
                return Err(error);
            }
        };
        let scope = if self.is_full { ReconcileScope::Full } else { ReconcileScope::Incremental };
        let report = reconciler.run_as(self.account.id, mage_id, &scope, shutdown, &mut |_| {}).await?;
        if let Some(client) = &self.client {
            let checked =
                shutdown.run_until_cancelled(registration_check::check(&self.connector, &self.account, client));
            // The run has succeeded. The next one checks the registrations again.
            if let Some(Err(error)) = checked.await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, mage_id = %self.account.mage_id, "cannot compare the registrations, retrying with the next run");
            }
        }
        self.check_listings(shutdown).await;
        Ok(report)
    }

    /// Checks the listings of the account in the store, if that is due. The run has succeeded, regardless of the result.
    async fn check_listings(&self, shutdown: &CancellationToken) {
        let (Some(listings), Some(client)) = (&self.listings, &self.client) else { return };
        let checking = listings.run(&self.connector.pool, self.account.id, client);
        if let Some(Err(error)) = shutdown.run_until_cancelled(checking).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, mage_id = %self.account.mage_id, "cannot store the findings about the listings, retrying");
        }
    }

    /// Creates a client unless an earlier run has left one, and checks that its access key is that of the account.
    async fn log_in(&mut self, shutdown: &CancellationToken) -> Result<(Reconciler, MageId)> {
        let client = match &self.client {
            Some(client) => client.clone(),
            None => self.connector.connect(&self.account).await?,
        };
        self.client = Some(client.clone());
        let reconciler = Reconciler::new(client, self.connector.pool.clone()).expecting(self.account.mage_id.clone());
        let mage_id = shutdown.run_until_cancelled(reconciler.account()).await;
        let mage_id = mage_id.ok_or(ReconcileError::Interrupted)??;
        Ok((reconciler, mage_id))
    }
}
