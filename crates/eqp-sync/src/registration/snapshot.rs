//! Snapshots: the Marketplace's list, our endpoints with their credentials, and the known passwords. Every plan is
//! computed from a snapshot, without I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use eqp_client::Client;
use eqp_client::callbacks::{
    AllowedLosses, DesiredState, EntryName, KnownEntry, KnownPasswords, Plan as ListPlan, Registration, merge,
};
use eqp_store::{CredentialLookup, CredentialState, EndpointSummary, Endpoints, NewCredential, PublicUrl};
use eqp_types::{ApiCallbackEntry, Environment, MageId, Secret};

use super::state::{entry_names, known_usernames};
use super::{NewRegistration, RegistrationState, Step, Unmanaged};
use crate::error::{Error, Result};

/// A snapshot of an account's registrations and of our endpoints.
#[derive(Clone)]
pub struct Snapshot {
    environment: Environment,
    mage_id: MageId,
    pub(super) list: Vec<ApiCallbackEntry>,
    /// Includes those of other accounts, because names, URLs and paths are unique.
    endpoints: Vec<EndpointSummary>,
    issued: BTreeMap<EntryName, CredentialLookup>,
    unmanaged: Unmanaged,
}

/// The differences between the Marketplace's list and our endpoints (drift).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Drift {
    /// The account's environment.
    pub environment: Environment,
    /// The account.
    pub mage_id: MageId,
    /// Our endpoints that are not removed, each with the state of its registration.
    pub endpoints: Vec<(EndpointSummary, RegistrationState)>,
    /// Removed endpoints that still accept callbacks during their grace period.
    pub removed: Vec<EndpointSummary>,
    /// The unmanaged entries.
    pub unmanaged: Vec<EntryName>,
}

impl Drift {
    /// Returns whether there is nothing to do.
    pub fn is_consistent(&self) -> bool {
        self.endpoints.iter().all(|(_, state)| state.is_consistent())
    }
}

/// The endpoint that a registration is for.
pub(super) enum EndpointTarget<'a> {
    Known(&'a EndpointSummary),
    New { name: String, url: PublicUrl, path: String },
}

/// The credential to register.
pub(super) struct RegistrationCredential {
    pub(super) username: String,
    password: Secret,
    /// The credential is not in the database yet.
    is_new: bool,
}

impl RegistrationCredential {
    pub(super) fn new() -> Result<Self> {
        let NewCredential { username, password, .. } = NewCredential::random()?;
        Ok(Self { username, password, is_new: true })
    }
}

impl EndpointTarget<'_> {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Known(endpoint) => &endpoint.name,
            Self::New { name, .. } => name,
        }
    }

    fn url(&self) -> &str {
        match self {
            Self::Known(endpoint) => &endpoint.public_url,
            Self::New { url, .. } => url.as_str(),
        }
    }

    /// Returns the step that creates the endpoint, if it is new.
    pub(super) fn creation(&self) -> Option<Step> {
        match self {
            Self::Known(_) => None,
            Self::New { name, url, path } => {
                Some(Step::CreateEndpoint { endpoint: name.clone(), url: url.clone(), path: path.clone() })
            }
        }
    }
}

impl Snapshot {
    pub(super) async fn read(client: &Client, endpoints: Option<&Endpoints>) -> Result<Self> {
        let (mage_id, environment) = (client.session().await?.mage_id, client.environment());
        let list = client.callbacks().list().await?;
        let (issued, unmanaged) = (BTreeMap::new(), Unmanaged::default());
        let mut snapshot = Self { environment, mage_id, list, endpoints: Vec::new(), issued, unmanaged };
        if let Some(endpoints) = endpoints {
            snapshot.endpoints = endpoints.list().await?;
            for name in snapshot.relevant_entries() {
                let issued = endpoints.look_up_credential(name.url(), name.username()).await?;
                snapshot.issued.insert(name, issued);
            }
        }
        Ok(snapshot)
    }

    /// Returns the entries in the list and the entries that a plan may add.
    fn relevant_entries(&self) -> BTreeSet<EntryName> {
        let usable = self.endpoints().flat_map(|endpoint| {
            let usable = endpoint.credentials.iter().filter(|one| one.state != CredentialState::Retiring);
            usable.map(|one| EntryName::new(&*endpoint.public_url, &*one.username))
        });
        entry_names(&self.list).chain(usable).collect()
    }

    /// Adds passwords of unmanaged entries, and entries that may lose theirs.
    #[must_use]
    pub fn with_unmanaged(mut self, unmanaged: Unmanaged) -> Self {
        self.unmanaged = unmanaged;
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

    /// Returns the Marketplace's list.
    pub fn entries(&self) -> &[ApiCallbackEntry] {
        &self.list
    }

    /// Returns the account's endpoints.
    pub fn endpoints(&self) -> impl Iterator<Item = &EndpointSummary> {
        self.endpoints.iter().filter(|one| one.environment == self.environment && one.mage_id == self.mage_id)
    }

    /// Returns the endpoints of every account.
    pub(super) fn all(&self) -> impl Iterator<Item = &EndpointSummary> {
        self.endpoints.iter()
    }

    /// Compares the list with the endpoints.
    pub fn drift(&self) -> Drift {
        let is_ours = |name: &EntryName| self.endpoints().any(|endpoint| is_registration_of(endpoint, name));
        let unmanaged = self.list.iter().map(EntryName::of).filter(|name| !is_ours(name)).collect();
        let compared = self.endpoints().map(|endpoint| (endpoint.clone(), RegistrationState::of(endpoint, &self.list)));
        let (removed, endpoints): (Vec<_>, Vec<_>) =
            compared.partition(|(_, state)| *state == RegistrationState::NotRegistered);
        let removed = removed.into_iter().map(|(endpoint, _)| endpoint);
        let removed = removed.filter(|one| !one.credentials.is_empty()).collect();
        Drift { environment: self.environment, mage_id: self.mage_id.clone(), endpoints, removed, unmanaged }
    }

    /// Returns whether the account still has exactly these endpoints and usable credentials. Credentials whose grace
    /// period has ended since are ignored.
    pub(super) fn has_endpoints(&self, now: &[EndpointSummary]) -> bool {
        let usable = |endpoint: &EndpointSummary| {
            let usable = endpoint.credentials.iter().filter(|one| one.state != CredentialState::Retiring);
            usable.map(|one| (one.id, one.state)).collect::<Vec<_>>()
        };
        let of = |endpoint: &EndpointSummary| {
            (endpoint.id, endpoint.name.clone(), endpoint.path.clone(), endpoint.public_url.clone(), usable(endpoint))
        };
        let now = now.iter().filter(|one| one.environment == self.environment && one.mage_id == self.mage_id);
        self.endpoints().map(of).eq(now.map(of))
    }

    /// Returns the endpoint with this name, or an error if it belongs to another account.
    fn find(&self, name: &str) -> Result<Option<&EndpointSummary>> {
        match self.endpoints.iter().find(|endpoint| endpoint.name == name) {
            Some(found) if found.environment != self.environment || found.mage_id != self.mage_id => {
                Err(Error::OtherEndpoint { endpoint: Box::new(found.clone()) })
            }
            found => Ok(found),
        }
    }

    /// Returns the endpoint with this name, or an error if the account has none.
    pub(super) fn endpoint(&self, name: &str) -> Result<&EndpointSummary> {
        self.find(name)?.ok_or_else(|| Error::UnknownEndpoint {
            name: name.to_owned(),
            mage_id: self.mage_id.clone(),
            environment: self.environment,
        })
    }

    /// Returns the existing endpoint with this URL and path, or a new one. It is an error if the existing one differs.
    pub(super) fn target(&self, requested: &NewRegistration) -> Result<EndpointTarget<'_>> {
        let other = |endpoint: &EndpointSummary| Box::new(endpoint.clone());
        let Some(found) = self.find(&requested.name)? else {
            let Some(url) = requested.url.clone() else {
                return Err(Error::UrlMissing { name: requested.name.clone() });
            };
            let path = requested.path.clone().unwrap_or_else(|| url.path().to_owned());
            Endpoints::check(&requested.name, Some(&path))?;
            let is_in_use = |other: &&EndpointSummary| other.public_url == url.as_str() || other.path == path;
            return match self.endpoints.iter().find(is_in_use) {
                Some(found) => Err(Error::EndpointInUse { endpoint: other(found) }),
                None => Ok(EndpointTarget::New { name: requested.name.clone(), url, path }),
            };
        };
        let url = requested.url.as_ref().map_or(found.public_url.as_str(), |url| url.as_str());
        let usual = requested.url.as_ref().map_or(found.path.as_str(), |url| url.path());
        if found.public_url == url && found.path == requested.path.as_deref().unwrap_or(usual) {
            Ok(EndpointTarget::Known(found))
        } else {
            Err(Error::OtherEndpoint { endpoint: other(found) })
        }
    }

    /// Returns a credential of the endpoint in this state, if its password is known.
    pub(super) fn stored_credential(
        &self,
        endpoint: &EndpointSummary,
        state: CredentialState,
    ) -> Option<RegistrationCredential> {
        let credential = endpoint.credentials.iter().find(|one| one.state == state)?;
        let username = credential.username.clone();
        match self.issued.get(&EntryName::new(&*endpoint.public_url, &*username))? {
            CredentialLookup::Known(password) => {
                Some(RegistrationCredential { username, password: password.clone(), is_new: false })
            }
            _ => None,
        }
    }

    /// Returns whether the database has this password for the entry.
    pub(super) fn has_password(&self, entry: &EntryName, password: &Secret) -> bool {
        matches!(self.issued.get(entry), Some(CredentialLookup::Known(known)) if known.expose() == password.expose())
    }

    /// Returns the steps that register an endpoint with a credential.
    pub(super) fn registration_steps(
        &self,
        target: &EndpointTarget<'_>,
        credential: RegistrationCredential,
        adopted: Option<&EntryName>,
        grace: Duration,
    ) -> Result<Vec<Step>> {
        match target {
            EndpointTarget::Known(endpoint) if credential.is_new && endpoint.credentials.len() > 1 => {
                return Err(Error::RotationNotOver { endpoint: Box::new((*endpoint).clone()) });
            }
            _ => {}
        }
        let RegistrationCredential { username, password, is_new } = credential;
        let endpoint = target.name().to_owned();
        let registration = Registration::new(target.url(), &username, password.clone())
            .map_err(eqp_client::Error::Registration)?
            .label(&endpoint);
        let list = self.rewrite(&self.list, &DesiredState::Register(registration), adopted)?;
        let store = Step::StoreCredential { endpoint: endpoint.clone(), username: username.clone(), password };
        let steps = target.creation().into_iter().chain(is_new.then_some(store));
        Ok(steps.chain([Step::WriteList { list }, Step::Activate { endpoint, username, grace }]).collect())
    }

    /// Merges a desired state into a list, with the known passwords.
    pub(super) fn rewrite(
        &self,
        list: &[ApiCallbackEntry],
        desired: &DesiredState,
        adopted: Option<&EntryName>,
    ) -> Result<ListPlan> {
        let held = |name: EntryName| (self.held(&name, adopted), name);
        let passwords =
            entry_names(list).map(held).fold(KnownPasswords::new(), |all, (held, name)| all.with(name, held));
        let allowed = list.iter().map(EntryName::of).filter(|name| self.unmanaged.may_lose(name));
        let allowance = allowed.fold(AllowedLosses::none(), AllowedLosses::allow);
        Ok(merge(list, desired, &passwords, &allowance).map_err(eqp_client::Error::from)?)
    }

    fn held(&self, name: &EntryName, adopted: Option<&EntryName>) -> KnownEntry {
        let supplied = || self.unmanaged.password(name).cloned();
        match self.issued.get(name) {
            Some(CredentialLookup::Known(password)) => {
                KnownEntry { password: Some(password.clone()), is_managed: true }
            }
            None | Some(CredentialLookup::Unknown) => {
                KnownEntry { password: supplied(), is_managed: adopted == Some(name) }
            }
            Some(_) => KnownEntry { password: supplied(), is_managed: true },
        }
    }
}

/// Returns whether an entry is a registration of the endpoint, with a user name that it has or had.
pub(super) fn is_registration_of(endpoint: &EndpointSummary, name: &EntryName) -> bool {
    name.url() == endpoint.public_url && known_usernames(endpoint).any(|username| username == name.username())
}

impl fmt::Debug for Snapshot {
    /// Shows only the names of entries, because an unmanaged URL may contain credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries: Vec<_> = self.list.iter().map(EntryName::of).collect();
        f.debug_struct("Snapshot")
            .field("environment", &self.environment)
            .field("mage_id", &self.mage_id)
            .field("entries", &entries)
            .field("endpoints", &self.endpoints)
            .finish_non_exhaustive()
    }
}
