//! Reads the facts about one submission.

use eqp_store::internal::{
    ANSWER, ChannelAccount, ReportId, Resource, SubmissionFacts, TrackFacts, resource_detail, review_timeline,
    status_facts, within,
};
use eqp_store::sqlx::PgPool;
use eqp_store::{Error, Event, EventFilter, EventKind, Reader, ResourceKind};
use eqp_sync::{AlertKind, ReviewClock};
use eqp_types::{Environment, MageId};
use time::OffsetDateTime;
use uuid::Uuid;

use super::super::facts::VersionFacts;
use super::super::gather::{Context, scanned_files};
use super::super::group::{OneVersion, one_version};
use super::super::model::VersionState;
use super::model::{ReviewTrack, SubmissionReview};
use super::steps::StepContext;
use super::timeline::TimelineFacts;
use super::{reasons, sentence};

/// The most events of a submission that are read.
const EVENTS: u32 = 2_000;

/// Returns the reviews of the submissions with this ID: more than one if accounts use the same.
pub(crate) async fn reviews_of(
    pool: &PgPool,
    clock: &ReviewClock,
    submission: &str,
    (environment, mage_id): (Option<Environment>, Option<&MageId>),
    now: OffsetDateTime,
) -> Result<Vec<SubmissionReview>, Error> {
    let mut accounts = within(ANSWER, status_facts::accounts(pool, environment)).await?;
    accounts.retain(|account| mage_id.is_none_or(|wanted| *wanted == account.mage_id));
    let ids: Vec<i64> = accounts.iter().map(|account| account.account.0).collect();
    let found = within(ANSWER, status_facts::of_submission(pool, &ids, submission)).await?;
    let mut reviews = Vec::new();
    for facts in found {
        let Some(account) = accounts.iter().find(|account| account.account == facts.account) else { continue };
        let gathering = Gathering { pool, clock, account, facts: &facts, now };
        reviews.extend(gathering.review().await?);
    }
    Ok(reviews)
}

/// The submission whose review is gathered.
struct Gathering<'a> {
    pool: &'a PgPool,
    clock: &'a ReviewClock,
    account: &'a ChannelAccount,
    facts: &'a SubmissionFacts,
    now: OffsetDateTime,
}

impl Gathering<'_> {
    async fn review(&self) -> Result<Option<SubmissionReview>, Error> {
        let Self { facts, now, .. } = *self;
        let Some(version) = one_version(self.versions().await?, &facts.submission_id, now) else {
            return Ok(None);
        };
        let events = self.events(EventKind::Submission, &facts.submission_id).await?;
        let timeline = self.timeline(&events).await?;
        let is_rejected = version.line.state == VersionState::Rejected;
        let details = facts.details.as_deref().filter(|_| is_rejected);
        let reasons = details.map(reasons::of_details).unwrap_or_default();
        let state =
            |event: &&Event| event.applied && event.flow.as_ref().is_some_and(|flow| is_of(&version, flow.as_str()));
        let last =
            |is_it: fn(&Event) -> bool| events.iter().filter(|event| is_it(event)).map(|event| event.received_at).max();
        let event_seq = events.iter().rev().find(state).or(events.last()).map(|event| event.seq);
        Ok(Some(SubmissionReview {
            at: now,
            environment: self.account.environment,
            mage_id: self.account.mage_id.clone(),
            submission_id: facts.submission_id.clone(),
            item_id: facts.item_id.clone(),
            sku: facts.sku.clone(),
            version: facts.version.clone(),
            name: facts.name.clone(),
            state: version.line.state,
            since: version.line.since,
            sentence: sentence::of_state(&version.line, now),
            is_unconfirmed: version.line.is_unconfirmed,
            is_in_store: version.is_in_store,
            source: None,
            next: sentence::next(&version, !reasons.is_empty(), now),
            reasons,
            overall: facts.tracks.iter().find(|track| track.flow == "overall").map(|track| track.status.clone()),
            typical_seconds: version.line.typical_seconds,
            tracks: self.tracks(&version, &events).await?,
            timeline: timeline.0,
            is_timeline_complete: timeline.1 && u32::try_from(events.len()).is_ok_and(|count| count < EVENTS),
            event_seq,
            last_callback_at: last(|event| event.callback_id.is_some()),
            read_at: last(|event| event.api_read_id.is_some()),
            store_version: version.store_version,
        }))
    }

    /// Returns this version and all others of the product.
    async fn versions(&self) -> Result<Vec<VersionFacts>, Error> {
        let (pool, account) = (self.pool, self.facts.account.0);
        let mut submissions = match &self.facts.sku {
            Some(sku) => within(ANSWER, status_facts::of_products(pool, &[account], std::slice::from_ref(sku))).await?,
            None => Vec::new(),
        };
        if !submissions.iter().any(|one| one.submission_id == self.facts.submission_id) {
            submissions.push(self.facts.clone());
        }
        let times = self.clock.in_review(pool, self.now).await?;
        let files = scanned_files(&times, &[account]);
        let file_ids: Vec<_> = files.iter().map(|time| time.track.resource_id.clone()).collect();
        let artifacts = within(ANSWER, status_facts::of_artifacts(pool, &[account], &file_ids)).await?;
        let context = Context { accounts: std::slice::from_ref(self.account), times: &times };
        let mut versions: Vec<_> = submissions.iter().filter_map(|one| context.version(one)).collect();
        context.add_scans(&mut versions, files, &artifacts, true);
        Ok(versions)
    }

    /// Returns the events of a submission or file, oldest first.
    async fn events(&self, kind: EventKind, resource_id: &str) -> Result<Vec<Event>, Error> {
        let filter = EventFilter {
            environment: Some(self.account.environment),
            mage_id: Some(self.account.mage_id.clone()),
            kind: Some(kind),
            resource_id: Some(resource_id.to_owned()),
            limit: EVENTS,
            ..EventFilter::default()
        };
        let mut events = Reader::new(self.pool.clone()).events(&filter).await?;
        events.reverse();
        Ok(events)
    }

    async fn timeline(&self, events: &[Event]) -> Result<(Vec<super::model::TimelineEntry>, bool), Error> {
        let pool = self.pool;
        let reports: Vec<Uuid> = events.iter().filter_map(Event::report).map(ReportId::uuid).collect();
        let reads: Vec<Uuid> = events.iter().filter_map(|event| event.api_read_id).collect();
        let numbers: Vec<i64> = events.iter().map(|event| event.seq).collect();
        let kinds = [AlertKind::ReviewStuck, AlertKind::StatusUnconfirmed].map(AlertKind::as_str);
        let keys = ["overall", "technical", "marketing"].map(|flow| format!("{}/{flow}", self.facts.submission_id));
        let repeated = within(ANSWER, review_timeline::repeated(pool, &reports)).await?;
        let unreported = within(ANSWER, review_timeline::unreported(pool, &reads)).await?;
        let deliveries = within(ANSWER, review_timeline::deliveries(pool, &numbers)).await?;
        let alerts = within(ANSWER, review_timeline::alerts(pool, self.facts.account, &kinds, &keys)).await?;
        let facts = TimelineFacts {
            events,
            repeated: &repeated,
            unreported: &unreported,
            deliveries: &deliveries,
            alerts: &alerts,
            now: self.now,
        };
        Ok(facts.entries())
    }

    /// Returns the scan of the archive, if it is known, and the reviews.
    async fn tracks(&self, version: &OneVersion, events: &[Event]) -> Result<Vec<ReviewTrack>, Error> {
        let facts = self.facts;
        let typical = self.clock.typical(self.pool, facts.account, facts.package_type.as_deref(), self.now).await?;
        let is_open = matches!(
            version.line.state,
            VersionState::InReview | VersionState::Stuck | VersionState::Draft | VersionState::Recalled
        );
        let is_patch = facts.is_patch == Some(true);
        let is_released = version.line.state == VersionState::InStore;
        let context = StepContext { typical: &typical, is_patch, has_ended: !is_open, is_released, now: self.now };
        let mut tracks = Vec::new();
        tracks.extend(self.scan().await?.map(|(scan, events)| context.track(&scan, &events)));
        for flow in ["technical", "marketing"] {
            tracks.extend(
                facts.tracks.iter().filter(|track| track.flow == flow).map(|track| context.track(track, events)),
            );
        }
        Ok(tracks)
    }

    /// Returns the malware scan of the archive with its events, if the archive is known and a scan was reported.
    async fn scan(&self) -> Result<Option<(TrackFacts, Vec<Event>)>, Error> {
        let id = self.facts.submission_id.clone();
        let resource = Resource { account_id: self.facts.account.0, kind: ResourceKind::Submission, id };
        let details = within(ANSWER, resource_detail::load(self.pool, std::slice::from_ref(&resource))).await?;
        let Some(file) = details.get(&resource).and_then(|detail| detail.artifact_id.clone()) else { return Ok(None) };
        let events = self.events(EventKind::File, &file).await?;
        let last = events.iter().rev().find(|event| event.applied);
        let track = last.and_then(|event| {
            Some(TrackFacts {
                track: event.track_id?,
                flow: event.flow.as_ref()?.to_string(),
                status: event.status.clone()?,
                modified_at: event.modified_at,
                received_at: event.received_at,
                is_ambiguous: false,
                is_unconfirmed: false,
            })
        });
        Ok(track.map(|track| (track, events)))
    }
}

/// Returns whether a flow decides the state of a version.
fn is_of(version: &OneVersion, flow: &str) -> bool {
    version.line.flows.iter().any(|one| one.flow == flow && one.since == version.line.since)
}
