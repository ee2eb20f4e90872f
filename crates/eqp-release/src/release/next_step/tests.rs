use eqp_types::SubmissionId;

use super::super::phase::tests::status;
use super::super::steps_ahead::steps_ahead;
use super::*;
use crate::dependencies::Dependency;

fn target(track: Track, until: Until) -> Target {
    Target::new(track, until)
}

fn current(text: &str, archive: Diff, listing: Diff) -> ObservedState {
    ObservedState {
        files: FilesState::Clean,
        submission: Some(ObservedSubmission { status: status(text), archive, listing }),
        others_in_review: Vec::new(),
        dependencies: DependenciesState::Met,
        submitted: false,
    }
}

fn nothing(files: FilesState) -> ObservedState {
    ObservedState {
        files,
        submission: None,
        others_in_review: Vec::new(),
        dependencies: DependenciesState::Met,
        submitted: false,
    }
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
    assert_eq!(next_step(&beside(nothing(FilesState::Clean)), superseding), Step::RecallOthers(vec![other.clone()]));
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

#[test]
fn a_version_is_submitted_once_the_store_has_what_it_requires() {
    let dependency = |state| Dependency {
        sku: "acme/core".parse().unwrap(),
        constraint: "^1.9".to_owned(),
        state,
        version: None,
        submission_id: None,
    };
    let unmet = |state| DependenciesState::Unmet(vec![dependency(state)]);
    let step = |text: Option<&str>, track, dependencies: DependenciesState, wait| {
        let before = text.map_or(nothing(FilesState::Unknown), |text| current(text, Diff::Same, Diff::Same));
        let target = Target { wait_for_dependencies: wait, ..target(track, Until::Released) };
        next_step(&ObservedState { dependencies, ..before }, target)
    };
    let missing = || unmet(DependencyState::Missing);
    let not_ready = |state| Step::End(ReleaseResult::DependenciesNotReady(vec![dependency(state)]));
    assert_eq!(step(None, Track::Both, DependenciesState::Unknown, true), Step::FindDependencies);
    assert_eq!(step(None, Track::Both, missing(), false), not_ready(DependencyState::Missing));
    let waits = Step::WaitForDependencies(vec![dependency(DependencyState::Missing)]);
    assert_eq!(step(None, Track::Both, missing(), true), waits);
    // Waiting for a rejected version would only time out.
    let rejected = unmet(DependencyState::Rejected);
    assert_eq!(step(None, Track::Both, rejected, true), not_ready(DependencyState::Rejected));
    // The marketing review installs nothing, and what is submitted already is not held back.
    let marketing_only = "in_progress/approved/rejected";
    assert_ne!(step(Some(marketing_only), Track::Both, missing(), false), not_ready(DependencyState::Missing));
    let running = "in_progress/in_automation/in_marketing_review";
    assert_eq!(step(Some(running), Track::Both, DependenciesState::Unknown, false), Step::WaitForReview);
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
                        let files = if listing == Diff::Unknown { FilesState::Unknown } else { FilesState::Missing };
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
                    let target =
                        Target { supersede: flags & 1 == 1, resubmit: flags & 2 == 2, ..Target::new(track, until) };
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
