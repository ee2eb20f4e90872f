//! Waits for the result of a review.

use eqp_types::{EqpStatus, Flow};

use super::Run;
use super::error::Error;
use super::phase::{Phase, marketing, technical};
use super::progress::Event;
use super::step::ReleaseResult;
use super::target::Target;
use crate::wait::{Statuses, WaitResult, WaitTarget, is_transient, statuses_of, wait_result};

impl Run<'_> {
    /// Waits for the result. Events only trigger a query; the response of the Marketplace is authoritative.
    pub(super) async fn wait_for_review(&mut self) -> Result<Option<ReleaseResult>, Error> {
        let Some(id) = self.release.submission.as_ref().and_then(|package| package.submission_id.clone()) else {
            return Ok(Some(ReleaseResult::Pending));
        };
        self.report(Event::WaitingForReview { id: &id })?;
        let mut reported = Statuses::new();
        let mut last_error = None;
        loop {
            last_error = match self.release.client.packages().get(&id).await {
                Ok(package) => {
                    let status = package.eqp_status.clone().unwrap_or_default();
                    self.release.submission = Some(package);
                    let flows = statuses_of(Some(&status));
                    if flows != reported {
                        self.report(Event::StatusChanged(&flows))?;
                        self.poller.reset_interval();
                        reported = flows;
                    }
                    if let Some(end) = result_of(&status, self.release.target) {
                        return Ok(Some(end));
                    }
                    None
                }
                Err(error) if is_transient(&error) => {
                    if last_error.is_none() {
                        self.report(Event::Unanswered(&error))?;
                    }
                    Some(error)
                }
                Err(error) => return Err(error.into()),
            };
            if !self.poller.next(&[id.as_str()]).await {
                return match last_error {
                    Some(error) => Err(error.into()),
                    None => Ok(None),
                };
            }
        }
    }
}

/// Returns the result, if the statuses end the wait.
fn result_of(status: &EqpStatus, target: Target) -> Option<ReleaseResult> {
    let flow = target.until.flow()?;
    match wait_result(&statuses_of(Some(status)), &WaitTarget { flow: flow.clone(), status: None }) {
        Some(WaitResult::Reached { .. }) => return Some(ReleaseResult::Reached),
        Some(WaitResult::Rejected { flow: Flow::Overall, .. }) => {
            return status.overall.clone().map(ReleaseResult::Closed);
        }
        Some(WaitResult::Rejected { flow, .. }) => return Some(ReleaseResult::Rejected(flow)),
        // Evaluated below, depending on the target.
        Some(WaitResult::Recalled { .. } | WaitResult::NotSubmitted { .. } | WaitResult::Unreachable { .. }) | None => {
        }
    }
    let selected = target.until.reviews();
    let relevant = [
        (Flow::Technical, selected.technical.then(|| technical(status))),
        (Flow::Marketing, selected.marketing.then(|| marketing(status))),
    ];
    let recalled = |(other, phase): &(Flow, Option<Phase>)| {
        (flow == Flow::Overall || flow == *other) && *phase == Some(Phase::Open)
    };
    relevant.into_iter().find(recalled).map(|(flow, _)| ReleaseResult::Recalled(flow))
}

#[cfg(test)]
mod tests {
    use eqp_types::OverallStatus;

    use super::super::phase::tests::status;
    use super::super::target::{Track, Until};
    use super::*;

    #[test]
    fn what_can_never_come_is_not_waited_for() {
        for (text, until, end) in [
            ("in_progress/in_automation/in_marketing_review", Until::Released, None),
            ("released_to_store/approved/approved", Until::Released, Some(ReleaseResult::Reached)),
            ("in_progress/approved/in_marketing_review", Until::Technical, Some(ReleaseResult::Reached)),
            ("in_progress/in_manual_qa/rejected", Until::Technical, None),
            ("in_progress/in_manual_qa/rejected", Until::Released, Some(ReleaseResult::Rejected(Flow::Marketing))),
            (
                "in_progress/recalled/in_marketing_review",
                Until::Released,
                Some(ReleaseResult::Recalled(Flow::Technical)),
            ),
            ("in_progress/recalled/in_marketing_review", Until::Marketing, None),
            (
                "admin_removed_from_store/approved/approved",
                Until::Released,
                Some(ReleaseResult::Closed(OverallStatus::AdminRemovedFromStore)),
            ),
        ] {
            let target = Target::new(Track::Both, until);
            assert_eq!(result_of(&status(text), target), end, "{text} {until:?}");
        }
    }
}
