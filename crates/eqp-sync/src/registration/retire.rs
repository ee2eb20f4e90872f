//! Rejects replaced credentials before their grace period ends, for example after a leak.

use eqp_store::{CredentialState, CredentialSummary, EndpointSummary};

use super::state::active_credential;
use super::{Plan, Snapshot, Step};
use crate::error::{Error, Result};

impl Snapshot {
    /// Plans to reject the replaced credentials of an endpoint at once. The credential in the Marketplace's list is
    /// never rejected, because every callback would be lost then.
    ///
    /// # Errors
    /// Returns [`Error::UnknownEndpoint`] if the endpoint does not exist, [`Error::StillListed`] if the replaced
    /// credential is registered at the Marketplace, and [`Error::NothingReplaced`] if there is none.
    pub fn retire(&self, name: &str) -> Result<Plan> {
        let endpoint = self.endpoint(name)?;
        let active = active_credential(endpoint, &self.list).map(|found| (found.username.clone(), found.state));
        let active = match active {
            Some((username, CredentialState::Retiring)) => {
                return Err(Error::StillListed { endpoint: Box::new(endpoint.clone()), username });
            }
            active => active.map(|(username, _)| username),
        };
        let usernames: Vec<_> = replaced(endpoint).map(|one| one.username.clone()).collect();
        if usernames.is_empty() {
            return Err(Error::NothingReplaced { name: name.to_owned(), active });
        }
        let plan = Plan::new(self, vec![Step::Refuse { endpoint: name.to_owned(), usernames }]).for_endpoint(name);
        Ok(match active {
            Some(username) => plan.registering(username),
            None => plan,
        })
    }
}

/// Returns the replaced credentials of an endpoint that are still accepted.
pub fn replaced(endpoint: &EndpointSummary) -> impl Iterator<Item = &CredentialSummary> {
    endpoint.credentials.iter().filter(|one| one.state == CredentialState::Retiring)
}
