//! The conditions of reviews: submissions and files that are stuck, and statuses in doubt.

use std::collections::HashMap;

use eqp_store::AccountId;
use eqp_store::internal::{StatusEntry, TrackInReview, review_facts};
use eqp_store::sqlx::{self, PgConnection};
use time::{Duration, OffsetDateTime};

use super::condition::{Condition, Finding, Observation};
use super::stuck::{self, Durations, HISTORY, Stage, Stay, StuckLimits};

/// The time in which a later report may confirm a status that the API has contradicted.
const CONFIRMATION: Duration = Duration::hours(1);
/// The interval at which the history of an account is read again. It changes when a review ends, and covers more than a year.
pub(super) const HISTORY_PERIOD: Duration = Duration::minutes(10);

/// The durations of the reviews of each account, as last read.
#[derive(Debug, Default)]
pub(super) struct Histories(HashMap<AccountId, (OffsetDateTime, Durations)>);

impl Histories {
    pub(super) async fn of(
        &mut self,
        connection: &mut PgConnection,
        account: AccountId,
        now: OffsetDateTime,
    ) -> Result<&Durations, sqlx::Error> {
        let is_current = |(read_at, _): &(OffsetDateTime, Durations)| (now - *read_at).abs() < HISTORY_PERIOD;
        if !self.0.get(&account).is_some_and(is_current) {
            let history = review_facts::history(&mut *connection, account, now - HISTORY).await?;
            self.0.insert(account, (now, Durations::of(&history)));
        }
        Ok(&self.0[&account].1)
    }
}

/// Observes the reviews in progress, and the statuses in doubt.
pub(super) async fn observe(
    connection: &mut PgConnection,
    limits: &StuckLimits,
    histories: &mut Histories,
    now: OffsetDateTime,
) -> Result<Observation, sqlx::Error> {
    let tracks = review_facts::in_review(&mut *connection, None).await?;
    let entries = review_facts::statuses(&mut *connection, &tracks).await?;
    let mut findings = Vec::new();
    for (track, stay) in current_stays(tracks, &entries) {
        let fixed = limits.of(stay.stage);
        // No limit is shorter than this, so that the history of most accounts is never read.
        let waited = now - stay.since;
        if waited < stuck::limit(fixed, None).min(std::time::Duration::from_hours(24)) {
            continue;
        }
        let durations = histories.of(connection, track.account, now).await?;
        findings.extend(stuck_finding(track, &stay, durations, limits, now));
    }
    let unconfirmed = review_facts::unconfirmed(connection, now - CONFIRMATION).await?;
    findings.extend(unconfirmed.into_iter().map(|facts| Finding {
        account: Some(facts.account),
        key: format!("{}/{}", facts.resource_id, facts.flow),
        caused_at: facts.since,
        condition: Condition::StatusUnconfirmed {
            resource_id: facts.resource_id,
            sku: facts.sku,
            version: facts.version,
            flow: facts.flow,
            status: facts.status,
            since: facts.since,
        },
    }));
    Ok(findings.into())
}

/// Returns each track in review with the stay that it is in.
pub(super) fn current_stays(
    tracks: Vec<TrackInReview>,
    entries: &[StatusEntry],
) -> impl Iterator<Item = (TrackInReview, Stay)> {
    let mut stays: HashMap<i64, Stay> = HashMap::new();
    // Of several stays of a track, the last one counts.
    stays.extend(stuck::stays(entries).into_iter().map(|stay| (stay.track, stay)));
    tracks.into_iter().filter_map(move |track| {
        let stay = stays.remove(&track.track)?;
        (Stage::of(&track.status) == Some(stay.stage)).then_some((track, stay))
    })
}

/// Returns a finding if the stay is longer than its limit.
fn stuck_finding(
    track: TrackInReview,
    stay: &Stay,
    durations: &Durations,
    limits: &StuckLimits,
    now: OffsetDateTime,
) -> Option<Finding> {
    let typical = durations.typical(stay.stage, track.package_type.as_deref());
    let limit = stuck::limit(limits.of(stay.stage), typical);
    if now - stay.since < limit {
        return None;
    }
    Some(Finding {
        account: Some(track.account),
        key: format!("{}/{}", track.resource_id, track.flow),
        caused_at: stay.since,
        condition: Condition::ReviewStuck {
            resource_id: track.resource_id,
            sku: track.sku,
            version: track.version,
            stage: stay.stage,
            since: stay.since,
            limit_seconds: limit.as_secs(),
            typical,
        },
    })
}
