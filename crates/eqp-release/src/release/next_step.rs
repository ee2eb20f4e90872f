//! Decides the next step of a release from its observed state. No I/O.
//!
//! Every step depends only on the state at the Marketplace. A run therefore continues where a previous one was killed, and does nothing
//! if nothing is left to do.

use eqp_types::{EqpStatus, Flow, OverallStatus};

use super::observed_state::{DependenciesState, Diff, FilesState, ObservedState, ObservedSubmission};
use super::phase::{Phase, has_pending_texts, is_closed, is_live, marketing, running_reviews, technical};
use super::step::{ReleaseResult, Step};
use super::target::{Reviews, Target, Track, Until};
use crate::dependencies::DependencyState;

/// Returns the next step.
pub(super) fn next_step(state: &ObservedState, target: Target) -> Step {
    let unreachable = unreachable(state.submission.as_ref(), target);
    let Some(submission) = &state.submission else {
        return unreachable.or_else(|| prerequisite(state, target, target.reviews())).unwrap_or(Step::Create);
    };
    if let Some(result) = ended(state, submission) {
        return Step::End(result);
    }
    if let Some(end) = unreachable {
        return end;
    }
    let requested = target.reviews();
    let has_other_archive = requested.technical && submission.archive == Diff::Different;
    if has_other_archive {
        match technical(&submission.status) {
            Phase::Approved => return Step::End(ReleaseResult::VersionTaken),
            Phase::Running => {
                // An undocumented status may not allow a recall.
                let running = running_reviews(&submission.status).of(requested);
                if state.submitted || !target.supersede || !running.technical {
                    return Step::End(ReleaseResult::InReview);
                }
                return prerequisite(state, target, requested).unwrap_or(Step::RecallThis(running));
            }
            Phase::Open | Phase::Rejected => {}
        }
    }
    let marketing = match (is_live(&submission.status), target.track) {
        // A package in the store stays there while a later change of its texts is reviewed. Such a change is not part of the release
        // of a version.
        (true, Track::Both) => Phase::Approved,
        _ => marketing(&submission.status),
    };
    let phases = [
        (Flow::Technical, requested.technical.then(|| technical(&submission.status))),
        (Flow::Marketing, requested.marketing.then_some(marketing)),
    ];
    let is = |phase: Phase| phases.iter().find(|(_, is)| *is == Some(phase)).map(|(flow, _)| flow.clone());
    if let Some(flow) = is(Phase::Rejected) {
        let may_go_again = !state.submitted;
        let is_changed =
            target.resubmit || submission.archive == Diff::Different || submission.listing == Diff::Different;
        match (may_go_again, is_changed, submission.listing) {
            (true, true, _) => {}
            (true, false, Diff::Unknown) => return Step::FindFiles,
            _ => return Step::End(ReleaseResult::Rejected(flow)),
        }
    }
    if state.submitted
        && let Some(flow) = is(Phase::Open)
    {
        return Step::End(ReleaseResult::Recalled(flow));
    }
    let to_submit = Reviews {
        technical: requested.technical && matches!(technical(&submission.status), Phase::Open | Phase::Rejected),
        marketing: requested.marketing && matches!(marketing, Phase::Open | Phase::Rejected)
            || is_new_text(state, submission, target),
    };
    if is_live(&submission.status) && target.track == Track::Marketing && submission.listing == Diff::Unknown {
        return Step::FindFiles;
    }
    if !to_submit.is_empty() {
        return prerequisite(state, target, to_submit).unwrap_or(Step::Submit(to_submit));
    }
    match target.until {
        Until::None | Until::Scan
            if is_live(&submission.status) && marketing == Phase::Approved && !state.submitted =>
        {
            Step::End(ReleaseResult::AlreadyReleased)
        }
        Until::None | Until::Scan => Step::End(ReleaseResult::Pending),
        _ => Step::WaitForReview,
    }
}

/// Detects a submission for one review that waits for a status that also needs the other one, which would only time out.
fn unreachable(submission: Option<&ObservedSubmission>, target: Target) -> Option<Step> {
    if submission.is_some_and(|submission| is_live(&submission.status)) {
        return None;
    }
    let (needed, requested) = (target.until.reviews(), target.reviews());
    let is_not_in_review = |phase: fn(&EqpStatus) -> Phase| {
        submission.is_none_or(|submission| matches!(phase(&submission.status), Phase::Open | Phase::Rejected))
    };
    let missing = if needed.technical && !requested.technical && is_not_in_review(technical) {
        Flow::Technical
    } else if needed.marketing && !requested.marketing && is_not_in_review(marketing) {
        Flow::Marketing
    } else {
        return None;
    };
    Some(Step::End(ReleaseResult::Unreachable(missing)))
}

/// Returns the result if the version is closed.
fn ended(state: &ObservedState, submission: &ObservedSubmission) -> Option<ReleaseResult> {
    let overall = submission.status.overall.clone()?;
    let left_the_store = state.submitted && overall == OverallStatus::DeveloperRemovedFromStore;
    (is_closed(&submission.status) || left_the_store).then_some(ReleaseResult::Closed(overall))
}

/// Returns whether the texts of a package in the store change, which requires a marketing review.
fn is_new_text(state: &ObservedState, submission: &ObservedSubmission, target: Target) -> bool {
    target.track == Track::Marketing
        && is_live(&submission.status)
        && (submission.listing == Diff::Different || has_pending_texts(&submission.status))
        && marketing(&submission.status) == Phase::Approved
        && !state.submitted
}

/// Returns the step that is required before a submission for `reviews`, if any.
fn prerequisite(state: &ObservedState, target: Target, reviews: Reviews) -> Option<Step> {
    // Only the technical review installs the package.
    if reviews.technical {
        match &state.dependencies {
            DependenciesState::Unknown => return Some(Step::FindDependencies),
            DependenciesState::Unmet(unmet) => {
                // A rejected version stays rejected until somebody acts.
                let is_rejected = unmet.iter().any(|one| one.state == DependencyState::Rejected);
                let is_end = !target.wait_for_dependencies || is_rejected;
                let end = || Step::End(ReleaseResult::DependenciesNotReady(unmet.clone()));
                return Some(if is_end { end() } else { Step::WaitForDependencies(unmet.clone()) });
            }
            DependenciesState::Met => {}
        }
    }
    let others = &state.others_in_review;
    if !others.is_empty() && !target.supersede {
        return Some(Step::End(ReleaseResult::OthersInReview(others.clone())));
    }
    match state.files {
        FilesState::Unknown => return Some(Step::FindFiles),
        FilesState::Missing => return Some(Step::Upload),
        FilesState::Infected => return Some(Step::End(ReleaseResult::ScanFailed)),
        FilesState::Scanning if target.until != Until::None => return Some(Step::WaitForScans),
        FilesState::Scanning | FilesState::Clean => {}
    }
    // Recalled as late as possible, so that the other version keeps its place in the review queue until then.
    (!others.is_empty()).then(|| Step::RecallOthers(others.clone()))
}

#[cfg(test)]
mod tests;
