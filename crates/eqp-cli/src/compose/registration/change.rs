//! The order in which a registration is changed: seal the password, wait until every receiver takes it, write the list,
//! read it back, say which credential is in force.

use std::time::Duration;

use eqp_client::Client;
use eqp_client::callbacks::{Allowance, Applied, EntryName, Plan, Registration, Wish};
use eqp_receiver::{
    CredentialId, CredentialState, CredentialSummary, EndpointSummary, Endpoints, Issued, NewCredential, NewEndpoint,
    RegistrationLock,
};
use eqp_types::{ApiCallbackEntry, MageId, Secret};

use super::passwords::Passwords;
use super::refusals::{being_changed, in_use, not_ours, not_over, of_another, of_plan};
use super::standing::in_force;
use super::{Foreign, Intent, NewCallback, Ours, Registered};
use crate::failure::{Exit, Failure, Outcome};

/// How long the receivers may take to load a new credential.
const LOAD_DEADLINE: Duration = Duration::from_secs(15);

/// One change of an account's registrations. While it lives nobody else on this database makes one.
pub(super) struct Change<'a> {
    pub(super) client: &'a Client,
    ours: Ours<'a>,
    pub(super) foreign: &'a Foreign,
    pub(super) mage_id: MageId,
    /// The list as it was read at the beginning.
    pub(super) list: Vec<ApiCallbackEntry>,
    /// None while there is no database whose endpoints could be changed by others.
    lock: Option<RegistrationLock>,
}

/// Where callbacks are to be taken.
pub(super) enum Place {
    Known(EndpointSummary),
    /// Made when it is certain that it is wanted.
    New(NewCallback),
}

/// The credential that is to be in force.
pub(super) enum Key {
    /// One that the endpoint has.
    Kept(CredentialId, UserAndPassword),
    /// One that nobody has yet.
    New(UserAndPassword),
}

/// What callbacks come with.
pub(super) struct UserAndPassword {
    username: String,
    password: Secret,
}

/// What else belongs to a registration that is written.
#[derive(Default)]
pub(super) struct Manner<'a> {
    /// Somebody's entry whose place is taken.
    pub(super) taken_over: Option<&'a EntryName>,
    /// For how long the credential that is replaced is taken.
    pub(super) grace: Option<Duration>,
}

impl Key {
    pub(super) fn new() -> Outcome<Self> {
        let NewCredential { username, password, .. } = NewCredential::random()?;
        Ok(Self::New(UserAndPassword { username, password }))
    }

    fn parts(&self) -> &UserAndPassword {
        match self {
            Self::Kept(_, parts) | Self::New(parts) => parts,
        }
    }
}

impl<'a> Change<'a> {
    pub(super) async fn begin(client: &'a Client, ours: Ours<'a>, foreign: &'a Foreign) -> Outcome<Self> {
        let mage_id = client.session().await?.mage_id;
        let lock = match ours.endpoints() {
            Some(endpoints) => Some(lock(endpoints, client, &mage_id).await?),
            None => None,
        };
        let list = client.callbacks().list().await?;
        Ok(Self { client, ours, foreign, mage_id, list, lock })
    }

    /// The endpoints, to write to. Made where there are none yet, so this comes after the change was agreed to.
    pub(super) async fn endpoints(&mut self) -> Outcome<Endpoints> {
        self.ours.open().await?;
        let endpoints = self.ours.endpoints().cloned();
        let endpoints = endpoints.ok_or_else(|| Failure::new(Exit::Failed, "there is no database to write to"))?;
        if self.lock.is_none() {
            self.lock = Some(lock(&endpoints, self.client, &self.mage_id).await?);
        }
        Ok(endpoints)
    }

    /// Every endpoint that there is.
    pub(super) async fn known(&self) -> Outcome<Vec<EndpointSummary>> {
        self.ours.list().await
    }

    /// The endpoint with this name, if it is of this account.
    pub(super) async fn find(&self, name: &str) -> Outcome<Option<EndpointSummary>> {
        let found = self.known().await?.into_iter().find(|endpoint| endpoint.name == name);
        match found {
            Some(found) if found.environment != self.client.environment() || found.mage_id != self.mage_id => {
                Err(of_another(&found))
            }
            found => Ok(found),
        }
    }

    /// The same, where there has to be one.
    pub(super) async fn endpoint(&self, name: &str) -> Outcome<EndpointSummary> {
        self.find(name).await?.ok_or_else(|| {
            let environment = self.client.environment();
            Failure::new(Exit::NotFound, format!("there is no endpoint `{name}` of {} in {environment}", self.mage_id))
                .next("eqp callbacks plan shows those that there are")
        })
    }

    /// Where a callback is to be taken: at an endpoint that is as wished, or at a new one.
    pub(super) async fn place(&self, wished: &NewCallback) -> Outcome<Place> {
        let Some(found) = self.find(&wished.name).await? else {
            let Some(url) = &wished.url else {
                return Err(Failure::usage(format!("there is no endpoint `{}` yet", wished.name))
                    .next("say with --url where the Marketplace sends to"));
            };
            let path = wished.path.as_deref().unwrap_or(url.path());
            Endpoints::check(&wished.name, Some(path))?;
            let mut known = self.known().await?.into_iter();
            return match known.find(|other| other.public_url == url.as_str() || other.path == path) {
                Some(other) => Err(in_use(&other)),
                None => Ok(Place::New(wished.clone())),
            };
        };
        let url = wished.url.as_ref().map_or(found.public_url.as_str(), |url| url.as_str());
        let usual = wished.url.as_ref().map_or(found.path.as_str(), |url| url.path());
        if found.public_url == url && found.path == wished.path.as_deref().unwrap_or(usual) {
            Ok(Place::Known(found))
        } else {
            Err(of_another(&found))
        }
    }

    /// The credential in force. If its coming into force was not heard of, that is noted once `review` has seen it.
    pub(super) async fn settle(
        &mut self,
        endpoint: &EndpointSummary,
        grace: Duration,
        review: &mut impl FnMut(&[Intent<'_>]) -> Outcome,
    ) -> Outcome<Option<CredentialSummary>> {
        let Some(found) = in_force(endpoint, &self.list).cloned() else { return Ok(None) };
        if found.state == CredentialState::Pending {
            review(&[Intent::Confirm { endpoint: &endpoint.name, username: &found.username }])?;
            self.endpoints().await?.activate_with_grace(found.id, grace).await?;
        }
        Ok(Some(found))
    }

    /// The list is left as it is.
    pub(super) async fn nothing_to_write(&self, name: &str, username: String) -> Outcome<Registered> {
        let endpoint = self.endpoint(name).await?;
        Ok(Registered { endpoint, username, already: true, entries: self.list.clone(), remaining: Vec::new() })
    }

    /// A credential of the endpoint in this state, if its password can be had.
    pub(super) async fn kept(&self, endpoint: &EndpointSummary, state: CredentialState) -> Outcome<Option<Key>> {
        let Some(credential) = endpoint.credentials.iter().find(|one| one.state == state) else { return Ok(None) };
        let username = credential.username.clone();
        let Some(endpoints) = self.ours.endpoints() else { return Ok(None) };
        match endpoints.issued(&endpoint.public_url, &username).await? {
            Issued::Known(password) => Ok(Some(Key::Kept(credential.id, UserAndPassword { username, password }))),
            _ => Ok(None),
        }
    }

    /// Registers a place with a credential. `review` sees the plan before anything is kept or sent, and can refuse it.
    pub(super) async fn put(
        &mut self,
        place: Place,
        key: Key,
        manner: Manner<'_>,
        review: &mut impl FnMut(&[Intent<'_>]) -> Outcome,
    ) -> Outcome<Registered> {
        let (name, url) = match &place {
            Place::Known(endpoint) if matches!(key, Key::New(_)) && endpoint.credentials.len() > 1 => {
                return Err(not_over(endpoint));
            }
            Place::Known(endpoint) => (endpoint.name.clone(), endpoint.public_url.clone()),
            Place::New(new) => (new.name.clone(), new.url.as_ref().map(ToString::to_string).unwrap_or_default()),
        };
        let UserAndPassword { username, password } = key.parts();
        let registration = Registration::new(&url, username, password.clone())
            .map_err(eqp_client::Error::Registration)?
            .labelled(&name);
        let plan = self.plan(&Wish::Register(registration), manner.taken_over).await?;
        review(&[Intent::Write(&plan)])?;

        let endpoints = self.endpoints().await?;
        let endpoint = self.ensure(place).await?;
        let username = username.clone();
        let (credential, is_fresh) = match &key {
            Key::Kept(credential, _) => (*credential, false),
            Key::New(new) => (endpoints.import_credential(endpoint.id, &new.username, &new.password).await?, true),
        };
        let applied = match self.enact(&plan).await {
            Ok(applied) => applied,
            Err(NotDone::Nothing(failure)) if is_fresh => return Err(self.withdraw(credential, failure).await),
            Err(NotDone::Nothing(failure) | NotDone::Unknown(failure)) => return Err(failure),
        };
        endpoints.activate_with_grace(credential, manner.grace.unwrap_or(Endpoints::GRACE)).await?;
        let endpoint = self.endpoint(&endpoint.name).await?;
        Ok(Registered { endpoint, username, already: false, entries: applied.entries, remaining: applied.remaining })
    }

    /// The plan for a wish.
    pub(super) async fn plan(&self, wish: &Wish, taken_over: Option<&EntryName>) -> Outcome<Plan> {
        let store = Passwords { endpoints: self.ours.endpoints(), supplied: &self.foreign.passwords, taken_over };
        let names = self.list.iter().map(EntryName::of);
        let may_lose = &self.foreign.may_lose;
        let allowed = names.filter(|name| may_lose.iter().any(|entry| entry.fits(name.url(), name.username())));
        let allowance = allowed.fold(Allowance::none(), Allowance::and);
        Plan::make(&self.list, wish, &store, &allowance).await.map_err(of_plan)
    }

    /// Waits until every receiver takes what was issued, for the first callback can come as soon as the list is written,
    /// and refuses what was retired. Answers how many there are.
    pub(super) async fn is_loaded(&mut self) -> Outcome<usize> {
        let endpoints = self.endpoints().await?;
        let change = endpoints.generation().await?;
        Ok(endpoints.wait_until_loaded(change, LOAD_DEADLINE).await?)
    }

    /// Makes sure that nobody else may change the registrations meanwhile.
    pub(super) async fn check_lock(&mut self) -> Outcome {
        match &mut self.lock {
            Some(lock) => lock.check().await.map_err(|error| not_ours().because(&error)),
            None => Ok(()),
        }
    }

    /// Writes the list, if nobody has changed it and the lock is held to the last.
    pub(super) async fn enact(&mut self, plan: &Plan) -> Result<Applied, NotDone> {
        // The question may have taken its time.
        self.check_lock().await.map_err(NotDone::Nothing)?;
        self.is_loaded().await.map_err(NotDone::Nothing)?;
        let lock = self.lock.as_mut();
        let still_ours = async {
            match lock {
                Some(lock) => lock.check().await.map_err(Into::into),
                None => Ok(()),
            }
        };
        match self.client.callbacks().apply_if(plan, still_ours).await {
            Ok(applied) => Ok(applied),
            Err(error) if error.outcome_is_unknown() => Err(NotDone::Unknown(Failure::from(error).next(
                "run the same command again: the user name in force tells what was done, and until then every \
                 credential that may be in force is taken",
            ))),
            Err(error @ eqp_client::Error::NotOurs(_)) => Err(NotDone::Nothing(not_ours().because(&error))),
            Err(error) => Err(NotDone::Nothing(error.into())),
        }
    }

    pub(super) async fn ensure(&mut self, place: Place) -> Outcome<EndpointSummary> {
        let new = match place {
            Place::Known(endpoint) => return Ok(endpoint),
            Place::New(new) => new,
        };
        let Some(public_url) = new.url else {
            return Err(Failure::usage("an endpoint needs a URL").next("name it with --url"));
        };
        let endpoints = self.endpoints().await?;
        let account = endpoints.ensure_account(self.client.environment(), &self.mage_id).await?;
        let path = new.path.unwrap_or_else(|| public_url.path().to_owned());
        let new = NewEndpoint { account, name: new.name, path: Some(path), public_url };
        endpoints.create(&new).await?;
        self.endpoint(&new.name).await
    }

    /// Takes a credential back that was never sent, and passes the failure on: it is the one to tell.
    pub(super) async fn withdraw(&mut self, credential: CredentialId, failure: Failure) -> Failure {
        let retired = match self.endpoints().await {
            Ok(endpoints) => endpoints.retire_credential(credential).await,
            Err(_) => return failure,
        };
        match retired {
            Ok(()) => failure,
            Err(error) => failure.why(format!("and the credential made for it could not be retired: {error}")),
        }
    }
}

async fn lock(endpoints: &Endpoints, client: &Client, mage_id: &MageId) -> Outcome<RegistrationLock> {
    let environment = client.environment();
    let taken = endpoints.try_lock_registrations(environment, mage_id).await?;
    taken.ok_or_else(|| being_changed(mage_id, environment))
}

/// A list that was not written, or not for certain.
pub(super) enum NotDone {
    /// Nothing was sent.
    Nothing(Failure),
    /// What was sent may be in force.
    Unknown(Failure),
}

impl From<NotDone> for Failure {
    fn from(not_done: NotDone) -> Self {
        match not_done {
            NotDone::Nothing(failure) | NotDone::Unknown(failure) => failure,
        }
    }
}
