//! The state of a wait: the known statuses, and which changes are reported. No I/O.

use eqp_types::{Flow, SubmissionId};

use super::WaitEvent;
use super::result::Statuses;

/// The flows in display order.
const FLOWS: [Flow; 4] = [Flow::Overall, Flow::Technical, Flow::Marketing, Flow::Malware];

/// The result of one query of the database or the API.
#[derive(Clone, Debug, Default)]
pub(super) struct Observation {
    /// The statuses, in canonical spelling.
    pub(super) statuses: Statuses,
    /// The submission ID.
    pub(super) submission: Option<SubmissionId>,
}

/// The known state of the resource.
#[derive(Debug, Default)]
pub(super) struct WaitState {
    /// The latest statuses.
    pub(super) statuses: Statuses,
    /// The submission ID.
    pub(super) submission: Option<SubmissionId>,
    /// The reason why the last request to the Marketplace failed, if it did.
    pub(super) last_error: Option<String>,
    /// The latest statuses from callbacks. Only changes of them are merged: otherwise, after a lost callback, each query of the database
    /// would overwrite the newer status from the API.
    from_callbacks: Statuses,
}

impl WaitState {
    /// Merges statuses from callbacks. Returns the result if they have changed.
    pub(super) fn merge_callbacks(&mut self, found: Observation) -> Option<Statuses> {
        self.submission = found.submission.or(self.submission.take());
        if found.statuses.is_empty() || found.statuses == self.from_callbacks {
            return None;
        }
        let merged =
            FLOWS.iter().filter_map(|flow| status(&found.statuses, flow).or_else(|| status(&self.statuses, flow)));
        let merged = merged.cloned().collect();
        self.from_callbacks = found.statuses;
        Some(merged)
    }

    /// Applies a response of the API, which takes precedence over callbacks.
    pub(super) fn accept_answer(&mut self, found: Observation) -> Statuses {
        self.last_error = None;
        self.submission = found.submission.or(self.submission.take());
        if found.statuses.is_empty() { self.statuses.clone() } else { found.statuses }
    }

    /// Stores the statuses and reports them if they have changed. The final ones are not reported, because they are the result of the wait.
    pub(super) fn set(&mut self, statuses: Statuses, is_last: bool, report: &mut impl FnMut(WaitEvent<'_>)) {
        if self.statuses != statuses {
            if !is_last {
                report(WaitEvent::Changed(&statuses));
            }
            self.statuses = statuses;
        }
    }

    /// Stores a failed request. It is reported once until the next successful one.
    pub(super) fn record_failure(&mut self, error: eqp_client::Error, report: &mut impl FnMut(WaitEvent<'_>)) {
        if self.last_error.replace(error.to_string()).is_none() {
            report(WaitEvent::Unanswered(error));
        }
    }
}

fn status<'a>(statuses: &'a Statuses, flow: &Flow) -> Option<&'a (Flow, String)> {
    statuses.iter().find(|(state, _)| state == flow)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(statuses: &[(Flow, &str)]) -> Observation {
        let statuses = statuses.iter().map(|(flow, status)| (flow.clone(), (*status).to_owned())).collect();
        Observation { statuses, submission: None }
    }

    #[test]
    fn a_lost_callback_does_not_hide_what_the_api_reports() {
        let (mut state, mut reports) = (WaitState::default(), 0);
        for _ in 0..3 {
            if let Some(statuses) = state.merge_callbacks(found(&[(Flow::Technical, "in_automation")])) {
                state.set(statuses, false, &mut |_| reports += 1);
            }
            let statuses =
                state.accept_answer(found(&[(Flow::Overall, "in_progress"), (Flow::Technical, "in_manual_qa")]));
            state.set(statuses, false, &mut |_| reports += 1);
        }
        assert_eq!(reports, 2);
        let merged = state.merge_callbacks(found(&[(Flow::Technical, "approved")])).unwrap();
        assert_eq!(merged, found(&[(Flow::Overall, "in_progress"), (Flow::Technical, "approved")]).statuses);
    }
}
