//! Describes the state of a version in words.

use time::OffsetDateTime;

use super::facts::{FlowFacts, VersionFacts};
use super::model::{FlowLine, VersionLine, VersionState};
use super::words;
use eqp_sync::Stage;

/// Describes a version.
pub(super) fn of(facts: &VersionFacts, state: VersionState, since: OffsetDateTime, now: OffsetDateTime) -> VersionLine {
    let slowest = facts.reviews().map(|(_, flow)| flow).find(|flow| flow.review.is_some() && flow.since == since);
    let flow = |(flow, facts): (&'static str, &FlowFacts)| FlowLine {
        flow: flow.to_owned(),
        status: facts.status.clone(),
        stage: facts.review.map(|review| review.stage),
        since: facts.since,
        typical_seconds: facts.review.and_then(|review| review.typical),
    };
    let overall = facts.overall.iter().map(|facts| ("overall", facts));
    VersionLine {
        version: facts.version.clone(),
        resource_id: facts.resource_id.clone(),
        state,
        since,
        typical_seconds: slowest.and_then(|flow| flow.review?.typical),
        is_unconfirmed: facts
            .overall
            .iter()
            .chain(facts.reviews().map(|(_, flow)| flow))
            .any(|flow| flow.is_unconfirmed),
        sentences: sentences(facts, state, since, now),
        flows: overall.chain(facts.reviews()).map(flow).collect(),
        reason: facts.reason.clone().filter(|_| state == VersionState::Rejected || facts.listing.is_some()),
    }
}

fn sentences(facts: &VersionFacts, state: VersionState, since: OffsetDateTime, now: OffsetDateTime) -> Vec<String> {
    let ago = words::ago(since, now);
    vec![match state {
        VersionState::Rejected => format!("rejected by {} {ago}", rejecting(facts)),
        VersionState::OnlyAtPackagist => format!("on Packagist {}, not in the store", words::lasting(since, now)),
        VersionState::RemovalDue => "removal from the store is due".to_owned(),
        VersionState::RemovedByAdobe => format!("removed from the store by Adobe {ago}"),
        VersionState::CanceledByAdobe => format!("canceled by Adobe {ago}"),
        VersionState::Stuck => return stuck(facts, now),
        VersionState::InReview => return in_review(facts, now),
        VersionState::Approved => format!("approved {ago}, waits for its launch"),
        VersionState::Recalled => format!("recalled {ago}"),
        VersionState::Draft => format!("draft, last changed {ago}"),
        VersionState::InStore => format!("in the store {}", words::lasting(since, now)),
        VersionState::Removed => format!("removed from the store by you {ago}"),
        VersionState::Canceled => format!("canceled by you {ago}"),
    }]
}

/// Returns the reviews that have rejected a version.
fn rejecting(facts: &VersionFacts) -> &'static str {
    let is_rejected = |flow: &Option<FlowFacts>| flow.as_ref().is_some_and(|flow| flow.status == "rejected");
    match (is_rejected(&facts.technical), is_rejected(&facts.marketing)) {
        (true, true) => "both reviews",
        (false, true) => "marketing review",
        _ => "technical review",
    }
}

/// Describes the stages that take too long, and then the others.
fn stuck(facts: &VersionFacts, now: OffsetDateTime) -> Vec<String> {
    let waits = facts.reviews().filter(|(_, flow)| flow.is_stuck(now)).filter_map(|(_, flow)| {
        let review = flow.review?;
        let typical = review.typical.map(|typical| format!(", yours take {}", words::range(typical)));
        Some(format!("{} {}{}", review.stage, words::lasting(flow.since, now), typical.unwrap_or_default()))
    });
    let others = facts.reviews().filter(|(_, flow)| flow.review.is_some() && !flow.is_stuck(now));
    waits.chain(others.map(|(name, flow)| under_way(facts, name, flow, now))).collect()
}

/// Describes each flow that has begun. A scan comes before the reviews, so it is described alone.
fn in_review(facts: &VersionFacts, now: OffsetDateTime) -> Vec<String> {
    if let Some(scan) = &facts.scan {
        return vec![under_way(facts, "malware", scan, now)];
    }
    let begun = facts.reviews().filter(|(_, flow)| flow.status != "draft");
    begun.map(|(name, flow)| under_way(facts, name, flow, now)).collect()
}

/// Describes a flow, such as `technical: automated tests, 3 h`.
fn under_way(facts: &VersionFacts, name: &str, flow: &FlowFacts, now: OffsetDateTime) -> String {
    let Some(review) = flow.review else { return format!("{name}: {}", words::status(&flow.status)) };
    let lasted = words::lasted(flow.since, now);
    let waits = matches!(flow.status.as_str(), "awaiting_manual_qa" | "awaiting_marketing_review" | "queued");
    let stage = words::stage(review.stage);
    let stage = if waits { format!("waits for {stage}") } else { stage.to_owned() };
    let is_before_manual_qa = matches!(review.stage, Stage::Scan | Stage::Automation);
    let patch = if facts.is_patch && is_before_manual_qa { "; patch, skips manual QA" } else { "" };
    match review.stage {
        Stage::Scan => format!("{stage}, {lasted}{patch}"),
        _ => format!("{name}: {stage}, {lasted}{patch}"),
    }
}
