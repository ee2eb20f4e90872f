//! Predicts the remaining steps of a release if nothing goes wrong. No I/O.

use eqp_types::{EqpStatus, MarketingStatus, OverallStatus, TechnicalStatus};

use super::next_step::next_step;
use super::observed_state::{DependenciesState, Diff, FilesState, ObservedState, ObservedSubmission};
use super::step::Step;
use super::target::{Reviews, Target};

/// A limit that no sequence of steps reaches.
const MAX_STEPS: usize = 16;

/// Returns all remaining steps, including the last one.
pub(super) fn steps_ahead(mut state: ObservedState, target: Target) -> Vec<Step> {
    let mut steps = Vec::new();
    while steps.len() < MAX_STEPS {
        let step = next_step(&state, target);
        let is_last = matches!(step, Step::WaitForReview | Step::End(_));
        state = state_after(state, &step);
        steps.push(step);
        if is_last {
            break;
        }
    }
    steps
}

/// Returns the state after a successful step.
fn state_after(state: ObservedState, step: &Step) -> ObservedState {
    match step {
        Step::FindFiles => {
            let submission = state.submission.map(|submission| match submission.listing {
                Diff::Unknown => ObservedSubmission { listing: Diff::Same, ..submission },
                _ => submission,
            });
            ObservedState { files: FilesState::Missing, submission, ..state }
        }
        Step::FindDependencies | Step::WaitForDependencies(_) => {
            ObservedState { dependencies: DependenciesState::Met, ..state }
        }
        Step::Upload => ObservedState { files: FilesState::Scanning, ..state },
        Step::WaitForScans => ObservedState { files: FilesState::Clean, ..state },
        Step::RecallOthers(_) => ObservedState { others_in_review: Vec::new(), ..state },
        Step::RecallThis(reviews) => with_status(state, |status| {
            if reviews.technical {
                status.technical = Some(TechnicalStatus::Recalled);
            }
            if reviews.marketing {
                status.marketing = Some(MarketingStatus::Recalled);
            }
        }),
        Step::Create => {
            let status = EqpStatus {
                overall: Some(OverallStatus::Draft),
                technical: Some(TechnicalStatus::Draft),
                marketing: Some(MarketingStatus::Draft),
                ..EqpStatus::default()
            };
            let submission = ObservedSubmission { status, archive: Diff::Same, listing: Diff::Same };
            ObservedState { submission: Some(submission), ..state }
        }
        Step::Submit(reviews) => submitted(state, *reviews),
        Step::WaitForReview | Step::End(_) => state,
    }
}

fn submitted(state: ObservedState, reviews: Reviews) -> ObservedState {
    let state = with_status(state, |status| {
        if status.overall != Some(OverallStatus::ReleasedToStore) {
            status.overall = Some(OverallStatus::InProgress);
        }
        if reviews.technical {
            status.technical = Some(TechnicalStatus::InAutomation);
        }
        if reviews.marketing {
            status.marketing = Some(MarketingStatus::AwaitingMarketingReview);
        }
    });
    let submission = state.submission.map(|submission| ObservedSubmission { archive: Diff::Same, ..submission });
    ObservedState { submission, submitted: true, ..state }
}

fn with_status(state: ObservedState, change: impl FnOnce(&mut EqpStatus)) -> ObservedState {
    let submission = state.submission.map(|mut submission| {
        change(&mut submission.status);
        submission
    });
    ObservedState { submission, ..state }
}
