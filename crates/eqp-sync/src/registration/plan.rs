//! Plans: the steps that change an account's registrations. A plan is computed from a [`Snapshot`] without I/O. It can
//! be printed and serialized, without passwords.

use std::fmt;

use eqp_client::callbacks::{Change, EntryName};
use eqp_store::EndpointSummary;
use eqp_types::{Environment, MageId};
use serde::Serialize;

use super::{Snapshot, Step};

/// The steps that change an account's registrations.
///
/// After the plan was confirmed, [`Registrations::apply`](super::Registrations::apply) carries them out.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    environment: Environment,
    mage_id: MageId,
    /// The endpoint that the plan is about; `None` for an unmanaged entry.
    endpoint: Option<String>,
    /// The user name in the list afterwards.
    username: Option<String>,
    /// The user name that it replaces.
    replaces: Option<String>,
    steps: Vec<Step>,
    #[serde(skip)]
    snapshot: Snapshot,
}

impl Plan {
    pub(super) fn new(snapshot: &Snapshot, steps: Vec<Step>) -> Self {
        let (environment, mage_id) = (snapshot.environment(), snapshot.mage_id().clone());
        let snapshot = snapshot.clone();
        Self { environment, mage_id, endpoint: None, username: None, replaces: None, steps, snapshot }
    }

    pub(super) fn for_endpoint(mut self, endpoint: &str) -> Self {
        self.endpoint = Some(endpoint.to_owned());
        self
    }

    pub(super) fn registering(mut self, username: String) -> Self {
        self.username = Some(username);
        self
    }

    pub(super) fn replacing(mut self, username: Option<String>) -> Self {
        self.replaces = username;
        self
    }

    /// Returns the account's environment.
    pub fn environment(&self) -> Environment {
        self.environment
    }

    /// Returns the account.
    pub fn mage_id(&self) -> &MageId {
        &self.mage_id
    }

    /// Returns the name of the endpoint that the plan is about, or `None` for an unmanaged entry.
    pub fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }

    /// Returns the user name that the list has for the endpoint afterwards, or `None` if the endpoint is removed.
    pub fn username(&self) -> Option<&str> {
        self.username.as_deref()
    }

    /// Returns the user name that was generated for this plan, if there is one. Every plan generates another one.
    pub fn generated_username(&self) -> Option<&str> {
        // A password that was supplied is stored without a change of the list.
        self.steps.iter().filter(|_| self.writes_list()).find_map(|step| match step {
            Step::StoreCredential { username, .. } => Some(username.as_str()),
            _ => None,
        })
    }

    /// Returns the user name that a rotation or an adoption without a password replaces.
    pub fn replaces(&self) -> Option<&str> {
        self.replaces.as_deref()
    }

    /// Returns the steps in their order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Returns whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Returns whether the Marketplace's list is written.
    pub fn writes_list(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::WriteList { .. }))
    }

    /// Returns the changes of the Marketplace's list, including unchanged entries.
    pub fn list_changes(&self) -> impl Iterator<Item = &Change> {
        self.steps.iter().flat_map(|step| match step {
            Step::WriteList { list } => list.changes(),
            _ => &[],
        })
    }

    /// Returns the entries that are removed from the list without a replacement.
    pub fn removed(&self) -> impl Iterator<Item = &EntryName> {
        self.list_changes().filter_map(|change| match change {
            Change::Removed(entry) => Some(entry),
            _ => None,
        })
    }

    /// Returns the endpoint as it was when the plan was made, or `None` if the plan creates it.
    pub fn observed_endpoint(&self) -> Option<&EndpointSummary> {
        let name = self.endpoint()?;
        self.snapshot.endpoints().find(|endpoint| endpoint.name == name)
    }

    /// Returns the snapshot that the plan was computed from.
    pub(super) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing to do");
        }
        for (at, step) in self.steps.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { "\n" })?;
            step.fmt(f)?;
        }
        Ok(())
    }
}

/// Proof that a plan was confirmed, by a person or by a setting such as `--yes`.
///
/// Create it only where the confirmation is obtained. A dry run has none, so it cannot apply a plan.
#[derive(Debug)]
pub struct Confirmation(());

impl Confirmation {
    /// States that the plan was confirmed.
    pub fn given() -> Self {
        Self(())
    }

    /// Consumes the confirmation, which is valid for one plan.
    pub(super) fn consume(self) {
        let Self(()) = self;
    }
}
