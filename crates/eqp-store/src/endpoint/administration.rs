//! Creates and lists endpoints and their credentials.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use eqp_types::{Environment, MageId, Secret};
use sqlx::PgPool;
use tokio::time::{Instant, sleep};

use super::keyed_hash::KeyedHash;
use super::path::{PREFIX, check_name, check_path};
use super::{MasterKey, master_key};
use crate::deadline::{ANSWER, within};
use crate::model::{
    AccountId, CredentialGeneration, CredentialId, CredentialLookup, CredentialState, CredentialSummary, EndpointId,
    EndpointSummary, IssuedCredential, NewCredential, NewEndpoint, SealedSecret,
};
use crate::sql::registration_lock::RegistrationLock;
use crate::{Error, sql};

/// An endpoint has at most two usable credentials: the active one and the one that replaces it.
const MAX_USABLE: usize = 2;
/// A receiver without a heartbeat for this long no longer counts as running. Heartbeats are written every two seconds.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(10);
/// The interval at which to check whether the receivers have loaded a change.
const POLL: Duration = Duration::from_millis(50);

/// Creates, lists and retires the endpoints of one database and their credentials.
///
/// ```no_run
/// use eqp_store::{Endpoints, MasterKey, NewEndpoint};
///
/// # async fn example(endpoints: Endpoints) -> Result<(), Box<dyn std::error::Error>> {
/// let account = endpoints.ensure_account("sandbox".parse()?, &"MAG123456789".parse()?).await?;
/// let public_url = "https://callbacks.example.com/callbacks/main".parse()?;
/// let endpoint = endpoints.create(&NewEndpoint::new(account, "main", public_url)).await?;
/// let credential = endpoints.issue_credential(endpoint).await?;
/// println!("register the URL with the user name {}", credential.username);
/// # Ok(())
/// # }
/// ```
///
/// `eqp-sync` does this and also writes the registration at the Marketplace.
///
/// Unless stated otherwise, methods return [`Error::Database`] if a query fails or takes longer than a minute.
#[derive(Clone, Debug)]
pub struct Endpoints {
    pool: PgPool,
    key: MasterKey,
}

impl NewCredential {
    /// Generates a random credential.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Crypto`] if the system returns no random bytes.
    pub fn random() -> Result<Self, Error> {
        let username = format!("eqp-{}", URL_SAFE_NO_PAD.encode(&master_key::random()?[..9]));
        let password = Secret::new(URL_SAFE_NO_PAD.encode(master_key::random()?));
        Ok(Self { username, password })
    }
}

impl Endpoints {
    /// The default grace period of a replaced credential: one day.
    pub const GRACE: Duration = Duration::from_hours(24);

    /// Opens the endpoints of a database that has the tables of this version. The first call for a new database ties the database
    /// to this key.
    ///
    /// # Errors
    ///
    /// Returns [`Error::OtherMasterKey`] if the database belongs to another key, and the errors of
    /// [`Store::check`](crate::Store::check).
    pub async fn open(pool: PgPool, key: MasterKey) -> Result<Self, Error> {
        sql::schema::check(&pool).await?;
        within(ANSWER, sql::instance::bind(&pool, key.fingerprint())).await?;
        Ok(Self { pool, key })
    }

    /// Opens the endpoints for reading only, which also works on a read-only database. Returns `None` if there are no endpoints yet
    /// (the database has no tables or is not tied to a key), or if `key` is `None`.
    ///
    /// # Errors
    ///
    /// Returns [`Error::OtherMasterKey`] if the database is tied to a key other than `key`, also if `key` is `None`, and the errors of
    /// [`Store::check`](crate::Store::check) except [`Error::DatabaseReadOnly`].
    pub async fn open_to_read(pool: PgPool, key: Option<MasterKey>) -> Result<Option<Self>, Error> {
        let fingerprint = key.as_ref().map(MasterKey::fingerprint);
        let is_there = sql::schema::has_tables(&pool).await?
            && within(ANSWER, sql::instance::is_bound(&pool, fingerprint)).await?;
        Ok(key.filter(|_| is_there).map(|key| Self { pool, key }))
    }

    /// Checks the name of an endpoint, and its path if it does not have the default one.
    ///
    /// # Errors
    ///
    /// Returns [`Error::EndpointName`] or [`Error::EndpointPath`] if one of them is invalid.
    pub fn check(name: &str, path: Option<&str>) -> Result<(), Error> {
        if !check_name(name) {
            return Err(Error::EndpointName { name: name.to_owned() });
        }
        path.map_or(Ok(()), |path| {
            check_path(path).map_err(|reason| Error::EndpointPath { path: path.to_owned(), reason })
        })
    }

    /// Returns the ID of an account, which is created if it does not exist.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Database`] if the query fails.
    pub async fn ensure_account(&self, environment: Environment, mage_id: &MageId) -> Result<AccountId, Error> {
        within(ANSWER, sql::endpoint::ensure_account(&self.pool, environment.as_str(), mage_id.as_str())).await
    }

    /// Creates an endpoint. It accepts callbacks as soon as it has a credential.
    ///
    /// # Errors
    ///
    /// Returns [`Error::EndpointName`] or [`Error::EndpointPath`] if the name or path is invalid, and [`Error::EndpointExists`] if it is
    /// in use.
    pub async fn create(&self, new: &NewEndpoint) -> Result<EndpointId, Error> {
        let path = new.path.clone().unwrap_or_else(|| format!("{PREFIX}{}", new.name));
        Self::check(&new.name, Some(&path))?;
        let created = sql::endpoint::create(&self.pool, new.account, &new.name, &path, new.public_url.as_str());
        within(ANSWER, created).await?.ok_or_else(|| Error::EndpointExists { name: new.name.clone(), path })
    }

    /// Creates a credential with a new user name and 32 random bytes as the password.
    ///
    /// # Errors
    ///
    /// Returns [`Error::TooManyCredentials`] if the endpoint has two usable credentials, and [`Error::UnknownEndpoint`] if it does not
    /// exist or is retired.
    pub async fn issue_credential(&self, endpoint: EndpointId) -> Result<IssuedCredential, Error> {
        let NewCredential { username, password } = NewCredential::random()?;
        let id = self.import_credential(endpoint, &username, &password).await?;
        Ok(IssuedCredential { id, username, password })
    }

    /// Creates a credential with a given user name and password, such as one that is registered already.
    ///
    /// # Errors
    ///
    /// Returns [`Error::CredentialName`] if the user name cannot be sent with Basic authentication, [`Error::CredentialExists`] if it was
    /// used before, [`Error::TooManyCredentials`] if the endpoint has two usable credentials, and [`Error::UnknownEndpoint`] if it
    /// does not exist or is retired.
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
        let usable = sql::endpoint::lock_and_count_usable(&mut transaction, endpoint).await?;
        match usable {
            None => return Err(Error::UnknownEndpoint { endpoint }),
            Some(usable) if usable >= MAX_USABLE => return Err(Error::TooManyCredentials { endpoint }),
            Some(_) => {}
        }
        let id = sql::endpoint::insert_credential(&mut transaction, endpoint, username, hash.as_bytes())
            .await?
            .ok_or_else(|| Error::CredentialExists { username: username.to_owned() })?;
        let sealed = SealedSecret::seal(&self.key, id, password)?;
        sql::endpoint::insert_sealed(&mut transaction, id, &sealed).await?;
        transaction.commit().await?;
        Ok(id)
    }

    /// Returns the number of the last change of endpoints and credentials.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Database`] if the query fails.
    pub async fn generation(&self) -> Result<CredentialGeneration, Error> {
        within(ANSWER, sql::receiver::generation(&self.pool)).await.map(CredentialGeneration)
    }

    /// Waits until every running receiver has loaded a change, and returns the number of receivers, which can be 0.
    ///
    /// Register a new credential at the Marketplace only after this, because a receiver would reject it otherwise.
    ///
    /// # Errors
    ///
    /// Returns [`Error::NotLoaded`] if receivers have not loaded the change within `deadline`.
    pub async fn wait_until_loaded(&self, change: CredentialGeneration, deadline: Duration) -> Result<usize, Error> {
        let deadline_at = Instant::now() + deadline;
        loop {
            let counted = sql::receiver::running(&self.pool, change.0, HEARTBEAT_TIMEOUT.as_secs_f64());
            let running = within(ANSWER, counted).await?;
            let count = |receivers: i64| usize::try_from(receivers).expect("a count is not negative");
            match count(running.behind) {
                0 => return Ok(count(running.all)),
                receivers if Instant::now() >= deadline_at => return Err(Error::NotLoaded { receivers }),
                _ => sleep(POLL).await,
            }
        }
    }

    /// Acquires the lock for changes of an account's registrations, or returns `None` if another program holds it.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Database`] if the query fails.
    #[doc(hidden)]
    pub async fn try_lock_registrations(
        &self,
        environment: Environment,
        mage_id: &MageId,
    ) -> Result<Option<RegistrationLock>, Error> {
        RegistrationLock::try_acquire(&self.pool, environment, mage_id).await
    }

    /// Records that a credential is registered at the Marketplace. The previous credential starts retiring: it stays valid for
    /// [`GRACE`](Self::GRACE) after the first callback that uses the new one.
    ///
    /// # Errors
    ///
    /// Returns [`Error::UnknownCredential`] if the credential does not exist or is retired.
    pub async fn activate(&self, credential: CredentialId) -> Result<(), Error> {
        self.activate_with_grace(credential, Self::GRACE).await
    }

    /// Records that a credential is registered, as [`activate`](Self::activate) does, with another grace period for the previous
    /// credential. A receiver retires that credential when the period is over.
    ///
    /// # Errors
    ///
    /// Returns [`Error::UnknownCredential`] if the credential does not exist or is retired.
    pub async fn activate_with_grace(&self, credential: CredentialId, grace: Duration) -> Result<(), Error> {
        if within(ANSWER, sql::rotation::activate(&self.pool, credential, grace.as_secs_f64())).await? {
            return Ok(());
        }
        Err(Error::UnknownCredential { credential })
    }

    /// Records that a credential is no longer registered and was not replaced. It stays valid for `grace`, because a callback with it
    /// may be in flight. A receiver then retires it.
    ///
    /// # Errors
    ///
    /// Returns [`Error::UnknownCredential`] if the credential does not exist or is retired.
    pub async fn retire_after(&self, credential: CredentialId, grace: Duration) -> Result<(), Error> {
        if within(ANSWER, sql::rotation::retire_after(&self.pool, credential, grace.as_secs_f64())).await? {
            return Ok(());
        }
        Err(Error::UnknownCredential { credential })
    }

    /// Retires a credential immediately and deletes its password.
    ///
    /// # Errors
    ///
    /// Returns [`Error::UnknownCredential`] if the credential does not exist or is retired.
    pub async fn retire_credential(&self, credential: CredentialId) -> Result<(), Error> {
        if within(ANSWER, sql::endpoint::retire_credential(&self.pool, credential)).await? {
            return Ok(());
        }
        Err(Error::UnknownCredential { credential })
    }

    /// Retires an endpoint: it no longer accepts callbacks. The callbacks that it received are not deleted.
    ///
    /// # Errors
    ///
    /// Returns [`Error::UnknownEndpoint`] if the endpoint does not exist or is retired.
    pub async fn retire(&self, endpoint: EndpointId) -> Result<(), Error> {
        if within(ANSWER, sql::endpoint::retire(&self.pool, endpoint)).await? {
            return Ok(());
        }
        Err(Error::UnknownEndpoint { endpoint })
    }

    /// Forgets an endpoint whose credentials are all retired: it is retired, too, and its name and path can be used again. The callbacks that
    /// it received are not deleted.
    ///
    /// # Errors
    ///
    /// Returns [`Error::UnknownEndpoint`] if the endpoint does not exist, is retired, or still accepts a credential.
    pub async fn forget(&self, endpoint: EndpointId) -> Result<(), Error> {
        if within(ANSWER, sql::endpoint::forget(&self.pool, endpoint)).await? {
            return Ok(());
        }
        Err(Error::UnknownEndpoint { endpoint })
    }

    /// Stores the states of the registrations of an account.
    #[doc(hidden)]
    pub async fn store_registration_checks(
        &self,
        account: AccountId,
        checked: &[sql::registration_check::CheckedRegistration],
    ) -> Result<(), Error> {
        within(ANSWER, sql::registration_check::store(&self.pool, account, checked)).await
    }

    /// Returns all endpoints that are not retired, ordered by name, with their usable credentials.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Database`] if the query fails.
    pub async fn list(&self) -> Result<Vec<EndpointSummary>, Error> {
        let mut endpoints = within(ANSWER, sql::endpoint::list(&self.pool)).await?;
        for endpoint in &mut endpoints {
            let is_retired = |credential: &mut CredentialSummary| credential.state == CredentialState::Retired;
            endpoint.retired_usernames =
                endpoint.credentials.extract_if(.., is_retired).map(|retired| retired.username).collect();
        }
        Ok(endpoints)
    }

    /// Returns the password of a registration with this exact URL and user name, or `None` if it is not one of ours or is retired.
    ///
    /// # Errors
    ///
    /// Returns [`Error::CannotUnseal`] if the password cannot be decrypted with this master key.
    pub async fn password(&self, public_url: &str, username: &str) -> Result<Option<Secret>, Error> {
        match within(ANSWER, sql::endpoint::find_credential(&self.pool, public_url, username)).await? {
            Some((credential, Some(sealed))) => sealed.open(&self.key, credential).map(Some),
            _ => Ok(None),
        }
    }

    /// Looks up a registration by its exact URL and user name.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Database`] if the query fails.
    pub async fn look_up_credential(&self, public_url: &str, username: &str) -> Result<CredentialLookup, Error> {
        match within(ANSWER, sql::endpoint::find_credential(&self.pool, public_url, username)).await? {
            None => Ok(CredentialLookup::Unknown),
            Some((_, None)) => Ok(CredentialLookup::Retired),
            Some((credential, Some(sealed))) => {
                Ok(sealed.open(&self.key, credential).map_or(CredentialLookup::Unreadable, CredentialLookup::Known))
            }
        }
    }
}
