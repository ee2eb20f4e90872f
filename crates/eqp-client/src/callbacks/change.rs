//! How a list is changed: plan, compare, write, read back. Apart from the calls, so that it can be held against a
//! model of the Marketplace.

use std::future::{Future, ready};

use eqp_types::ApiCallbackEntry;

use super::plan::PlannedEntry;
use super::{Allowance, Applied, EntryName, PasswordStore, Plan, StoreError, Wish};
use crate::Error;

/// How often a plan is made anew because somebody else changed the list.
const PLANS: usize = 3;

/// Where the list is.
pub(super) trait ListAccess {
    /// As it is now.
    async fn read(&self) -> Result<Vec<ApiCallbackEntry>, Error>;

    /// Sends the entries of a plan, once.
    async fn write(&self, plan: &Plan) -> Result<(), Error>;
}

/// `still_ours` is the last thing before the write, and keeps it from happening.
pub(super) async fn apply(
    list: &impl ListAccess,
    plan: &Plan,
    still_ours: impl Future<Output = Result<(), StoreError>>,
) -> Result<Applied, Error> {
    let entries = list.read().await?;
    if !same(&entries, &plan.made_from) {
        return Err(Error::ListChanged);
    }
    if plan.is_empty() {
        return Ok(Applied { entries, remaining: Vec::new() });
    }
    still_ours.await.map_err(Error::NotOurs)?;
    match list.write(plan).await {
        Err(error) if !error.outcome_is_unknown() => Err(error),
        // The answer is lost or odd; what counts is what the list says now.
        Err(error) => verify(list, plan).await.map_err(|_| error),
        Ok(()) => verify(list, plan).await.map_err(|error| match error {
            Error::NotVerified { .. } => error,
            // It was written: that a new password may be in force by now must not get lost.
            other => Error::NotReadBack(Box::new(other)),
        }),
    }
}

pub(super) async fn change(
    list: &impl ListAccess,
    wish: &Wish,
    store: &impl PasswordStore,
    allowance: &Allowance,
) -> Result<Applied, Error> {
    let mut planned = 0;
    loop {
        planned += 1;
        let plan = Plan::make(&list.read().await?, wish, store, allowance).await?;
        match apply(list, &plan, ready(Ok(()))).await {
            Err(Error::ListChanged) if planned < PLANS => {}
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
    let remaining: Vec<_> = plan.gone().into_iter().filter(|old| unclaimed.contains(old)).collect();
    if missing.is_empty() && (remaining.is_empty() || plan.registers()) {
        return Ok(Applied { entries, remaining });
    }
    Err(Error::NotVerified { missing, remaining })
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
