//! Adopts an entry that was registered manually or for another receiver.

use eqp_client::callbacks::EntryName;
use eqp_store::{CredentialState, Endpoints};
use eqp_types::Secret;

use super::snapshot::{EndpointTarget, RegistrationCredential};
use super::state::entry_names;
use super::{EntrySelector, NewRegistration, Plan, Snapshot, Step};
use crate::error::{Error, Result};

impl Snapshot {
    /// Plans to adopt the entry selected by `entry` for the endpoint `new`.
    ///
    /// With its password, the entry is not changed, and the receivers accept it from then on. Without it, the entry
    /// gets a new credential, and callbacks in flight are only accepted by the previous receiver. The plan is empty if
    /// the entry already has the endpoint's active credential.
    ///
    /// # Errors
    /// Returns [`Error::UnknownEntry`] or [`Error::AmbiguousEntry`] unless exactly one entry is selected,
    /// [`Error::OtherPassword`] if the endpoint has another password for the entry, the errors of [`add`](Self::add) if
    /// the endpoint cannot be registered, and [`Error::Marketplace`] if another unmanaged entry would lose its
    /// password.
    pub fn adopt(&self, entry: &EntrySelector, new: &NewRegistration, password: Option<&Secret>) -> Result<Plan> {
        let adopted = self.one(entry)?;
        let target = self.target(new)?;
        if let EndpointTarget::Known(existing) = &target
            && existing.public_url == adopted.url()
            && let Some(known) = existing.credentials.iter().find(|one| one.username == adopted.username())
        {
            if password.is_some_and(|password| !self.has_password(&adopted, password)) {
                return Err(Error::OtherPassword { name: new.name.clone(), username: known.username.clone() });
            }
            if known.state == CredentialState::Active {
                return Ok(Plan::new(self, Vec::new()).for_endpoint(&new.name).registering(known.username.clone()));
            }
        }
        let Some(password) = password else {
            let credential = RegistrationCredential::new()?;
            let username = credential.username.clone();
            let steps = self.registration_steps(&target, credential, Some(&adopted), Endpoints::GRACE)?;
            let replaced = Some(adopted.username().to_owned());
            return Ok(Plan::new(self, steps).for_endpoint(&new.name).registering(username).replacing(replaced));
        };
        let (endpoint, username) = (new.name.clone(), adopted.username().to_owned());
        let mut is_known = false;
        if let EndpointTarget::Known(existing) = &target {
            is_known = existing.credentials.iter().any(|one| one.username == username);
            if !is_known && existing.credentials.len() > 1 {
                return Err(Error::RotationNotOver { endpoint: Box::new((*existing).clone()) });
            }
            if !is_known && existing.retired_usernames.contains(&username) {
                return Err(eqp_store::Error::CredentialExists { username }.into());
            }
        }
        let (password, grace) = (password.clone(), Endpoints::GRACE);
        let store = Step::StoreCredential { endpoint: endpoint.clone(), username: username.clone(), password };
        let steps = target.creation().into_iter().chain((!is_known).then_some(store));
        let accept = Step::Accept { endpoint: endpoint.clone(), entry: adopted };
        let activate = Step::Activate { endpoint, username: username.clone(), grace };
        let steps = steps.chain([accept, activate]).collect();
        Ok(Plan::new(self, steps).for_endpoint(&new.name).registering(username))
    }

    /// Returns the only entry that is selected.
    fn one(&self, entry: &EntrySelector) -> Result<EntryName> {
        let mut found: Vec<_> = entry_names(&self.list).filter(|name| entry.selects(name)).collect();
        found.dedup();
        match found.len() {
            1 => Ok(found.remove(0)),
            0 => Err(Error::UnknownEntry),
            _ => Err(Error::AmbiguousEntry),
        }
    }
}
