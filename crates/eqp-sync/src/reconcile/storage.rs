//! Reads and writes the stored state of one account.

use std::collections::HashMap;
use std::time::Duration;

use eqp_store::internal::{
    ANSWER, LastRuns, NewApiRead, Resource, ResourceDetail, RunId, RunKind, RunProgress, Tracks, account, api_read,
    endpoint, missing_callback, reconcile_run, resource_detail, track, within,
};
use eqp_store::sqlx::PgPool;
use eqp_store::{AccountId, Error as StoreError};
use eqp_types::{Environment, MageId, Timestamp};
use time::OffsetDateTime;

use super::baseline::Baseline;
use super::error::{ReconcileError, Result};
use super::report::{ReconcileKind, ReconcileReport};
use super::response::ResourceResponse;

/// The time for which the callback of a change may still arrive before it counts as missed.
const MISSED_AFTER: Duration = Duration::from_mins(15);
/// The number of files from which a run selects those that it reads.
const FILE_CANDIDATES: i64 = 1_000;

/// The stored state of an account; without an ID, of one that the database does not have yet.
#[derive(Debug)]
pub(super) struct Storage {
    pub(super) pool: PgPool,
    pub(super) account: Option<AccountId>,
}

/// An account that a server reconciles, because it has an access key.
#[derive(Clone, Debug)]
pub(super) struct WatchedAccount {
    pub(super) id: AccountId,
    pub(super) environment: Environment,
    pub(super) mage_id: MageId,
    /// The names of its endpoints.
    pub(super) endpoints: Vec<String>,
    pub(super) application_id: String,
    /// The URL of the API that accepted its access key.
    pub(super) api_url: String,
    pub(super) key_verified_at: OffsetDateTime,
}

impl Storage {
    /// Returns the time since which the account is watched, and the newest change that the last run has read.
    pub(super) async fn position(&self) -> Result<(Baseline, Option<OffsetDateTime>)> {
        let Some(account) = self.account else {
            return Ok((Baseline { is_first_run: true, registered_at: None }, None));
        };
        let LastRuns { newest_modified_at, succeeded_at, .. } = last_runs(&self.pool, account).await?;
        let registered_at = within(ANSWER, account::first_registered_at(&self.pool, account)).await?;
        let baseline = Baseline { is_first_run: succeeded_at.is_none(), registered_at };
        Ok((baseline, newest_modified_at.map(Timestamp::to_utc)))
    }

    /// Returns the tracks of the resources of these responses.
    pub(super) async fn tracks(&self, responses: &[ResourceResponse]) -> Result<Tracks> {
        let Some(account) = self.account else { return Ok(Tracks::new()) };
        let resources: Vec<_> = responses.iter().map(|response| resource(account, response)).collect();
        let loading = async {
            let mut connection = self.pool.acquire().await?;
            track::load(&mut connection, &resources).await
        };
        Ok(within(ANSWER, loading).await?)
    }

    /// Returns submissions and files whose status is in doubt, at most `limit`.
    pub(super) async fn doubtful(&self, limit: i64) -> Result<Vec<Resource>> {
        let Some(account) = self.account else { return Ok(Vec::new()) };
        Ok(within(ANSWER, track::to_read_again(&self.pool, account, limit)).await?)
    }

    /// Returns files whose scan has not ended, at most `limit`. If there are more, each run reads others, because a scan may never end.
    pub(super) async fn unfinished_files(&self, limit: usize) -> Result<Vec<String>> {
        let Some(account) = self.account else { return Ok(Vec::new()) };
        let files = within(ANSWER, track::unfinished_files(&self.pool, account, FILE_CANDIDATES)).await?;
        Ok(fastrand::choose_multiple(files, limit))
    }

    /// Begins a run, or returns `None` if another process reconciles the account.
    pub(super) async fn begin(&self, kind: ReconcileKind) -> Result<Option<RunId>> {
        let Some(account) = self.account else { return Ok(None) };
        Ok(within(ANSWER, reconcile_run::begin(&self.pool, account, stored_kind(kind))).await?)
    }

    /// Stores responses that differ, each with whether it belongs to the baseline. Returns how many of them report something new.
    pub(super) async fn store(&self, run: RunId, differing: Vec<(ResourceResponse, bool)>) -> Result<u64> {
        let Some(account) = self.account else { return Ok(0) };
        let read = |(response, baseline): (ResourceResponse, bool)| {
            let times = (response.time.began_at, response.time.received_at);
            let mut read = NewApiRead::decode(account, response.kind, response.body, times).ok()?;
            (read.baseline, read.run_id) = (baseline, Some(run.0));
            Some(read)
        };
        let reads: Vec<_> = differing.into_iter().filter_map(read).collect();
        Ok(within(ANSWER, api_read::insert(&self.pool, &reads)).await?)
    }

    /// Returns the stored details of the resources of these responses, in the same order.
    pub(super) async fn details(&self, responses: &[ResourceResponse]) -> Result<Vec<Option<ResourceDetail>>> {
        let Some(account) = self.account else { return Ok(vec![None; responses.len()]) };
        let resources: Vec<_> = responses.iter().map(|response| resource(account, response)).collect();
        let known = within(ANSWER, resource_detail::load(&self.pool, &resources)).await?;
        Ok(resources.iter().map(|resource| known.get(resource).cloned()).collect())
    }

    /// Stores the SKU, version and name of each resource, and the reasons that were read, by resource ID.
    pub(super) async fn store_details(
        &self,
        responses: &[ResourceResponse],
        known: &[Option<ResourceDetail>],
        reasons: &HashMap<String, String>,
    ) -> Result {
        let Some(account) = self.account else { return Ok(()) };
        let mut new = HashMap::new();
        for (response, known) in responses.iter().zip(known) {
            let read = reasons.get(&response.report.resource_id);
            let same = known.as_ref().filter(|known| known.modified_at == response.report.modified_at);
            let detail = ResourceDetail {
                modified_at: response.report.modified_at,
                sku: response.sku.clone(),
                version: response.version.clone(),
                name: response.name.clone(),
                package_type: response.package_type.clone(),
                is_patch: response.is_patch,
                artifact_id: response.artifact_id.clone(),
                // Reasons of another version of the submission are outdated.
                details: read.cloned().or_else(|| same.and_then(|same| same.details.clone())),
            };
            if same == Some(&detail) {
                continue;
            }
            new.insert(resource(account, response), detail);
        }
        if !new.is_empty() {
            let new: Vec<_> = new.into_iter().collect();
            within(ANSWER, resource_detail::store(&self.pool, &new)).await?;
        }
        Ok(())
    }

    /// Records that a run is still active.
    pub(super) async fn progress(&self, run: RunId, report: &ReconcileReport) -> Result {
        let is_active = within(ANSWER, reconcile_run::progress(&self.pool, run, &progress(report, None))).await?;
        if is_active { Ok(()) } else { Err(ReconcileError::AlreadyRunning) }
    }

    /// Records how a run has ended. `newest` is the newest change that it has read, if the next run can continue from there.
    pub(super) async fn finish(
        &self,
        run: RunId,
        report: &ReconcileReport,
        newest: Option<Timestamp>,
        error: Option<&ReconcileError>,
    ) -> Result {
        let error = error.map(in_one_line);
        let progress = progress(report, newest);
        Ok(within(ANSWER, reconcile_run::finish(&self.pool, run, &progress, error.as_deref())).await?)
    }
}

/// Returns the account's ID, if the database has it.
pub(super) async fn find_account(
    pool: &PgPool,
    environment: Environment,
    mage_id: &MageId,
) -> Result<Option<AccountId>, StoreError> {
    let accounts = within(ANSWER, account::list(pool)).await?;
    let found = accounts.into_iter().find(|one| one.environment == environment && one.mage_id == *mage_id);
    Ok(found.map(|account| account.id))
}

/// Returns the account's ID. The account is created if the database does not have it yet.
pub(super) async fn ensure_account(
    pool: &PgPool,
    environment: Environment,
    mage_id: &MageId,
) -> Result<AccountId, StoreError> {
    // The role that reconciles may not create accounts, so an existing one is only read.
    if let Some(account) = find_account(pool, environment, mage_id).await? {
        return Ok(account);
    }
    within(ANSWER, endpoint::ensure_account(pool, environment.as_str(), mage_id.as_str())).await
}

/// Returns the accounts that have an access key.
pub(super) async fn watched_accounts(pool: &PgPool) -> Result<Vec<WatchedAccount>, StoreError> {
    let accounts = within(ANSWER, account::list(pool)).await?;
    let watched = accounts.into_iter().filter_map(|account| {
        let key = account.access_key?;
        Some(WatchedAccount {
            id: account.id,
            environment: account.environment,
            mage_id: account.mage_id,
            endpoints: account.endpoints,
            application_id: key.application_id,
            api_url: key.api_url,
            key_verified_at: key.verified_at,
        })
    });
    Ok(watched.collect())
}

/// Records a run that failed before it read anything.
pub(super) async fn failed_early(pool: &PgPool, account: AccountId, kind: ReconcileKind, error: &ReconcileError) {
    let storage = Storage { pool: pool.clone(), account: Some(account) };
    // If the database does not accept it, the log still has the error.
    let Ok(Some(run)) = storage.begin(kind).await else { return };
    let error = in_one_line(error);
    let _ = within(ANSWER, reconcile_run::finish(pool, run, &RunProgress::default(), Some(&error))).await;
}

/// Returns the position that the successful runs of an account have stored for the next one.
pub(super) async fn last_runs(pool: &PgPool, account: AccountId) -> Result<LastRuns, StoreError> {
    within(ANSWER, reconcile_run::last(pool, account)).await
}

/// Decides which callbacks were missed. Returns how many.
pub(super) async fn decide_missed(pool: &PgPool) -> Result<u64, StoreError> {
    let missed = within(ANSWER, missing_callback::decide(pool, MISSED_AFTER)).await?;
    Ok(missed.iter().map(|account| account.callbacks).sum())
}

fn resource(account: AccountId, response: &ResourceResponse) -> Resource {
    Resource { account_id: account.0, kind: response.kind, id: response.report.resource_id.clone() }
}

fn progress(report: &ReconcileReport, newest_modified_at: Option<Timestamp>) -> RunProgress {
    RunProgress { resources: report.submissions + report.files, stored: report.stored, newest_modified_at }
}

/// Returns an error with its causes. They contain no secrets.
fn in_one_line(error: &ReconcileError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let reason = error.to_string();
        if !text.contains(&reason) {
            text = format!("{text}: {reason}");
        }
        cause = error.source();
    }
    text
}

fn stored_kind(kind: ReconcileKind) -> RunKind {
    match kind {
        ReconcileKind::Incremental => RunKind::Incremental,
        ReconcileKind::Full => RunKind::Full,
        ReconcileKind::Selected => RunKind::Selected,
    }
}
