use std::fmt;
use std::future::{Future, ready};

use eqp_types::ApiCallbackEntry;

use super::change::{self, ListAccess};
use super::plan::ListBody;
use super::{Allowance, Callbacks, EntryName, PasswordStore, Plan, StoreError, Wish};
use crate::Error;

/// A list that was written and read back.
#[derive(Clone)]
#[non_exhaustive]
pub struct Applied {
    /// The list as the API shows it now.
    pub entries: Vec<ApiCallbackEntry>,
    /// Entries of the account's own that were to go and are still there, because this server adds to its list
    /// instead of replacing it. They go on getting callbacks with their old credentials.
    pub remaining: Vec<EntryName>,
}

impl fmt::Debug for Applied {
    /// Names the entries only: somebody's URL may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries: Vec<_> = self.entries.iter().map(EntryName::of).collect();
        f.debug_struct("Applied").field("entries", &entries).field("remaining", &self.remaining).finish()
    }
}

impl Callbacks<'_> {
    /// Reads the list and plans what `wish` makes of it. Changes nothing.
    ///
    /// # Errors
    /// A refusal, if an entry would lose its password; a store that fails; those of every call.
    pub async fn plan(self, wish: &Wish, store: &impl PasswordStore, allowance: &Allowance) -> Result<Plan, Error> {
        Plan::make(&self.list().await?, wish, store, allowance).await
    }

    /// Carries a plan out: reads the list again, compares it with the one that the plan was made from, writes, and
    /// reads back. Sends the list of callbacks only, and no `action`, so the profile page is not published.
    ///
    /// The new password must be kept safe before: afterwards nothing shows it again.
    ///
    /// # Errors
    /// [`Error::ListChanged`] if somebody changed the list since it was read (nothing was sent);
    /// [`Error::NotVerified`] if an entry is missing afterwards, or one to be removed is still there;
    /// [`Error::NotReadBack`] if that could not be seen; those of every call. Unless
    /// [`Error::outcome_is_unknown`], nothing was changed, and a password made for it can be thrown away.
    pub async fn apply(self, plan: &Plan) -> Result<Applied, Error> {
        self.apply_if(plan, ready(Ok(()))).await
    }

    /// The same for who keeps others from changing the list meanwhile, by a lock of its own: asks `still_ours` right
    /// before the list is written, and writes nothing if that fails.
    ///
    /// # Errors
    /// [`Error::NotOurs`]: nothing was sent; those of [`Callbacks::apply`].
    pub async fn apply_if(
        self,
        plan: &Plan,
        still_ours: impl Future<Output = Result<(), StoreError>>,
    ) -> Result<Applied, Error> {
        change::apply(&self, plan, still_ours).await
    }

    /// Plans and applies; plans anew, a few times, if somebody else changes the list meanwhile.
    ///
    /// # Errors
    /// As [`Callbacks::plan`] and [`Callbacks::apply`].
    pub async fn change(
        self,
        wish: &Wish,
        store: &impl PasswordStore,
        allowance: &Allowance,
    ) -> Result<Applied, Error> {
        change::change(&self, wish, store, allowance).await
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
