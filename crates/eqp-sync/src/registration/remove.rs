//! Removes a registration from the list. Its credential is accepted for a grace period.

use std::time::Duration;

use eqp_client::callbacks::{DesiredState, EntryName};

use super::snapshot::is_registration_of;
use super::state::entry_names;
use super::{EntrySelector, Plan, Snapshot, Step};
use crate::error::{Error, Result};

/// The registration or entry to remove.
#[derive(Clone, Debug)]
pub enum Removal {
    /// The registration of the endpoint with this name.
    Endpoint(String),
    /// An unmanaged entry.
    Entry(EntrySelector),
}

impl Snapshot {
    /// Plans a removal. The credentials of an endpoint are retired `grace` after its entry was removed, because
    /// callbacks may be in flight. The endpoint remains, and can be registered again.
    ///
    /// # Errors
    /// Returns [`Error::UnknownEndpoint`] or [`Error::UnknownEntry`] if the registration or entry does not exist,
    /// [`Error::EntryOfEndpoint`] for an entry that must be removed by the name of its endpoint, so that its credential
    /// is retired too, and [`Error::Marketplace`] if an unmanaged entry would lose its password.
    pub fn remove(&self, removal: &Removal, grace: Duration) -> Result<Plan> {
        let (endpoint, gone) = match removal {
            Removal::Endpoint(name) => {
                let endpoint = self.endpoint(name)?;
                let gone: Vec<_> = entry_names(&self.list).filter(|name| is_registration_of(endpoint, name)).collect();
                (Some(endpoint), gone)
            }
            Removal::Entry(entry) => (None, self.unmanaged_entries(entry)?),
        };
        let mut steps = Vec::new();
        let mut list = self.list.clone();
        for name in &gone {
            // Each removal is planned on the list that the previous one leaves.
            let rewritten = self.rewrite(&list, &DesiredState::Remove(name.clone()), None)?;
            list.retain(|entry| entry.known().is_none() || EntryName::of(entry) != *name);
            if !rewritten.is_empty() {
                steps.push(Step::WriteList { list: rewritten });
            }
        }
        let Some(endpoint) = endpoint else { return Ok(Plan::new(self, steps)) };
        let accepted = endpoint.credentials.iter().filter(|one| one.retire_at.is_none());
        let usernames: Vec<_> = accepted.map(|one| one.username.clone()).collect();
        if !usernames.is_empty() {
            steps.push(Step::RetireAfter { endpoint: endpoint.name.clone(), usernames, grace });
        }
        Ok(Plan::new(self, steps).for_endpoint(&endpoint.name))
    }

    /// Returns the selected entries. It is an error if one is the registration of an endpoint.
    fn unmanaged_entries(&self, entry: &EntrySelector) -> Result<Vec<EntryName>> {
        let found: Vec<_> = entry_names(&self.list).filter(|name| entry.selects(name)).collect();
        if found.is_empty() {
            return Err(Error::UnknownEntry);
        }
        match self.all().find(|endpoint| found.iter().any(|name| is_registration_of(endpoint, name))) {
            Some(endpoint) => Err(Error::EntryOfEndpoint { name: endpoint.name.clone() }),
            None => Ok(found),
        }
    }
}
