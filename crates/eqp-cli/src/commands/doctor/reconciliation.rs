//! Checks whether accounts are compared with the Marketplace, which finds changes that no callback has reported.

use std::time::Duration;

use eqp_store::internal::{ANSWER, AccountSummary, account, within};
use eqp_sync::Check;
use time::OffsetDateTime;

use crate::compose::database::Database;
use crate::failure::Failure;

const NAME: &str = "reconciliation";
/// The interval of a server that configures none.
const USUAL_INTERVAL: Duration = Duration::from_mins(10);
/// The number of intervals without a run after which none is running.
const MISSED_INTERVALS: u32 = 3;

/// Returns the check for a database that cannot be read.
pub(super) fn unchecked() -> Check<Failure> {
    Check::absent(NAME, "not checked: its runs are in the database")
}

/// Checks the last run of each account with an access key. A server makes one at this interval, or at the usual one.
pub(super) async fn reconciliation(database: &Database, interval: Option<Duration>) -> Check<Failure> {
    let interval = interval.unwrap_or(USUAL_INTERVAL);
    let listed = within(ANSWER, account::list(database.pool())).await;
    let accounts = match listed {
        Ok(accounts) => accounts,
        Err(error) => return Check::new(NAME, Err(error.into())),
    };
    let accounts: Vec<_> = accounts.into_iter().filter(|account| account.access_key.is_some()).collect();
    if accounts.is_empty() {
        let what = "no access key is stored, so changes without a callback are not found; add one: eqp accounts add";
        return Check::absent(NAME, what);
    }
    let now = OffsetDateTime::now_utc();
    let found: Vec<_> = accounts.iter().map(|account| last_run(account, interval, now)).collect();
    let texts: Vec<_> = found.iter().map(|(_, text)| text.as_str()).collect();
    if found.iter().all(|(is_fine, _)| *is_fine) {
        return Check::new(NAME, Ok(texts.join("; ")));
    }
    Check::warning(
        NAME,
        texts.join("; "),
        "check that `eqp serve` runs with the role reconcile; to compare now and see errors: eqp reconcile",
    )
}

/// Returns whether the last run of an account is recent and succeeded, and describes it.
fn last_run(account: &AccountSummary, interval: Duration, now: OffsetDateTime) -> (bool, String) {
    let name = format!("{} ({})", account.mage_id, account.environment);
    let Some(run) = &account.last_run else { return (false, format!("{name} was never compared")) };
    let age = Duration::try_from(now - run.finished_at.unwrap_or(run.started_at)).unwrap_or_default();
    let ago = humantime::format_duration(Duration::from_secs(age.as_secs()));
    match &run.error {
        Some(error) => (false, format!("{name}: the last run failed {ago} ago: {error}")),
        None => (age <= interval * MISSED_INTERVALS, format!("{name} was compared {ago} ago")),
    }
}
