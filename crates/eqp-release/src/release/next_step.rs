//! Decides the next step of a release from its observed state. No I/O.
//!
//! Every step depends only on the state at the Marketplace. A run therefore continues where a previous one was killed, and does nothing
//! if nothing is left to do.

use eqp_types::{EqpStatus, Flow, OverallStatus};

use super::observed_state::{Diff, FilesState, ObservedState, ObservedSubmission};
use super::phase::{Phase, has_pending_texts, is_closed, is_live, marketing, running_reviews, technical};
use super::step::{ReleaseResult, Step};
use super::target::{Reviews, Target, Track, Until};

/// Returns the next step.
pub(super) fn next_step(state: &ObservedState, target: Target) -> Step {
    let unreachable = unreachable(state.submission.as_ref(), target);
    let Some(submission) = &state.submission else {
        return unreachable.or_else(|| prerequisite(state, target)).unwrap_or(Step::Create);
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
                return prerequisite(state, target).unwrap_or(Step::RecallThis(running));
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
        return prerequisite(state, target).unwrap_or(Step::Submit(to_submit));
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

/// Returns the step that is required before a submission, if any.
fn prerequisite(state: &ObservedState, target: Target) -> Option<Step> {
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
mod tests {
    use eqp_types::SubmissionId;

    use super::super::phase::tests::status;
    use super::super::steps_ahead::steps_ahead;
    use super::*;

    fn target(track: Track, until: Until) -> Target {
        Target { track, until, supersede: false, resubmit: false }
    }

    fn current(text: &str, archive: Diff, listing: Diff) -> ObservedState {
        ObservedState {
            files: FilesState::Clean,
            submission: Some(ObservedSubmission { status: status(text), archive, listing }),
            others_in_review: Vec::new(),
            submitted: false,
        }
    }

    fn nothing(files: FilesState) -> ObservedState {
        ObservedState { files, submission: None, others_in_review: Vec::new(), submitted: false }
    }

    const BOTH: Reviews = Reviews { technical: true, marketing: true };
    const TECHNICAL: Reviews = Reviews { technical: true, marketing: false };
    const MARKETING: Reviews = Reviews { technical: false, marketing: true };

    #[test]
    fn without_a_submission_files_come_first_and_then_a_draft() {
        let scan = target(Track::Both, Until::Scan);
        for (files, step) in [
            (FilesState::Unknown, Step::FindFiles),
            (FilesState::Missing, Step::Upload),
            (FilesState::Scanning, Step::WaitForScans),
            (FilesState::Infected, Step::End(ReleaseResult::ScanFailed)),
            (FilesState::Clean, Step::Create),
        ] {
            assert_eq!(next_step(&nothing(files), scan), step, "{files:?}");
        }
        // A target without a wait does not wait for the scan either.
        assert_eq!(next_step(&nothing(FilesState::Scanning), target(Track::Both, Until::None)), Step::Create);
    }

    #[test]
    fn a_submission_is_continued_from_its_status() {
        type Case = (&'static str, Diff, Diff, Target, Step);
        use Diff::{Different, Same, Unknown};
        use ReleaseResult::{AlreadyReleased, InReview, Pending, Rejected, Unreachable, VersionTaken};
        let both = target(Track::Both, Until::Released);
        let technical = target(Track::Technical, Until::Technical);
        let marketing = target(Track::Marketing, Until::Marketing);
        let technical_to_the_store = target(Track::Technical, Until::Released);
        let scan = target(Track::Both, Until::Scan);
        let superseding = Target { supersede: true, ..both };
        let resubmitting = Target { resubmit: true, ..both };
        let cases: &[Case] = &[
            ("draft/draft/draft", Same, Same, both, Step::Submit(BOTH)),
            ("draft/draft/draft", Different, Different, both, Step::Submit(BOTH)),
            ("draft/draft/draft", Same, Same, technical, Step::Submit(TECHNICAL)),
            ("in_progress/in_automation/draft", Same, Unknown, both, Step::Submit(MARKETING)),
            ("in_progress/in_automation/in_marketing_review", Same, Unknown, both, Step::WaitForReview),
            ("in_progress/in_automation/in_marketing_review", Same, Unknown, scan, Step::End(Pending)),
            // An undocumented status is left unchanged.
            ("in_progress/on_the_moon/in_marketing_review", Same, Unknown, both, Step::WaitForReview),
            ("in_progress/in_manual_qa/approved", Different, Unknown, both, Step::End(InReview)),
            ("in_progress/in_manual_qa/approved", Different, Different, superseding, Step::RecallThis(TECHNICAL)),
            ("in_progress/on_the_moon/approved", Different, Different, superseding, Step::End(InReview)),
            ("in_progress/recalled/recalled", Same, Same, both, Step::Submit(BOTH)),
            ("in_progress/rejected/approved", Same, Unknown, both, Step::FindFiles),
            ("in_progress/rejected/approved", Same, Same, both, Step::End(Rejected(Flow::Technical))),
            ("in_progress/rejected/approved", Same, Same, scan, Step::End(Rejected(Flow::Technical))),
            ("in_progress/rejected/approved", Same, Same, resubmitting, Step::Submit(TECHNICAL)),
            ("in_progress/rejected/approved", Different, Different, both, Step::Submit(TECHNICAL)),
            ("in_progress/approved/rejected", Same, Different, both, Step::Submit(MARKETING)),
            ("in_progress/approved/rejected", Same, Same, both, Step::End(Rejected(Flow::Marketing))),
            ("in_progress/approved/rejected", Same, Same, technical, Step::WaitForReview),
            ("in_progress/approved/rejected", Different, Different, both, Step::End(VersionTaken)),
            ("approved/approved/approved", Same, Unknown, both, Step::WaitForReview),
            ("released_to_store/approved/approved", Same, Unknown, both, Step::WaitForReview),
            ("released_to_store/approved/approved", Same, Unknown, scan, Step::End(AlreadyReleased)),
            ("released_to_store/approved/approved", Different, Unknown, both, Step::End(VersionTaken)),
            ("released_to_store/approved/approved", Same, Unknown, marketing, Step::FindFiles),
            ("released_to_store/approved/approved", Same, Different, marketing, Step::Submit(MARKETING)),
            ("released_to_store/approved/approved", Same, Same, marketing, Step::WaitForReview),
            (
                "released_to_store/approved/approved_with_modifications_pending",
                Same,
                Same,
                marketing,
                Step::Submit(MARKETING),
            ),
            ("released_to_store/approved/rejected", Same, Unknown, both, Step::WaitForReview),
            ("developer_removed_from_store/approved/approved", Same, Same, both, Step::Submit(MARKETING)),
            // The awaited status needs a review that was not requested.
            ("draft/draft/draft", Same, Same, technical_to_the_store, Step::End(Unreachable(Flow::Marketing))),
            (
                "in_progress/in_manual_qa/rejected",
                Same,
                Same,
                technical_to_the_store,
                Step::End(Unreachable(Flow::Marketing)),
            ),
            ("in_progress/draft/approved", Same, Same, technical_to_the_store, Step::Submit(TECHNICAL)),
            ("in_progress/approved/in_marketing_review", Same, Same, technical_to_the_store, Step::WaitForReview),
            (
                "canceled_by_admin/in_automation/draft",
                Same,
                Same,
                both,
                Step::End(ReleaseResult::Closed(OverallStatus::CanceledByAdmin)),
            ),
        ];
        for (text, archive, listing, target, step) in cases {
            assert_eq!(
                next_step(&current(text, *archive, *listing), *target),
                *step,
                "{text} {archive:?} {listing:?} {target:?}"
            );
        }
    }

    #[test]
    fn another_version_in_review_is_unchanged_unless_superseded() {
        let other = SubmissionId::new("s1").unwrap();
        let both = target(Track::Both, Until::Scan);
        let superseding = Target { supersede: true, ..both };
        let beside = |state: ObservedState| ObservedState { others_in_review: vec![other.clone()], ..state };
        let alone = Step::End(ReleaseResult::OthersInReview(vec![other.clone()]));
        assert_eq!(next_step(&beside(nothing(FilesState::Unknown)), both), alone);
        // It is recalled when everything else is ready, and not before.
        assert_eq!(next_step(&beside(nothing(FilesState::Scanning)), superseding), Step::WaitForScans);
        assert_eq!(
            next_step(&beside(nothing(FilesState::Clean)), superseding),
            Step::RecallOthers(vec![other.clone()])
        );
        // A version that is in review itself is only awaited.
        let running = current("in_progress/in_automation/in_marketing_review", Diff::Same, Diff::Unknown);
        assert_eq!(next_step(&beside(running), both), Step::End(ReleaseResult::Pending));
    }

    #[test]
    fn what_this_run_submitted_is_not_submitted_by_it_again() {
        let both = Target { resubmit: true, supersede: true, ..target(Track::Both, Until::Released) };
        for (text, result) in [
            ("in_progress/rejected/in_marketing_review", ReleaseResult::Rejected(Flow::Technical)),
            ("in_progress/recalled/in_marketing_review", ReleaseResult::Recalled(Flow::Technical)),
            ("draft/draft/draft", ReleaseResult::Recalled(Flow::Technical)),
            (
                "developer_removed_from_store/approved/approved",
                ReleaseResult::Closed(OverallStatus::DeveloperRemovedFromStore),
            ),
        ] {
            let state = ObservedState { submitted: true, ..current(text, Diff::Same, Diff::Different) };
            assert_eq!(next_step(&state, both), Step::End(result), "{text}");
        }
    }

    /// Tests every state with every target: the release always ends, and creates and submits at most once.
    #[test]
    fn every_release_ends_and_submits_at_most_once() {
        let mut situations: Vec<ObservedState> =
            [FilesState::Unknown, FilesState::Missing, FilesState::Scanning, FilesState::Infected, FilesState::Clean]
                .map(nothing)
                .into();
        for overall in OverallStatus::KNOWN {
            for technical in ["draft", "in_automation", "rejected", "recalled", "approved", "new"] {
                for marketing in [
                    "draft",
                    "in_marketing_review",
                    "rejected",
                    "recalled",
                    "approved",
                    "approved_with_modifications_pending",
                    "new",
                ] {
                    for archive in [Diff::Same, Diff::Different] {
                        for listing in [Diff::Unknown, Diff::Same, Diff::Different] {
                            let text = format!("{overall}/{technical}/{marketing}");
                            let files =
                                if listing == Diff::Unknown { FilesState::Unknown } else { FilesState::Missing };
                            situations.push(ObservedState { files, ..current(&text, archive, listing) });
                        }
                    }
                }
            }
        }
        let others = vec![SubmissionId::new("s1").unwrap()];
        let beside: Vec<_> =
            situations.iter().map(|one| ObservedState { others_in_review: others.clone(), ..one.clone() }).collect();
        situations.extend(beside);
        for state in &situations {
            for track in [Track::Both, Track::Technical, Track::Marketing] {
                for until in [Until::None, Until::Scan, Until::Technical, Until::Released] {
                    for flags in 0..4 {
                        let target = Target { track, until, supersede: flags & 1 == 1, resubmit: flags & 2 == 2 };
                        let steps = steps_ahead(state.clone(), target);
                        let count = |is: fn(&Step) -> bool| steps.iter().filter(|step| is(step)).count();
                        let submits = count(|step| matches!(step, Step::Submit(_)));
                        assert!(submits <= 1 && count(|step| *step == Step::Create) <= 1, "{state:?} {target:?}");
                        let last = steps.last().unwrap();
                        assert!(
                            matches!(last, Step::End(_) | Step::WaitForReview),
                            "no end: {state:?} {target:?} {steps:?}"
                        );
                    }
                }
            }
        }
    }
}
