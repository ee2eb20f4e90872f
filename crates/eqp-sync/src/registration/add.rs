//! Registers a callback, or repairs its registration.

use eqp_store::{CredentialState, Endpoints};

use super::snapshot::{EndpointTarget, RegistrationCredential};
use super::state::active_credential;
use super::{NewRegistration, Plan, Snapshot, Step};
use crate::error::Result;

impl Snapshot {
    /// Plans to register a callback.
    ///
    /// A new endpoint gets a new credential. An endpoint whose entry is missing or was overwritten is registered again with its stored
    /// credential, preferably the pending one, which an interrupted change may have sent. The plan is empty if there is nothing to do.
    ///
    /// # Errors
    /// Returns [`Error::OtherEndpoint`](crate::Error::OtherEndpoint), [`Error::EndpointInUse`](crate::Error::EndpointInUse), [`Error::UrlMissing`](crate::Error::UrlMissing) or [`Error::RotationNotOver`](crate::Error::RotationNotOver)
    /// if the endpoint cannot be registered, and [`Error::Marketplace`](crate::Error::Marketplace) if an unmanaged entry would lose its password.
    pub fn add(&self, new: &NewRegistration) -> Result<Plan> {
        let target = self.target(new)?;
        let mut credential = None;
        if let EndpointTarget::Known(endpoint) = &target {
            if let Some(found) = active_credential(endpoint, &self.list) {
                let (endpoint, username) = (endpoint.name.clone(), found.username.clone());
                let confirm = Step::Confirm { endpoint, username: username.clone(), grace: Endpoints::GRACE };
                let steps = match found.state {
                    CredentialState::Pending => Some(vec![confirm]),
                    CredentialState::Active => Some(Vec::new()),
                    _ => None,
                };
                if let Some(steps) = steps {
                    return Ok(Plan::new(self, steps).for_endpoint(&new.name).registering(username));
                }
            }
            let stored_credential = |state| self.stored_credential(endpoint, state);
            credential =
                stored_credential(CredentialState::Pending).or_else(|| stored_credential(CredentialState::Active));
        }
        let credential = match credential {
            Some(credential) => credential,
            None => RegistrationCredential::new()?,
        };
        let username = credential.username.clone();
        let steps = self.registration_steps(&target, credential, None, Endpoints::GRACE)?;
        Ok(Plan::new(self, steps).for_endpoint(&new.name).registering(username))
    }
}
