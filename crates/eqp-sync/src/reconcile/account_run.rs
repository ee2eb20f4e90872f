//! A run of one account in a server: opens its access key, checks that the key belongs to the account, and reconciles.

use eqp_client::Client;
use eqp_store::internal::AccessKeys;
use eqp_types::ApiKey;
use tokio_util::sync::CancellationToken;

use super::error::{ReconcileError, Result};
use super::storage::WatchedAccount;
use super::{ReconcileReport, ReconcileScope, ReconcileService, Reconciler};

/// A run that is due.
pub(super) struct AccountRun {
    pub(super) service: ReconcileService,
    pub(super) account: WatchedAccount,
    /// The client of an earlier run, which has a session token.
    pub(super) client: Option<Client>,
    pub(super) is_full: bool,
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
        let client = match &self.client {
            Some(client) => client.clone(),
            None => self.connect().await?,
        };
        self.client = Some(client.clone());
        let session = shutdown.run_until_cancelled(client.session()).await;
        let session = session.ok_or(ReconcileError::Interrupted)??;
        let (asked, environment) = (&self.account.mage_id, self.account.environment);
        if session.mage_id != *asked {
            return Err(ReconcileError::OtherAccount { asked: asked.clone(), answered: session.mage_id, environment });
        }
        let reconciler = Reconciler::new(client, self.service.pool.clone());
        let scope = if self.is_full { ReconcileScope::Full } else { ReconcileScope::Incremental };
        reconciler.run_as(self.account.id, session.mage_id, &scope, shutdown, &mut |_| {}).await
    }

    /// Creates a client with the account's access key: the sealed one, or the one in this server's configuration.
    async fn connect(&self) -> Result<Client> {
        let WatchedAccount { id, environment, application_id, mage_id, .. } = &self.account;
        let keys = AccessKeys::open(self.service.pool.clone(), self.service.key.clone()).await?;
        let sealed = keys
            .get(*id)
            .await?
            .map(|key| ApiKey { application_id: key.application_id, application_secret: key.application_secret });
        let key = match (sealed, &self.service.configured) {
            (Some(key), _) => Some(key),
            (None, Some(configured)) => configured(*environment, application_id).map_err(ReconcileError::Connect)?,
            (None, None) => None,
        };
        let key = key.ok_or_else(|| ReconcileError::NoKey {
            mage_id: mage_id.clone(),
            environment: *environment,
            application_id: application_id.clone(),
        })?;
        (self.service.connect)(*environment, key).map_err(ReconcileError::Connect)
    }
}
