//! Reads the facts from the database.

use std::collections::{BTreeMap, HashMap};

use eqp_store::internal::{
    ANSWER, ArtifactFacts, ChannelAccount, ReceiverFacts, SubmissionFacts, TrackFacts, alert, alert_facts, canary,
    pending, status_facts, within,
};
use eqp_store::sqlx::{self, PgPool};
use eqp_store::{AccountId, Error, ResourceKind};
use eqp_sync::{ReviewClock, ReviewTime, listing_findings};
use eqp_types::{Environment, Timestamp};
use time::{Duration, OffsetDateTime};

use super::channel::ChannelFacts;
use super::facts::{Facts, FlowFacts, ReviewFacts, VersionFacts};
use super::group::group;
use super::model::{Status, StatusAccount, StatusSource};
use super::reasons;

/// The age up to which missed callbacks are counted, and resolved alerts.
const RECENT: Duration = Duration::days(30);
/// A receiver without a heartbeat for this long is not running.
const HEARTBEAT_SECONDS: f64 = 120.0;

/// The reason why no status was determined.
#[derive(Debug)]
pub(crate) enum StatusError {
    /// No submission of these products is known.
    UnknownProducts(Vec<String>),
    /// The database failed.
    Store(Error),
}

impl From<Error> for StatusError {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

/// Determines the status of the products in a database: of all, or of those with these SKUs.
pub(crate) async fn status_of_database(
    pool: &PgPool,
    reviews: &ReviewClock,
    environment: Option<Environment>,
    skus: &[String],
    now: OffsetDateTime,
) -> Result<Status, StatusError> {
    let accounts = within(ANSWER, status_facts::accounts(pool, environment)).await?;
    let ids: Vec<i64> = accounts.iter().map(|account| account.account.0).collect();
    let (submissions, is_complete) =
        if skus.is_empty() { all(pool, &ids).await? } else { some(pool, &ids, skus).await? };
    let times = reviews.in_review(pool, now).await?;
    let files = scanned_files(&times, &ids);
    let file_ids: Vec<_> = files.iter().map(|time| time.track.resource_id.clone()).collect();
    let artifacts = within(ANSWER, status_facts::of_artifacts(pool, &ids, &file_ids)).await?;
    let context = Context { accounts: &accounts, times: &times };
    let mut versions: Vec<VersionFacts> =
        submissions.iter().filter_map(|submission| context.version(submission)).collect();
    context.add_scans(&mut versions, files, &artifacts, !skus.is_empty());
    let channel = channel(pool, accounts.clone(), &ids, now).await?;
    let listings = listing_findings(pool, now).await?.into_iter();
    let listings = listings.filter_map(|(account, findings)| Some((context.account(account)?, findings))).collect();
    let accounts = accounts.iter().map(account_of).collect();
    let is_selection = !skus.is_empty();
    let source = StatusSource::Database;
    let channel = Some(channel);
    Ok(group(Facts { now, source, environment, accounts, versions, is_selection, channel, listings, is_complete }))
}

/// Returns all submissions that are not finished or in the store, and whether these are all.
async fn all(pool: &PgPool, accounts: &[i64]) -> Result<(Vec<SubmissionFacts>, bool), Error> {
    let unfinished = within(ANSWER, status_facts::unfinished(pool, accounts)).await?;
    let in_store = within(ANSWER, status_facts::in_store(pool, accounts)).await?;
    let is_below =
        |submissions: &[SubmissionFacts], most: i64| i64::try_from(submissions.len()).is_ok_and(|count| count < most);
    let is_complete = is_below(&unfinished, status_facts::UNFINISHED) && is_below(&in_store, status_facts::IN_STORE);
    // A submission that was released after a rejection by one review is in both.
    let mut by_id: BTreeMap<(AccountId, String), SubmissionFacts> = BTreeMap::new();
    for submission in in_store.into_iter().chain(unfinished) {
        by_id.insert((submission.account, submission.submission_id.clone()), submission);
    }
    Ok((by_id.into_values().collect(), is_complete))
}

/// Returns the submissions of some products, and whether these are all.
async fn some(pool: &PgPool, accounts: &[i64], skus: &[String]) -> Result<(Vec<SubmissionFacts>, bool), StatusError> {
    let spellings = within(ANSWER, status_facts::spellings(pool, skus)).await?;
    let submissions = within(ANSWER, status_facts::of_products(pool, accounts, &spellings)).await?;
    let is_known = |sku: &&String| {
        let is_it = |known: &String| known.to_lowercase() == sku.to_lowercase();
        submissions.iter().filter_map(|submission| submission.sku.as_ref()).any(is_it)
    };
    let unknown: Vec<_> = skus.iter().filter(|sku| !is_known(sku)).cloned().collect();
    if !unknown.is_empty() {
        return Err(StatusError::UnknownProducts(unknown));
    }
    let is_complete = i64::try_from(submissions.len()).is_ok_and(|count| count < status_facts::OF_PRODUCTS);
    Ok((submissions, is_complete))
}

/// Returns the files of these accounts whose scan has not ended.
pub(super) fn scanned_files<'a>(times: &'a HashMap<i64, ReviewTime>, accounts: &[i64]) -> Vec<&'a ReviewTime> {
    let is_scanned =
        |time: &&ReviewTime| time.track.kind == ResourceKind::File && accounts.contains(&time.track.account.0);
    let mut files: Vec<_> = times.values().filter(is_scanned).collect();
    files.sort_by_key(|time| time.track.track);
    files
}

fn account_of(account: &ChannelAccount) -> StatusAccount {
    StatusAccount { environment: account.environment, mage_id: account.mage_id.clone() }
}

/// The accounts and reviews that the facts about a submission refer to.
pub(super) struct Context<'a> {
    pub(super) accounts: &'a [ChannelAccount],
    /// The flows that are in review, by their tracks.
    pub(super) times: &'a HashMap<i64, ReviewTime>,
}

impl Context<'_> {
    fn account(&self, id: AccountId) -> Option<StatusAccount> {
        self.accounts.iter().find(|account| account.account == id).map(account_of)
    }

    pub(super) fn version(&self, submission: &SubmissionFacts) -> Option<VersionFacts> {
        let flow = |name: &str| submission.tracks.iter().find(|track| track.flow == name).map(|track| self.flow(track));
        Some(VersionFacts {
            account: self.account(submission.account)?,
            resource_id: submission.submission_id.clone(),
            item_id: submission.item_id.clone(),
            sku: submission.sku.clone(),
            version: submission.version.clone(),
            name: submission.name.clone(),
            order: submission.tracks.iter().map(|track| track.track).min().unwrap_or_default(),
            is_patch: submission.is_patch == Some(true),
            overall: flow("overall"),
            technical: flow("technical"),
            marketing: flow("marketing"),
            scan: None,
            archive_id: None,
            reason: submission.details.as_deref().and_then(reasons::of_details),
            listing: None,
        })
    }

    fn flow(&self, track: &TrackFacts) -> FlowFacts {
        let reported = track.modified_at.map(Timestamp::to_utc);
        // The status began at the reported time at the latest, and the first run reads statuses that are older than their report.
        let earliest = |received: OffsetDateTime| reported.map_or(received, |reported| reported.min(received));
        let since = earliest(self.times.get(&track.track).map_or(track.received_at, |time| time.since));
        FlowFacts {
            status: track.status.clone(),
            since,
            review: self.times.get(&track.track).map(review),
            is_unconfirmed: track.is_unconfirmed || track.is_ambiguous,
        }
    }

    /// Adds the scans of archives to their submissions. A file whose submission is not known is shown alone, unless products were selected.
    pub(super) fn add_scans(
        &self,
        versions: &mut Vec<VersionFacts>,
        files: Vec<&ReviewTime>,
        artifacts: &[ArtifactFacts],
        is_selection: bool,
    ) {
        for time in files {
            let file = &time.track.resource_id;
            let (status, since) = (time.track.status.clone(), time.since);
            let scan = FlowFacts { status, since, review: Some(review(time)), is_unconfirmed: false };
            let Some(account) = self.account(time.track.account) else { continue };
            let of_file =
                |artifact: &&ArtifactFacts| artifact.account == time.track.account && artifact.file_id == *file;
            let known = artifacts.iter().find(of_file).map(|artifact| &artifact.submission_id);
            match versions.iter_mut().find(|version| version.account == account && Some(&version.resource_id) == known)
            {
                Some(version) => {
                    version.scan = Some(scan);
                    version.archive_id = Some(file.clone());
                }
                None if is_selection || known.is_some() => {}
                None => versions.push(VersionFacts {
                    account,
                    resource_id: file.clone(),
                    item_id: None,
                    sku: None,
                    version: None,
                    name: None,
                    order: time.track.track,
                    is_patch: false,
                    overall: None,
                    technical: None,
                    marketing: None,
                    scan: Some(scan),
                    archive_id: Some(file.clone()),
                    reason: None,
                    listing: None,
                }),
            }
        }
    }
}

fn review(time: &ReviewTime) -> ReviewFacts {
    let typical = time.typical.map(|typical| [typical.p25_seconds, typical.p75_seconds]);
    ReviewFacts { stage: time.stage, limit: time.limit, typical }
}

async fn channel(
    pool: &PgPool,
    accounts: Vec<ChannelAccount>,
    ids: &[i64],
    now: OffsetDateTime,
) -> Result<ChannelFacts, Error> {
    let endpoints = within(ANSWER, status_facts::endpoints(pool, ids)).await?;
    let alerts = within(ANSWER, alert::counts(pool, now - RECENT)).await?;
    let canary_passed_at = within(ANSWER, canary::last_passed_at(pool, ids)).await?;
    let others = async {
        let mut connection = pool.acquire().await?;
        let missed = alert_facts::missed_callbacks(&mut connection, now - RECENT).await?;
        let receivers = alert_facts::running_receivers(&mut connection, HEARTBEAT_SECONDS).await?;
        let backlog = pending::backlog(&mut *connection).await?;
        Ok::<_, sqlx::Error>((missed, receivers, backlog))
    };
    let (missed, receivers, backlog) = within(ANSWER, others).await?;
    let missed = missed.iter().filter(|missed| ids.contains(&missed.account.0)).map(|missed| missed.callbacks);
    let certificate = |receiver: &ReceiverFacts| receiver.certificate_expires_at;
    Ok(ChannelFacts {
        accounts,
        endpoints,
        certificates: receivers.iter().map(certificate).collect(),
        alerts,
        missed_callbacks: missed.sum(),
        canary_passed_at,
        pending_since: backlog.oldest,
    })
}
