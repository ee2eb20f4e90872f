//! Changes the list of callbacks: plan, compare, write, verify. Independent of the HTTP calls, so that it can be tested with a
//! model of the Marketplace.

use std::fmt;
use std::future::{Future, ready};

use eqp_types::ApiCallbackEntry;

use crate::Error;
use crate::callback_list::{
    AllowedLosses, DesiredState, EntryName, KnownPasswords, PasswordStore, Plan, PlannedEntry, StoreError, merge,
};

/// The maximum number of times that a change is planned if others change the list at the same time.
const MAX_PLANS: usize = 3;

/// A list that was written and verified.
#[derive(Clone)]
#[non_exhaustive]
pub struct Applied {
    /// The list as the API returns it now.
    pub entries: Vec<ApiCallbackEntry>,
    /// Managed entries that should have been replaced but still exist, because the server merges lists instead of replacing them.
    /// They still receive callbacks with their old credentials.
    pub remaining: Vec<EntryName>,
}

impl fmt::Debug for Applied {
    /// Shows the identities of the entries only, because a URL may contain credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries: Vec<_> = self.entries.iter().map(EntryName::of).collect();
        f.debug_struct("Applied").field("entries", &entries).field("remaining", &self.remaining).finish()
    }
}

impl Plan {
    /// Plans how a list that was read reaches the desired state.
    ///
    /// # Errors
    /// [`Error::UnknownPasswords`] if an entry would lose its password; [`Error::PasswordStore`] if `store` fails.
    pub async fn make(
        list: &[ApiCallbackEntry],
        desired: &DesiredState,
        store: &impl PasswordStore,
        allowed_losses: &AllowedLosses,
    ) -> Result<Self, Error> {
        let known_passwords = KnownPasswords::of(list, store).await.map_err(Error::PasswordStore)?;
        Ok(merge(list, desired, &known_passwords, allowed_losses)?)
    }
}

/// Reads and writes the list.
pub(super) trait ListAccess {
    /// Returns the current list.
    async fn read(&self) -> Result<Vec<ApiCallbackEntry>, Error>;

    /// Sends the entries of a plan once.
    async fn write(&self, plan: &Plan) -> Result<(), Error>;
}

/// Applies a plan. `is_locked` is awaited right before the write and can prevent it.
pub(super) async fn apply(
    list: &impl ListAccess,
    plan: &Plan,
    is_locked: impl Future<Output = Result<(), StoreError>>,
) -> Result<Applied, Error> {
    let entries = list.read().await?;
    if !is_same_list(&entries, &plan.made_from) {
        return Err(Error::ListChanged);
    }
    if plan.is_empty() {
        return Ok(Applied { entries, remaining: Vec::new() });
    }
    is_locked.await.map_err(Error::LockLost)?;
    match list.write(plan).await {
        Err(error) if !error.outcome_is_unknown() => Err(error),
        // Without a usable response, only the list itself shows whether it was written.
        Err(error) => verify(list, plan).await.map_err(|_| error),
        Ok(()) => verify(list, plan).await.map_err(|error| match error {
            Error::NotVerified { .. } => error,
            // The write succeeded, so a new password may be active now: the error must say so.
            other => Error::NotReadBack(Box::new(other)),
        }),
    }
}

pub(super) async fn change(
    list: &impl ListAccess,
    desired: &DesiredState,
    store: &impl PasswordStore,
    allowed_losses: &AllowedLosses,
) -> Result<Applied, Error> {
    let mut planned = 0;
    loop {
        planned += 1;
        let plan = Plan::make(&list.read().await?, desired, store, allowed_losses).await?;
        match apply(list, &plan, ready(Ok(()))).await {
            Err(Error::ListChanged) if planned < MAX_PLANS => {}
            result => return result,
        }
    }
}

async fn verify(list: &impl ListAccess, plan: &Plan) -> Result<Applied, Error> {
    let entries = list.read().await?;
    let mut unclaimed: Vec<EntryName> = entries.iter().map(EntryName::of).collect();
    let mut missing = Vec::new();
    for name in plan.entries.iter().map(PlannedEntry::name) {
        match unclaimed.iter().position(|found| *found == name) {
            Some(at) => drop(unclaimed.swap_remove(at)),
            None => missing.push(name),
        }
    }
    let remaining: Vec<_> = plan.removed().into_iter().filter(|old| unclaimed.contains(old)).collect();
    if missing.is_empty() && (remaining.is_empty() || plan.registers()) {
        return Ok(Applied { entries, remaining });
    }
    Err(Error::NotVerified { missing, remaining })
}

/// Returns whether two lists have the same entries, in any order.
pub fn is_same_list(one: &[ApiCallbackEntry], other: &[ApiCallbackEntry]) -> bool {
    let mut rest: Vec<_> = other.iter().collect();
    one.len() == other.len()
        && one.iter().all(|entry| {
            let at = rest.iter().position(|candidate| *candidate == entry);
            at.map(|at| rest.swap_remove(at)).is_some()
        })
}
