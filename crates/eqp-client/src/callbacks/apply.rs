use std::fmt;

use eqp_types::ApiCallbackEntry;

use super::plan::{ListBody, PlannedEntry};
use super::{Allowance, Callbacks, EntryName, Holdings, PasswordStore, Plan, Wish, merge};
use crate::Error;

/// How often a plan is made anew because somebody else changed the list.
const PLANS: usize = 3;

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
        let list = self.list().await?;
        let holdings = Holdings::of(&list, store).await.map_err(Error::PasswordStore)?;
        Ok(merge(&list, wish, &holdings, allowance)?)
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
        let entries = self.list().await?;
        if !same(&entries, &plan.made_from) {
            return Err(Error::ListChanged);
        }
        if plan.is_empty() {
            return Ok(Applied { entries, remaining: Vec::new() });
        }
        let written = self.client.users().put_body(&ListBody(&plan.entries), plan.secrets()).await;
        match written {
            Err(error) if !error.outcome_is_unknown() => Err(error),
            // The answer is lost or odd; what counts is what the list says now.
            Err(error) => self.verify(plan).await.map_err(|_| error),
            Ok(()) => self.verify(plan).await.map_err(|error| match error {
                Error::NotVerified { .. } => error,
                // It was written: that a new password may be in force by now must not get lost.
                other => Error::NotReadBack(Box::new(other)),
            }),
        }
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
        let mut planned = 0;
        loop {
            planned += 1;
            let plan = self.plan(wish, store, allowance).await?;
            match self.apply(&plan).await {
                Err(Error::ListChanged) if planned < PLANS => {}
                result => return result,
            }
        }
    }

    async fn verify(self, plan: &Plan) -> Result<Applied, Error> {
        let entries = self.list().await?;
        let mut unclaimed: Vec<EntryName> = entries.iter().map(EntryName::of).collect();
        let mut missing = Vec::new();
        for name in plan.entries.iter().map(PlannedEntry::name) {
            match unclaimed.iter().position(|found| *found == name) {
                Some(at) => drop(unclaimed.swap_remove(at)),
                None => missing.push(name),
            }
        }
        let remaining: Vec<_> = plan.gone().into_iter().filter(|old| unclaimed.contains(old)).collect();
        if missing.is_empty() && (remaining.is_empty() || plan.registers()) {
            return Ok(Applied { entries, remaining });
        }
        Err(Error::NotVerified { missing, remaining })
    }
}

/// Whether two readings of the list say the same, in whatever order.
fn same(one: &[ApiCallbackEntry], other: &[ApiCallbackEntry]) -> bool {
    let mut rest: Vec<_> = other.iter().collect();
    one.len() == other.len()
        && one.iter().all(|entry| {
            let at = rest.iter().position(|candidate| *candidate == entry);
            at.map(|at| rest.swap_remove(at)).is_some()
        })
}
