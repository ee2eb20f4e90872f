//! Waits until the review has come to what is waited for.

use eqp_types::{EqpStatus, Flow};

use super::Run;
use super::goal::Goal;
use super::next::Ending as End;
use super::stage::{Stage, marketing, technical};
use crate::commands::wait::{Ending, Wish, ending, states_of};
use crate::failure::Outcome;
use crate::output::track_line;

impl Run<'_> {
    /// Waits for it. An event only says that it is time to ask: what the Marketplace says counts.
    pub(super) async fn wait_for_outcome(&mut self) -> Outcome<Option<End>> {
        let Some(id) = self.submission.as_ref().and_then(|package| package.submission_id.clone()) else {
            return Ok(Some(End::Pending));
        };
        self.progress.begins("review", &format!("waiting for the review of {id}"))?;
        let mut told = String::new();
        loop {
            let trouble = match self.client.packages().get(&id).await {
                Ok(package) => {
                    let status = package.eqp_status.clone().unwrap_or_default();
                    self.submission = Some(package);
                    let flows = states_of(Some(&status));
                    let line = track_line(flows.iter().map(|(flow, outcome)| (flow.as_str(), outcome.as_str())));
                    if line != told {
                        self.progress.moved("review", &line)?;
                        self.pulse.quicken();
                        told = line;
                    }
                    if let Some(end) = judge(&status, self.goal) {
                        return Ok(Some(end));
                    }
                    None
                }
                Err(error) if error.is_retryable() => {
                    self.progress.note(&format!("the Marketplace does not answer, waiting on: {error}"));
                    Some(error)
                }
                Err(error) => return Err(error.into()),
            };
            if !self.pulse.next(&[id.as_str()]).await {
                return match trouble {
                    Some(error) => Err(error.into()),
                    None => Ok(None),
                };
            }
        }
    }
}

/// Whether the states end the waiting.
fn judge(status: &EqpStatus, goal: Goal) -> Option<End> {
    let flow = goal.until.flow()?;
    match ending(&states_of(Some(status)), &Wish { flow: flow.clone(), outcome: None }) {
        Some(Ending::Reached { .. }) => return Some(End::Reached),
        Some(Ending::Rejected { flow: Flow::Overall, .. }) => return status.overall.clone().map(End::Ended),
        Some(Ending::Rejected { flow, .. }) => return Some(End::Rejected(flow)),
        // Whether that matters depends on what was submitted: see below.
        Some(Ending::Recalled { .. }) | None => {}
    }
    let wanted = goal.reviews();
    let heeded = [
        (Flow::Technical, wanted.technical.then(|| technical(status))),
        (Flow::Marketing, wanted.marketing.then(|| marketing(status))),
    ];
    let taken_back = |(other, stage): &(Flow, Option<Stage>)| {
        (flow == Flow::Overall || flow == *other) && *stage == Some(Stage::Open)
    };
    heeded.into_iter().find(taken_back).map(|(flow, _)| End::TakenBack(flow))
}

#[cfg(test)]
mod tests {
    use eqp_types::OverallStatus;

    use super::*;
    use crate::commands::release::goal::{Track, Until};
    use crate::commands::release::stage::tests::status;

    #[test]
    fn what_can_never_come_is_not_waited_for() {
        for (text, until, end) in [
            ("in_progress/in_automation/in_marketing_review", Until::Released, None),
            ("released_to_store/approved/approved", Until::Released, Some(End::Reached)),
            ("in_progress/approved/in_marketing_review", Until::Technical, Some(End::Reached)),
            ("in_progress/in_manual_qa/rejected", Until::Technical, None),
            ("in_progress/in_manual_qa/rejected", Until::Released, Some(End::Rejected(Flow::Marketing))),
            ("in_progress/recalled/in_marketing_review", Until::Released, Some(End::TakenBack(Flow::Technical))),
            ("in_progress/recalled/in_marketing_review", Until::Marketing, None),
            (
                "admin_removed_from_store/approved/approved",
                Until::Released,
                Some(End::Ended(OverallStatus::AdminRemovedFromStore)),
            ),
        ] {
            let goal = Goal { track: Track::Both, until, supersede: false, resubmit: false };
            assert_eq!(judge(&status(text), goal), end, "{text} {until:?}");
        }
    }
}
