//! Applies a plan. Before the list is written, a new credential is stored, and every receiver must have loaded it.
//! Afterwards the list is read back, and only then does the credential become active.

use std::fmt;
use std::time::Duration;

use eqp_client::Client;
use eqp_client::callbacks::{EntryName, Plan as ListPlan, is_same_list};
use eqp_store::internal::RegistrationLock;
use eqp_store::{CredentialId, CredentialSummary, EndpointSummary, Endpoints, Error as StoreError, NewEndpoint};
use eqp_types::{ApiCallbackEntry, MageId};

use super::{Plan, Step, checks};
use crate::error::{Error, Result};

/// The time limit for all receivers to load a new credential.
const LOAD_DEADLINE: Duration = Duration::from_secs(15);

/// The result of an applied plan.
#[non_exhaustive]
pub struct Applied {
    /// The current state of the endpoint; `None` if the plan was about an unmanaged entry.
    pub endpoint: Option<EndpointSummary>,
    /// The list as the API returns it now.
    pub entries: Vec<ApiCallbackEntry>,
    /// Entries that should have been removed but remain, because the server merges lists.
    pub remaining: Vec<EntryName>,
    /// The user names that are rejected from now on, if the plan rejects any.
    pub refused: Option<Refused>,
}

/// User names that are rejected from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// The user names.
    pub usernames: Vec<String>,
    /// The number of running receivers, all of which reject the user names.
    pub receivers: usize,
}

impl Applied {
    /// Returns the result of an empty plan: everything is as observed.
    pub(super) fn unchanged(plan: &Plan) -> Self {
        let endpoint = plan.observed_endpoint().cloned();
        Self { endpoint, entries: plan.snapshot().list.clone(), remaining: Vec::new(), refused: None }
    }
}

impl fmt::Debug for Applied {
    /// Shows only the names of entries, because an unmanaged URL may contain credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries: Vec<_> = self.entries.iter().map(EntryName::of).collect();
        f.debug_struct("Applied")
            .field("endpoint", &self.endpoint)
            .field("entries", &entries)
            .field("remaining", &self.remaining)
            .field("refused", &self.refused)
            .finish()
    }
}

/// A plan that is being applied. It holds the lock on the account's registrations.
pub(super) struct PlanExecution<'a> {
    client: &'a Client,
    endpoints: &'a Endpoints,
    lock: &'a mut RegistrationLock,
    plan: &'a Plan,
    /// The new credential in the list, which is stored before the list is written.
    stored: Option<CredentialId>,
    applied: Applied,
}

impl<'a> PlanExecution<'a> {
    /// Checks that nothing has changed since the plan was made. The list is compared again right before it is written.
    pub(super) async fn start(
        client: &'a Client,
        endpoints: &'a Endpoints,
        lock: &'a mut RegistrationLock,
        plan: &'a Plan,
    ) -> Result<Self> {
        let entries = plan.snapshot().list.clone();
        let applied = Applied { endpoint: None, entries, remaining: Vec::new(), refused: None };
        let mut this = Self { client, endpoints, lock, plan, stored: None, applied };
        // The lock may have been lost while the user was prompted.
        this.check_lock().await?;
        if !plan.snapshot().has_endpoints(&endpoints.list().await?) {
            return Err(Error::Changed);
        }
        if !plan.writes_list() && !is_same_list(&client.callbacks().list().await?, &plan.snapshot().list) {
            return Err(Error::Marketplace(eqp_client::Error::ListChanged));
        }
        Ok(this)
    }

    /// Carries out every step.
    pub(super) async fn run(mut self) -> Result<Applied> {
        for step in self.plan.steps() {
            self.apply_step(step).await?;
        }
        if let Some(name) = self.plan.endpoint() {
            self.applied.endpoint = Some(self.endpoint(name).await?);
        }
        self.store_check().await;
        Ok(self.applied)
    }

    /// Stores the states of the registrations, so that an alert about a difference is resolved without waiting for the next
    /// reconciliation.
    async fn store_check(&self) {
        let (environment, mage_id) = (self.plan.environment(), self.plan.mage_id());
        let storing = async {
            let account = self.endpoints.ensure_account(environment, mage_id).await?;
            let ours = self.endpoints.list().await?;
            checks::store(self.endpoints, (account, environment, mage_id), &ours, &self.applied.entries).await
        };
        // The plan has been carried out, and the next reconciliation stores them as well.
        if let Err(error) = storing.await {
            tracing::debug!(error = &error as &dyn std::error::Error, "cannot store the states of the registrations");
        }
    }

    async fn apply_step(&mut self, step: &Step) -> Result {
        match step {
            Step::CreateEndpoint { endpoint, url, path } => {
                let (environment, mage_id) = (self.plan.environment(), self.plan.mage_id());
                let account = self.endpoints.ensure_account(environment, mage_id).await?;
                self.endpoints.create(&NewEndpoint::new(account, endpoint, url.clone()).path(path)).await?;
            }
            Step::StoreCredential { endpoint, username, password } => {
                let endpoint = self.endpoint(endpoint).await?.id;
                self.stored = Some(self.endpoints.import_credential(endpoint, username, password).await?);
            }
            Step::Accept { .. } => {
                if let Err(error) = self.wait_and_check().await {
                    return Err(self.retire_unused(error).await);
                }
            }
            Step::WriteList { list } => self.write_list(list).await?,
            Step::Activate { endpoint, username, grace } | Step::Confirm { endpoint, username, grace } => {
                let credential = self.credential(endpoint, username).await?;
                self.endpoints.activate_with_grace(credential, *grace).await?;
            }
            Step::RetireAfter { endpoint, usernames, grace } => {
                for username in usernames {
                    let credential = self.credential(endpoint, username).await?;
                    self.endpoints.retire_after(credential, *grace).await?;
                }
            }
            Step::Refuse { endpoint, usernames } => self.refuse(endpoint, usernames).await?,
        }
        Ok(())
    }

    /// Writes the list, if it is unchanged and the lock is still held.
    async fn write_list(&mut self, list: &ListPlan) -> Result {
        if let Err(error) = self.wait_and_check().await {
            return Err(self.retire_unused(error).await);
        }
        let lock = &mut *self.lock;
        let still_ours = async { lock.check().await.map_err(Into::into) };
        match self.client.callbacks().apply_if(list, still_ours).await {
            Ok(written) => {
                self.applied.entries = written.entries;
                self.applied.remaining.extend(written.remaining);
                Ok(())
            }
            // The credential may be active, so it is not retired, and the next run continues with it.
            Err(error) if error.outcome_is_unknown() => Err(Error::OutcomeUnknown(error)),
            Err(error @ eqp_client::Error::LockLost(_)) => {
                Err(self.retire_unused(Error::LockLost(Box::new(error))).await)
            }
            Err(error) => Err(self.retire_unused(error.into()).await),
        }
    }

    /// Retires credentials, and waits until every receiver rejects them.
    async fn refuse(&mut self, endpoint: &str, usernames: &[String]) -> Result {
        let endpoint = self.endpoint(endpoint).await?;
        // A missing credential was retired in the meantime, because its grace period has ended.
        for credential in endpoint.credentials.iter().filter(|one| usernames.contains(&one.username)) {
            match self.endpoints.retire_credential(credential.id).await {
                Ok(()) | Err(StoreError::UnknownCredential { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let usernames = usernames.to_vec();
        match self.wait_until_loaded().await {
            Ok(receivers) => self.applied.refused = Some(Refused { usernames, receivers }),
            Err(source) => return Err(Error::NotRefusedYet { usernames, source }),
        }
        Ok(())
    }

    /// Waits until every receiver accepts the new credential: the first callback can arrive as soon as the list is written.
    async fn wait_and_check(&mut self) -> Result {
        self.check_lock().await?;
        self.wait_until_loaded().await?;
        self.check_lock().await
    }

    /// Waits until every receiver has loaded the last change. Returns the number of receivers.
    async fn wait_until_loaded(&self) -> Result<usize, StoreError> {
        let change = self.endpoints.generation().await?;
        self.endpoints.wait_until_loaded(change, LOAD_DEADLINE).await
    }

    async fn check_lock(&mut self) -> Result {
        self.lock.check().await.map_err(|error| Error::LockLost(Box::new(error)))
    }

    async fn endpoint(&self, name: &str) -> Result<EndpointSummary> {
        let found = self.endpoints.list().await?.into_iter().find(|endpoint| endpoint.name == name);
        found.ok_or(Error::Changed)
    }

    async fn credential(&self, endpoint: &str, username: &str) -> Result<CredentialId> {
        let named = |one: &&CredentialSummary| one.username == username;
        self.endpoint(endpoint).await?.credentials.iter().find(named).map(|one| one.id).ok_or(Error::Changed)
    }

    /// Retires a credential that was never sent. Returns the error to report.
    async fn retire_unused(&mut self, error: Error) -> Error {
        let Some(credential) = self.stored.take() else { return error };
        match self.endpoints.retire_credential(credential).await {
            Ok(()) => error,
            Err(cleanup) => Error::CleanupFailed { error: Box::new(error), cleanup },
        }
    }
}

pub(super) async fn lock(endpoints: &Endpoints, client: &Client, mage_id: &MageId) -> Result<RegistrationLock> {
    let environment = client.environment();
    let lock = endpoints.try_lock_registrations(environment, mage_id).await?;
    lock.ok_or_else(|| Error::Locked { mage_id: mage_id.clone(), environment })
}
