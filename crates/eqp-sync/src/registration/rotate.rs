//! Replaces the credential of an endpoint.

use std::time::Duration;

use eqp_store::CredentialState;

use super::snapshot::{EndpointTarget, RegistrationCredential};
use super::state::active_credential;
use super::{Plan, Snapshot, Step};
use crate::error::{Error, Result};

impl Snapshot {
    /// Plans to replace the credential of an endpoint. The old one is accepted until `grace` after the first callback with the new one;
    /// without a grace period it is rejected as soon as the new one is active.
    ///
    /// An interrupted rotation is continued with the same credential.
    ///
    /// # Errors
    /// Returns [`Error::UnknownEndpoint`] if the endpoint does not exist, [`Error::NotListed`] if it is not in the
    /// Marketplace's list, [`Error::RotationNotOver`] while the previously replaced credential is still accepted, and
    /// [`Error::Marketplace`] if an unmanaged entry would lose its password.
    pub fn rotate(&self, name: &str, grace: Duration) -> Result<Plan> {
        let endpoint = self.endpoint(name)?;
        let (username, mut steps) = match active_credential(endpoint, &self.list) {
            Some(found) if found.state == CredentialState::Pending => {
                let username = found.username.clone();
                let confirm = Step::Confirm { endpoint: name.to_owned(), username: username.clone(), grace };
                (username, vec![confirm])
            }
            found => {
                let is_retiring = endpoint.credentials.iter().any(|one| one.state == CredentialState::Retiring);
                let credential = match self.stored_credential(endpoint, CredentialState::Pending) {
                    Some(incomplete) => incomplete,
                    None if is_retiring => {
                        return Err(Error::RotationNotOver { endpoint: Box::new(endpoint.clone()) });
                    }
                    None if found.is_none() => return Err(Error::NotListed { name: name.to_owned() }),
                    None => RegistrationCredential::new()?,
                };
                (
                    credential.username.clone(),
                    self.registration_steps(&EndpointTarget::Known(endpoint), credential, None, grace)?,
                )
            }
        };
        // Activating the new credential starts the grace period of the others.
        let others = endpoint.credentials.iter().filter(|one| one.username != username);
        let others = others.filter(|one| matches!(one.state, CredentialState::Active | CredentialState::Retiring));
        let replaced: Vec<_> = others.map(|one| one.username.clone()).collect();
        let newest = replaced.first().cloned();
        if grace.is_zero() && !replaced.is_empty() {
            steps.push(Step::Refuse { endpoint: name.to_owned(), usernames: replaced });
        }
        Ok(Plan::new(self, steps).for_endpoint(name).registering(username).replacing(newest))
    }
}
