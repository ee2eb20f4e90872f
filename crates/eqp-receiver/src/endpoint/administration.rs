//! Making endpoints and credentials, for tools.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use eqp_types::{Environment, MageId, Secret};
use sqlx::PgPool;
use tokio::time::{Instant, sleep};

use super::keyed_hash::KeyedHash;
use super::path::{PREFIX, check_name, check_path};
use super::sealed::Sealed;
use super::{
    AccountId, CredentialGeneration, CredentialId, CredentialState, CredentialSummary, EndpointId, EndpointSummary,
    Issued, IssuedCredential, MasterKey, NewCredential, NewEndpoint, RegistrationLock, master_key,
};
use crate::deadline::{ANSWER, within};
use crate::{Error, store};

/// At most two credentials of an endpoint are taken at a time: the one in force, and the one that replaces it.
const MOST_USABLE: usize = 2;
/// A receiver that has not said for so long that it lives is taken for dead; each says so every two seconds.
const LIFE_SIGN: Duration = Duration::from_secs(10);
/// How often to look whether the receivers have loaded a change.
const LOOK: Duration = Duration::from_millis(50);

/// The endpoints of one database.
#[derive(Clone, Debug)]
pub struct Endpoints {
    pool: PgPool,
    key: MasterKey,
}

impl NewCredential {
    /// Makes one.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn random() -> Result<Self, Error> {
        let username = format!("eqp-{}", URL_SAFE_NO_PAD.encode(&master_key::random()?[..9]));
        let password = Secret::new(URL_SAFE_NO_PAD.encode(master_key::random()?));
        Ok(Self { username, password })
    }
}

impl Endpoints {
    /// How long a credential that was replaced is taken, unless told otherwise: a day.
    pub const GRACE: Duration = Duration::from_hours(24);

    /// The endpoints of the database behind `pool`, whose schema must be there; binds the database to the key if it
    /// is new.
    ///
    /// # Errors
    /// A schema that is not as it should be, or [`Error::OtherMasterKey`].
    pub async fn open(pool: PgPool, key: MasterKey) -> Result<Self, Error> {
        store::schema::check(&pool).await?;
        within(ANSWER, store::instance::bind(&pool, key.fingerprint())).await?;
        Ok(Self { pool, key })
    }

    /// The same for reading only: nothing is written, not even which key the database belongs to, so that a read-only
    /// database is as good. None where there can be no endpoints yet: the database has no tables, or belongs to no key.
    ///
    /// # Errors
    /// A schema that is not as it should be, or [`Error::OtherMasterKey`], also without a key.
    pub async fn open_to_read(pool: PgPool, key: Option<MasterKey>) -> Result<Option<Self>, Error> {
        let fingerprint = key.as_ref().map(MasterKey::fingerprint);
        let is_there = store::schema::has_tables(&pool).await?
            && within(ANSWER, store::instance::is_bound(&pool, fingerprint)).await?;
        Ok(key.filter(|_| is_there).map(|key| Self { pool, key }))
    }

    /// Whether an endpoint can have this name, and this path if it has one of its own.
    ///
    /// # Errors
    /// [`Error::EndpointName`] or [`Error::EndpointPath`].
    pub fn check(name: &str, path: Option<&str>) -> Result<(), Error> {
        if !check_name(name) {
            return Err(Error::EndpointName { name: name.to_owned() });
        }
        path.map_or(Ok(()), |path| {
            check_path(path).map_err(|reason| Error::EndpointPath { path: path.to_owned(), reason })
        })
    }

    /// The number of an account, which is made if it is new.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn ensure_account(&self, environment: Environment, mage_id: &MageId) -> Result<AccountId, Error> {
        within(ANSWER, store::endpoint::ensure_account(&self.pool, environment.as_str(), mage_id.as_str())).await
    }

    /// Makes an endpoint; it can be called as soon as it has a credential.
    ///
    /// # Errors
    /// A name or path that cannot be one or is in use, or the database refuses.
    pub async fn create(&self, new: &NewEndpoint) -> Result<EndpointId, Error> {
        let path = new.path.clone().unwrap_or_else(|| format!("{PREFIX}{}", new.name));
        Self::check(&new.name, Some(&path))?;
        let created = store::endpoint::create(&self.pool, new.account, &new.name, &path, new.public_url.as_str());
        within(ANSWER, created).await?.ok_or_else(|| Error::EndpointExists { name: new.name.clone(), path })
    }

    /// Makes a new credential: a user name never used before, and 32 random bytes as the password.
    ///
    /// # Errors
    /// [`Error::TooManyCredentials`] where two are in use, [`Error::UnknownEndpoint`], or the database refuses.
    pub async fn issue_credential(&self, endpoint: EndpointId) -> Result<IssuedCredential, Error> {
        let NewCredential { username, password } = NewCredential::random()?;
        let id = self.import_credential(endpoint, &username, &password).await?;
        Ok(IssuedCredential { id, username, password })
    }

    /// Takes over a user name and password that are registered already.
    ///
    /// # Errors
    /// [`Error::CredentialName`] for a user name that Basic cannot carry, [`Error::CredentialExists`],
    /// [`Error::TooManyCredentials`] where two are in use, [`Error::UnknownEndpoint`], or the database refuses.
    pub async fn import_credential(
        &self,
        endpoint: EndpointId,
        username: &str,
        password: &Secret,
    ) -> Result<CredentialId, Error> {
        let fits = (1..=255).contains(&username.len());
        if !fits || username.contains(|letter: char| letter == ':' || letter.is_control()) {
            return Err(Error::CredentialName);
        }
        let hash = KeyedHash::of(&self.key, endpoint, username, password.expose().as_bytes());
        within(ANSWER, self.insert_credential(endpoint, username, password, &hash)).await
    }

    async fn insert_credential(
        &self,
        endpoint: EndpointId,
        username: &str,
        password: &Secret,
        hash: &KeyedHash,
    ) -> Result<CredentialId, Error> {
        let mut transaction = self.pool.begin().await?;
        let usable = store::endpoint::lock_and_count_usable(&mut transaction, endpoint).await?;
        match usable {
            None => return Err(Error::UnknownEndpoint { endpoint }),
            Some(usable) if usable >= MOST_USABLE => return Err(Error::TooManyCredentials { endpoint }),
            Some(_) => {}
        }
        let id = store::endpoint::insert_credential(&mut transaction, endpoint, username, hash.as_bytes())
            .await?
            .ok_or_else(|| Error::CredentialExists { username: username.to_owned() })?;
        let sealed = Sealed::seal(&self.key, id, password)?;
        store::endpoint::insert_sealed(&mut transaction, id, &sealed).await?;
        transaction.commit().await?;
        Ok(id)
    }

    /// The number of the last change of endpoints and credentials.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn generation(&self) -> Result<CredentialGeneration, Error> {
        within(ANSWER, store::receiver::generation(&self.pool)).await.map(CredentialGeneration)
    }

    /// Waits until every receiver that lives has loaded a change: a credential is to be sent to the Marketplace only
    /// then, and the one before it to be retired only when the new one has been seen. Answers how many receivers
    /// there are; none is no error.
    ///
    /// # Errors
    /// [`Error::NotLoaded`] when `deadline` has passed, or the database refuses.
    pub async fn wait_until_loaded(&self, change: CredentialGeneration, deadline: Duration) -> Result<usize, Error> {
        let give_up = Instant::now() + deadline;
        loop {
            let looked = store::receiver::living(&self.pool, change.0, LIFE_SIGN.as_secs_f64());
            let living = within(ANSWER, looked).await?;
            let (all, behind) = (usize::try_from(living.all), usize::try_from(living.behind));
            match behind.unwrap_or_default() {
                0 => return Ok(all.unwrap_or_default()),
                receivers if Instant::now() >= give_up => return Err(Error::NotLoaded { receivers }),
                _ => sleep(LOOK).await,
            }
        }
    }

    /// Lets nobody else on this database change the registrations of an account while it is held; none if somebody
    /// does.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn try_lock_registrations(
        &self,
        environment: Environment,
        mage_id: &MageId,
    ) -> Result<Option<RegistrationLock>, Error> {
        RegistrationLock::try_take(&self.pool, environment, mage_id).await
    }

    /// Says that a credential is in force at the Marketplace. The one before it becomes retiring: it is taken for the
    /// [usual grace](Self::GRACE) after the first callback that comes with the new one.
    ///
    /// # Errors
    /// [`Error::UnknownCredential`], also for a retired one, or the database refuses.
    pub async fn activate(&self, credential: CredentialId) -> Result<(), Error> {
        self.activate_with_grace(credential, Self::GRACE).await
    }

    /// The same with another grace for the credential before it. The receivers end it; nobody has to wait for it.
    ///
    /// # Errors
    /// As for [`activate`](Self::activate).
    pub async fn activate_with_grace(&self, credential: CredentialId, grace: Duration) -> Result<(), Error> {
        if within(ANSWER, store::rotation::activate(&self.pool, credential, grace.as_secs_f64())).await? {
            return Ok(());
        }
        Err(Error::UnknownCredential { credential })
    }

    /// Says that a credential is no longer in force at the Marketplace and none takes its place. It is taken for
    /// `grace` more, because a callback may be on its way; the receivers end that.
    ///
    /// # Errors
    /// [`Error::UnknownCredential`], also for a retired one, or the database refuses.
    pub async fn retire_after(&self, credential: CredentialId, grace: Duration) -> Result<(), Error> {
        if within(ANSWER, store::rotation::retire_after(&self.pool, credential, grace.as_secs_f64())).await? {
            return Ok(());
        }
        Err(Error::UnknownCredential { credential })
    }

    /// Refuses a credential from now on, and forgets its password.
    ///
    /// # Errors
    /// [`Error::UnknownCredential`], or the database refuses.
    pub async fn retire_credential(&self, credential: CredentialId) -> Result<(), Error> {
        if within(ANSWER, store::endpoint::retire_credential(&self.pool, credential)).await? {
            return Ok(());
        }
        Err(Error::UnknownCredential { credential })
    }

    /// Stops an endpoint from answering; what it received stays.
    ///
    /// # Errors
    /// [`Error::UnknownEndpoint`], or the database refuses.
    pub async fn retire(&self, endpoint: EndpointId) -> Result<(), Error> {
        if within(ANSWER, store::endpoint::retire(&self.pool, endpoint)).await? {
            return Ok(());
        }
        Err(Error::UnknownEndpoint { endpoint })
    }

    /// All endpoints that are not retired, with their credentials that are not, in order of name.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn list(&self) -> Result<Vec<EndpointSummary>, Error> {
        let mut endpoints = within(ANSWER, store::endpoint::list(&self.pool)).await?;
        for endpoint in &mut endpoints {
            let is_retired = |credential: &mut CredentialSummary| credential.state == CredentialState::Retired;
            endpoint.former = endpoint.credentials.extract_if(.., is_retired).map(|former| former.username).collect();
        }
        Ok(endpoints)
    }

    /// The password of a registration, by its exact URL and user name; none if it is not one of ours.
    ///
    /// # Errors
    /// [`Error::CannotUnseal`], or the database refuses.
    pub async fn password(&self, public_url: &str, username: &str) -> Result<Option<Secret>, Error> {
        match within(ANSWER, store::endpoint::issued(&self.pool, public_url, username)).await? {
            Some((credential, Some(sealed))) => sealed.open(&self.key, credential).map(Some),
            _ => Ok(None),
        }
    }

    /// Whether a registration is one of ours, by its exact URL and user name, and what its password is.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn issued(&self, public_url: &str, username: &str) -> Result<Issued, Error> {
        match within(ANSWER, store::endpoint::issued(&self.pool, public_url, username)).await? {
            None => Ok(Issued::No),
            Some((_, None)) => Ok(Issued::Forgotten),
            Some((credential, Some(sealed))) => {
                Ok(sealed.open(&self.key, credential).map_or(Issued::Unreadable, Issued::Known))
            }
        }
    }
}
