//! The steps that lie before a release if all goes well: what `--dry-run` shows. Pure.

use eqp_types::{EqpStatus, MarketingStatus, OverallStatus, TechnicalStatus};

use super::goal::{Goal, Reviews};
use super::next::{Step, next};
use super::situation::{Files, Known, Sameness, Situation};

/// No course is longer.
const LONGEST: usize = 16;

/// All steps from here on, the last one included.
pub(super) fn course(mut situation: Situation, goal: Goal) -> Vec<Step> {
    let mut steps = Vec::new();
    while steps.len() < LONGEST {
        let step = next(&situation, goal);
        let is_last = matches!(step, Step::WaitForOutcome | Step::End(_));
        situation = after(situation, &step);
        steps.push(step);
        if is_last {
            break;
        }
    }
    steps
}

/// Where a step leads if it goes well.
fn after(situation: Situation, step: &Step) -> Situation {
    match step {
        Step::FindFiles => {
            let submission = situation.submission.map(|known| match known.listing {
                Sameness::NotLookedAt => Known { listing: Sameness::Same, ..known },
                _ => known,
            });
            Situation { files: Files::Missing, submission, ..situation }
        }
        Step::Upload => Situation { files: Files::Scanning, ..situation },
        Step::WaitForScans => Situation { files: Files::Clean, ..situation },
        Step::RecallOthers(_) => Situation { others_in_review: Vec::new(), ..situation },
        Step::RecallThis(reviews) => with_status(situation, |status| {
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
            let known = Known { status, archive: Sameness::Same, listing: Sameness::Same };
            Situation { submission: Some(known), ..situation }
        }
        Step::Submit(reviews) => submitted(situation, *reviews),
        Step::WaitForOutcome | Step::End(_) => situation,
    }
}

fn submitted(situation: Situation, reviews: Reviews) -> Situation {
    let situation = with_status(situation, |status| {
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
    let submission = situation.submission.map(|known| Known { archive: Sameness::Same, ..known });
    Situation { submission, submitted: true, ..situation }
}

fn with_status(situation: Situation, change: impl FnOnce(&mut EqpStatus)) -> Situation {
    let submission = situation.submission.map(|mut known| {
        change(&mut known.status);
        known
    });
    Situation { submission, ..situation }
}
