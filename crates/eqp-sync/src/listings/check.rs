//! Checks the listings of an account once a day, and stores the findings.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use eqp_client::Client;
use eqp_store::internal::{ANSWER, StoredListingCheck, listing_check, within};
use eqp_store::sqlx::PgPool;
use eqp_store::{AccountId, Error};
use eqp_types::Environment;
use time::OffsetDateTime;
use tokio::time::timeout;

use super::findings::ListingFindings;

/// The time limit for the check of one account.
const DEADLINE: Duration = Duration::from_mins(10);
/// The time until the next check if Packagist could not be read.
const RETRY: Duration = Duration::from_hours(1);
/// The time after which findings that were not confirmed are not considered any more.
const MAX_AGE: time::Duration = time::Duration::days(7);

/// The result of a check, or the reason why it failed.
type CheckResult = Result<ListingFindings, Box<dyn std::error::Error + Send + Sync>>;

/// Compares the listings of an account with other sources. The program supplies it, because the sources are not part of the Marketplace's
/// API.
pub type CheckListings = Arc<dyn Fn(Client) -> Pin<Box<dyn Future<Output = CheckResult> + Send>> + Send + Sync>;

/// The check of listings, and the time from one check to the next.
#[derive(Clone)]
pub(crate) struct ListingChecks {
    pub(crate) check: CheckListings,
    pub(crate) interval: Duration,
}

impl fmt::Debug for ListingChecks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListingChecks").field("interval", &self.interval).finish_non_exhaustive()
    }
}

impl ListingChecks {
    /// Checks the listings of an account if that is due, and stores the findings. Returns whether something was stored. A sandbox has no
    /// customers, so its listings are not checked. A failure is logged, and the check is repeated after the next reconciliation.
    pub(crate) async fn run(&self, pool: &PgPool, account: AccountId, client: &Client) -> Result<bool, Error> {
        if client.environment() != Environment::Production {
            return Ok(false);
        }
        let last = within(ANSWER, listing_check::last(pool, account)).await?;
        let before = last.as_ref().and_then(read).unwrap_or_default();
        let is_due = last.as_ref().is_none_or(|last| {
            let interval = if before.unread.is_empty() { self.interval } else { self.interval.min(RETRY) };
            // A clock that was set back must not stop the checks.
            Duration::try_from(OffsetDateTime::now_utc() - last.checked_at).is_ok_and(|age| age >= interval)
                || last.checked_at > OffsetDateTime::now_utc()
        });
        if !is_due {
            return Ok(false);
        }
        let found = match timeout(DEADLINE, (self.check)(client.clone())).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                tracing::warn!(
                    error = &*error as &dyn std::error::Error,
                    "cannot check the listings in the store, retrying"
                );
                return Ok(false);
            }
            Err(_elapsed) => {
                tracing::warn!("checking the listings in the store took longer than 10 minutes, retrying");
                return Ok(false);
            }
        };
        if !found.unread.is_empty() {
            tracing::warn!(products = found.unread.len(), "cannot read products at Packagist, retrying in an hour");
        }
        let findings = serde_json::to_string(&found.continuing(&before)).expect("findings have text keys only");
        within(ANSWER, listing_check::store(pool, account, &findings)).await?;
        Ok(true)
    }
}

/// Returns the findings about the listings of each account of the last seven days.
///
/// # Errors
/// Returns [`Error::Database`] if the query fails or takes longer than a minute.
pub async fn listing_findings(pool: &PgPool, now: OffsetDateTime) -> Result<Vec<(AccountId, ListingFindings)>, Error> {
    let reading = async {
        let mut connection = pool.acquire().await?;
        listing_check::since(&mut connection, considered_since(now)).await
    };
    let checks = within(ANSWER, reading).await?;
    Ok(checks.iter().filter_map(|check| Some((check.account, read(check)?))).collect())
}

/// Reads the findings of a check. `None` if another version has stored them in a form that this one cannot read.
pub(crate) fn read(check: &StoredListingCheck) -> Option<ListingFindings> {
    let findings = serde_json::from_str(&check.findings);
    findings
        .inspect_err(|error| {
            let error = error as &dyn std::error::Error;
            tracing::debug!(error, account = check.account.0, "the findings about the listings cannot be read");
        })
        .ok()
}

/// Returns the time from which findings are considered.
pub(crate) fn considered_since(now: OffsetDateTime) -> OffsetDateTime {
    now - MAX_AGE
}
