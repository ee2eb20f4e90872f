//! Registrations: the entries of an account's callback list that point at our endpoints.
//!
//! The API can only replace the whole list, never returns a password, and does not detect concurrent writers. Therefore
//! every change has the same steps:
//!
//! 1. [`Registrations::observe`] reads the list and our endpoints, and changes nothing.
//! 2. [`Snapshot::add`], [`adopt`](Snapshot::adopt), [`rotate`](Snapshot::rotate), [`retire`](Snapshot::retire) and
//!    [`remove`](Snapshot::remove) compute a [`Plan`] from the snapshot, without I/O. It can be printed and serialized.
//! 3. The plan is confirmed, which creates a [`Confirmation`].
//! 4. [`Registrations::apply`] applies the plan, if nothing has changed since it was made.
//!
//! Only one change of an account's registrations is made at a time. The user name in the list shows which credential is
//! active. A credential that may be active is never discarded, and an interrupted change continues with the same
//! credential.

mod add;
mod adopt;
mod apply;
pub(crate) mod checks;
mod entry;
mod plan;
mod remove;
mod retire;
mod rotate;
mod snapshot;
mod state;
mod step;

use eqp_client::Client;
use eqp_store::internal::RegistrationLock;
use eqp_store::{Endpoints, PublicUrl};

pub use apply::{Applied, Refused};
pub use entry::{EntrySelector, Unmanaged};
pub use plan::{Confirmation, Plan};
pub use remove::Removal;
pub use retire::replaced;
pub use snapshot::{Drift, Snapshot};
pub use state::{RegistrationState, Repair};
pub use step::Step;

use self::apply::{PlanExecution, lock};
use crate::error::{Error, Result};

/// An endpoint to register.
#[derive(Clone, Debug)]
pub struct NewRegistration {
    name: String,
    url: Option<PublicUrl>,
    path: Option<String>,
}

impl NewRegistration {
    /// Creates the settings of an endpoint with this name, which is also the label of its entry. A new endpoint needs a
    /// URL.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), url: None, path: None }
    }

    /// Sets the URL that the Marketplace calls.
    #[must_use]
    pub fn url(mut self, url: PublicUrl) -> Self {
        self.url = Some(url);
        self
    }

    /// Sets the path at which the receiver answers, if a proxy rewrites the URL's path.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }
}

/// The registrations of one account: observes them and applies plans.
///
/// ```no_run
/// use eqp_sync::{Confirmation, NewRegistration, Registrations};
///
/// # async fn example(
/// #     client: eqp_client::Client,
/// #     endpoints: eqp_store::Endpoints,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// let mut registrations = Registrations::new(client, endpoints);
/// let main = NewRegistration::new("main").url("https://eqp.example.com/callbacks/main".parse()?);
/// let plan = registrations.observe().await?.add(&main)?;
/// println!("{plan}");
/// // After the plan was confirmed.
/// let applied = registrations.apply(&plan, Confirmation::given()).await?;
/// assert!(applied.endpoint.is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Registrations {
    client: Client,
    endpoints: Option<Endpoints>,
    lock: Option<RegistrationLock>,
}

impl Registrations {
    /// Manages the account of `client` with the endpoints of a receiver's database.
    pub fn new(client: Client, endpoints: Endpoints) -> Self {
        Self { client, endpoints: Some(endpoints), lock: None }
    }

    /// Manages the account of `client` without a database. Plans can be computed, but only be applied after
    /// [`with_database`](Self::with_database).
    ///
    /// ```no_run
    /// # async fn example(client: eqp_client::Client, endpoints: eqp_store::Endpoints) -> Result<(), Box<dyn std::error::Error>> {
    /// use eqp_sync::{Confirmation, NewRegistration, Registrations};
    ///
    /// let registrations = Registrations::without_database(client);
    /// let new = NewRegistration::new("main").url("https://eqp.example.com/callbacks/main".parse()?);
    /// let plan = registrations.observe().await?.add(&new)?;
    /// // The database is only needed once the plan is confirmed.
    /// registrations.with_database(endpoints).apply(&plan, Confirmation::given()).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn without_database(client: Client) -> Self {
        Self { client, endpoints: None, lock: None }
    }

    /// Replaces the endpoints, for example by writable ones after a plan was confirmed. A held lock is retained.
    #[must_use]
    pub fn with_database(mut self, endpoints: Endpoints) -> Self {
        self.endpoints = Some(endpoints);
        self
    }

    /// Locks the account's registrations in this database until this value is dropped. [`apply`](Self::apply) does this
    /// too. If the plan is confirmed interactively, call this before [`observe`](Self::observe), so that a concurrent
    /// change fails immediately. Does nothing without a database.
    ///
    /// # Errors
    /// Returns [`Error::Locked`] if another process holds the lock, and [`Error::Marketplace`] or [`Error::Store`] if a
    /// request fails.
    pub async fn lock(&mut self) -> Result {
        if let (Some(endpoints), None) = (&self.endpoints, &self.lock) {
            let mage_id = self.client.session().await?.mage_id;
            self.lock = Some(lock(endpoints, &self.client, &mage_id).await?);
        }
        Ok(())
    }

    /// Reads the Marketplace's list and our endpoints. Changes nothing.
    ///
    /// # Errors
    /// Returns [`Error::Marketplace`] or [`Error::Store`] if a request fails.
    pub async fn observe(&self) -> Result<Snapshot> {
        Snapshot::read(&self.client, self.endpoints.as_ref()).await
    }

    /// Applies a confirmed plan. Does nothing if the plan is empty.
    ///
    /// # Errors
    /// Returns [`Error::Changed`] or [`Error::Marketplace`] if the endpoints or the list have changed since the plan
    /// was made, [`Error::Locked`] if another process is changing them, [`Error::LockLost`] if the lock was lost,
    /// [`Error::OtherAccount`] for a plan of another account, and [`Error::NoDatabase`] without a database. In all
    /// these cases nothing was sent. After [`Error::OutcomeUnknown`], the list may have been written: observe again and
    /// repeat the same change, which continues it.
    pub async fn apply(&mut self, plan: &Plan, confirmation: Confirmation) -> Result<Applied> {
        confirmation.consume();
        if plan.is_empty() {
            return Ok(Applied::unchanged(plan));
        }
        let account = (self.client.environment(), self.client.session().await?.mage_id);
        if account != (plan.environment(), plan.mage_id().clone()) {
            return Err(Error::OtherAccount { mage_id: plan.mage_id().clone(), environment: plan.environment() });
        }
        let endpoints = self.endpoints.as_ref().ok_or(Error::NoDatabase)?;
        let mut taken_here = None;
        let lock = match &mut self.lock {
            Some(lock) => lock,
            None => taken_here.insert(lock(endpoints, &self.client, plan.mage_id()).await?),
        };
        PlanExecution::start(&self.client, endpoints, lock, plan).await?.run().await
    }
}
