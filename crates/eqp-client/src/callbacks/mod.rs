//! Registered callbacks: the field `api_callbacks` of the profile.
//!
//! The API has no call that adds a single callback. The field is a list, and writing it replaces the whole list; reading it returns
//! no passwords; and the API cannot detect concurrent writers. A change therefore reads the list, merges it ([`merge`], without
//! I/O), reads it again and compares, writes it, and reads it once more to verify that no entry is missing. A list that contains an
//! entry with an unknown password is only rewritten if the caller explicitly allows the loss.

mod change;
#[cfg(test)]
mod model;

use std::future::{Future, ready};

use change::ListAccess;
pub use change::{Applied, is_same_list};
use eqp_types::ApiCallbackEntry;

use crate::callback_list::ListBody;
pub use crate::callback_list::{
    AllowedLosses, Change, DesiredState, EntryName, KnownEntry, KnownPasswords, NoPasswords, PasswordStore, Plan,
    Registration, RegistrationError, StoreError, UnknownPassword, UnknownPasswords, merge,
};
use crate::{Client, Error};

/// The calls for the registered callbacks. Returned by [`Client::callbacks`].
#[derive(Clone, Copy, Debug)]
pub struct Callbacks<'a> {
    client: &'a Client,
}

impl Client {
    /// Returns the calls for the registered callbacks.
    ///
    /// ```no_run
    /// use eqp_client::callbacks::{AllowedLosses, DesiredState, NoPasswords, Registration};
    /// use eqp_client::types::Secret;
    ///
    /// # async fn example(client: eqp_client::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let registration = Registration::new("https://eqp.example.com/callbacks/main", "eqp-1", Secret::new("generated"))?;
    /// let plan = client
    ///     .callbacks()
    ///     .plan(&DesiredState::Register(registration), &NoPasswords, &AllowedLosses::none())
    ///     .await?;
    /// println!("{:?}", plan.changes());
    /// client.callbacks().apply(&plan).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn callbacks(&self) -> Callbacks<'_> {
        Callbacks { client: self }
    }
}

impl Callbacks<'_> {
    /// Lists all registered callbacks of the account, without passwords.
    ///
    /// # Errors
    /// [`Error::IncompleteProfile`] if the response is not a complete profile; [`Error::OtherAccount`]; the
    /// [errors of every call](crate::Error#errors-of-every-call).
    pub async fn list(self) -> Result<Vec<ApiCallbackEntry>, Error> {
        let profile = self.client.users().get().await?;
        match profile.api_callbacks {
            Some(list) => Ok(list),
            None if profile.mage_id.is_some() => Ok(Vec::new()),
            None => Err(Error::IncompleteProfile),
        }
    }

    /// Reads the list and plans how it reaches the desired state. Changes nothing.
    ///
    /// # Errors
    /// [`Error::UnknownPasswords`] if an entry would lose its password; [`Error::PasswordStore`] if `store` fails; the errors of
    /// [`Callbacks::list`].
    pub async fn plan(
        self,
        desired: &DesiredState,
        store: &impl PasswordStore,
        allowed_losses: &AllowedLosses,
    ) -> Result<Plan, Error> {
        Plan::make(&self.list().await?, desired, store, allowed_losses).await
    }

    /// Applies a plan: reads the list again, compares it with the list that the plan was computed from, writes it, and
    /// verifies it. Sends only the list of callbacks, without an `action`, so the profile page is not published.
    ///
    /// Store the new password first: the API never returns it.
    ///
    /// # Errors
    /// - [`Error::ListChanged`] if the list was changed since it was read. Nothing was sent.
    /// - [`Error::NotVerified`] if an entry is missing afterwards, or a removed one still exists.
    /// - [`Error::NotReadBack`] if that could not be verified.
    /// - The errors of [`Callbacks::list`].
    ///
    /// Unless [`Error::outcome_is_unknown`] returns `true`, nothing was changed, and a new password can be discarded.
    pub async fn apply(self, plan: &Plan) -> Result<Applied, Error> {
        self.apply_if(plan, ready(Ok(()))).await
    }

    /// Applies a plan while the caller holds a lock: awaits `is_locked` right before the list is written, and writes nothing if that
    /// fails.
    ///
    /// # Errors
    /// [`Error::LockLost`] if `is_locked` fails (nothing was sent); the errors of [`Callbacks::apply`].
    pub async fn apply_if(
        self,
        plan: &Plan,
        is_locked: impl Future<Output = Result<(), StoreError>>,
    ) -> Result<Applied, Error> {
        change::apply(&self, plan, is_locked).await
    }

    /// Plans a change and applies it. Plans again, up to three times in total, if the list is changed in the meantime.
    ///
    /// # Errors
    /// The errors of [`Callbacks::plan`] and [`Callbacks::apply`].
    pub async fn change(
        self,
        desired: &DesiredState,
        store: &impl PasswordStore,
        allowed_losses: &AllowedLosses,
    ) -> Result<Applied, Error> {
        change::change(&self, desired, store, allowed_losses).await
    }
}

impl ListAccess for Callbacks<'_> {
    async fn read(&self) -> Result<Vec<ApiCallbackEntry>, Error> {
        self.list().await
    }

    async fn write(&self, plan: &Plan) -> Result<(), Error> {
        self.client.users().put_body(&ListBody(&plan.entries), plan.secrets()).await
    }
}
