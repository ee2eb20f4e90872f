//! Decides whether a wait is over. No I/O.

use eqp_types::{EqpStatus, Flow, canonical_status, review_rank};

/// The known statuses of the flows of a resource.
pub type Statuses = Vec<(Flow, String)>;

/// The result of a wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitResult {
    /// The awaited status was reached.
    Reached {
        /// The awaited flow.
        flow: Flow,
        /// Its status.
        status: String,
    },
    /// A rejection prevents the awaited status until someone acts on it.
    Rejected {
        /// The rejected flow.
        flow: Flow,
        /// Its status.
        status: String,
    },
    /// The developer has recalled the submission. It is not reviewed until it is submitted again.
    Recalled {
        /// The recalled flow.
        flow: Flow,
    },
    /// The package was only submitted for the other review, so the awaited status cannot be reached.
    NotSubmitted {
        /// The flow that is still a draft.
        flow: Flow,
        /// Whether the other review is still in progress. In this case, a callback about this review may still arrive.
        other_running: bool,
    },
    /// The flow has a final status that the awaited status cannot follow.
    Unreachable {
        /// The awaited flow.
        flow: Flow,
        /// Its final status.
        status: String,
    },
}

/// The status to wait for.
#[derive(Clone, Debug)]
pub struct WaitTarget {
    /// The flow.
    pub flow: Flow,
    /// The status. `None` means the successful end of the flow.
    pub status: Option<String>,
}

/// The error that a status is only documented for other flows, so that waiting for it would never end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the flow {flow} has no status {status}")]
#[non_exhaustive]
pub struct UnreachableStatus {
    /// The flow.
    pub flow: Flow,
    /// The status.
    pub status: String,
    /// The flows that have this status.
    pub others: Vec<Flow>,
}

impl WaitTarget {
    /// Selects `status` of `flow`, or the successful end of the flow (`released_to_store`, `approved` or `passed`).
    ///
    /// # Errors
    /// [`UnreachableStatus`] if the status is only documented for other flows. An undocumented status is accepted, because the Marketplace
    /// may add new ones.
    pub fn new(flow: Flow, status: Option<String>) -> Result<Self, UnreachableStatus> {
        const FLOWS: [Flow; 4] = [Flow::Overall, Flow::Technical, Flow::Marketing, Flow::Malware];
        if let Some(status) = &status {
            let others: Vec<Flow> = FLOWS.into_iter().filter(|one| review_rank(one, status).is_some()).collect();
            if !others.is_empty() && !others.contains(&flow) {
                return Err(UnreachableStatus { flow, status: status.clone(), others });
            }
        }
        Ok(Self { flow, status })
    }

    /// Returns the awaited status.
    pub fn awaited(&self) -> &str {
        match (&self.status, &self.flow) {
            (Some(status), _) => status,
            (None, Flow::Overall) => "released_to_store",
            (None, Flow::Malware) => "passed",
            (None, _) => "approved",
        }
    }

    /// Returns the reviews that are required to reach the status.
    fn required_reviews(&self) -> &[Flow] {
        match (&self.flow, self.status.as_deref()) {
            (Flow::Overall, None | Some("approved" | "released_to_store")) => &[Flow::Technical, Flow::Marketing],
            (Flow::Technical, _) => &[Flow::Technical],
            (Flow::Marketing, _) => &[Flow::Marketing],
            _ => &[],
        }
    }

    /// Returns whether `status` is final and the awaited status is documented but cannot follow it.
    fn is_ruled_out_by(&self, status: &str) -> bool {
        let status = canonical_status(&self.flow, status);
        // A package in the store can be removed, and its texts can be changed.
        let may_follow: &[&str] = match (&self.flow, status) {
            (Flow::Overall, "released_to_store") => &["developer_removed_from_store", "admin_removed_from_store"],
            (Flow::Marketing, "approved") => &["approved_with_modifications_pending"],
            (Flow::Technical, "approved") | (Flow::Malware, "passed" | "failed") => &[],
            _ => return false,
        };
        let awaited = canonical_status(&self.flow, self.awaited());
        review_rank(&self.flow, awaited).is_some() && !may_follow.contains(&awaited)
    }

    fn is_reached_by(&self, status: &str) -> bool {
        let awaited = self.status.as_deref().map(|awaited| canonical_status(&self.flow, awaited));
        match (&self.flow, awaited) {
            // A package in the store has been approved.
            (Flow::Overall, Some("approved")) => matches!(status, "approved" | "released_to_store"),
            (Flow::Overall, None) => status == "released_to_store",
            (Flow::Malware, None) => status == "passed",
            (_, None | Some("approved")) => matches!(status, "approved" | "approved_with_modifications_pending"),
            (_, Some(awaited)) => status == awaited,
        }
    }
}

/// Returns the result of a wait, if these statuses end it. The reviews of a submission run in parallel, and one rejection is enough, so a
/// wait for `overall` takes all flows into account.
pub fn wait_result(statuses: &Statuses, target: &WaitTarget) -> Option<WaitResult> {
    let state =
        |flow: &Flow| statuses.iter().find(|(state, _)| state == flow).map(|(flow, status)| (flow, status.as_str()));
    if let Some((flow, status)) = state(&target.flow)
        && target.is_reached_by(canonical_status(flow, status))
    {
        return Some(WaitResult::Reached { flow: flow.clone(), status: status.to_owned() });
    }
    let relevant: &[Flow] = match target.flow {
        Flow::Overall => &[Flow::Overall, Flow::Technical, Flow::Marketing],
        ref one => &[Flow::Overall, one.clone()],
    };
    let statuses: Vec<_> = relevant.iter().filter_map(state).collect();
    let rejected = statuses.iter().find(|(flow, status)| is_rejection(flow, status));
    let recalled = statuses.iter().find(|(_, status)| *status == "recalled");
    rejected
        .map(|(flow, status)| WaitResult::Rejected { flow: (*flow).clone(), status: (*status).to_owned() })
        .or_else(|| recalled.map(|(flow, _)| WaitResult::Recalled { flow: (*flow).clone() }))
        .or_else(|| not_submitted(state, target))
        .or_else(|| {
            let (flow, status) = state(&target.flow).filter(|(_, status)| target.is_ruled_out_by(status))?;
            Some(WaitResult::Unreachable { flow: flow.clone(), status: status.to_owned() })
        })
}

/// Detects a submission for only one review, whose other review stays a draft so that `overall` never becomes final. If both are drafts,
/// nothing has been submitted yet.
fn not_submitted<'a>(state: impl Fn(&Flow) -> Option<(&'a Flow, &'a str)>, target: &WaitTarget) -> Option<WaitResult> {
    let is_open = matches!(state(&Flow::Overall), Some((_, "draft" | "in_progress")));
    let draft = target.required_reviews().iter().find(|flow| matches!(state(flow), Some((_, "draft"))))?;
    let other = if *draft == Flow::Technical { Flow::Marketing } else { Flow::Technical };
    let (_, submitted) = state(&other).filter(|(_, status)| !matches!(*status, "draft" | "recalled"))?;
    let other_running = !matches!(submitted, "approved" | "rejected");
    is_open.then(|| WaitResult::NotSubmitted { flow: draft.clone(), other_running })
}

fn is_rejection(flow: &Flow, status: &str) -> bool {
    match flow {
        Flow::Overall => matches!(
            status,
            "canceled_by_developer" | "canceled_by_admin" | "developer_removed_from_store" | "admin_removed_from_store"
        ),
        Flow::Malware => canonical_status(flow, status) == "failed",
        _ => status == "rejected",
    }
}

/// Converts the status of a package.
pub fn statuses_of(status: Option<&EqpStatus>) -> Statuses {
    let Some(status) = status else { return Vec::new() };
    let flows = [
        (Flow::Overall, status.overall.as_ref().map(ToString::to_string)),
        (Flow::Technical, status.technical.as_ref().map(ToString::to_string)),
        (Flow::Marketing, status.marketing.as_ref().map(ToString::to_string)),
    ];
    flows.into_iter().filter_map(|(flow, status)| Some((flow, status?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(flow: Flow, status: Option<&str>, statuses: &[(Flow, &str)]) -> Option<bool> {
        let target = WaitTarget { flow, status: status.map(str::to_owned) };
        let statuses = statuses.iter().map(|(flow, status)| (flow.clone(), (*status).to_owned())).collect();
        wait_result(&statuses, &target).map(|result| matches!(result, WaitResult::Reached { .. }))
    }

    #[test]
    fn an_end_is_distinguished_from_a_step_towards_it() {
        use Flow::{Malware, Marketing, Overall, Technical};
        type Case<'a> = (Flow, Option<&'a str>, &'a [(Flow, &'a str)], Option<bool>);
        let cases: &[Case<'_>] = &[
            (Overall, None, &[(Overall, "in_progress"), (Technical, "approved")], None),
            (Overall, None, &[(Overall, "approved")], None),
            (Overall, None, &[(Overall, "released_to_store")], Some(true)),
            (Overall, None, &[(Overall, "in_progress"), (Marketing, "rejected")], Some(false)),
            (Overall, None, &[(Overall, "in_progress"), (Marketing, "recalled")], Some(false)),
            (Technical, None, &[(Technical, "in_manual_qa"), (Marketing, "recalled")], None),
            (Technical, None, &[(Technical, "recalled")], Some(false)),
            (Technical, Some("recalled"), &[(Technical, "recalled")], Some(true)),
            (Overall, None, &[(Overall, "canceled_by_admin")], Some(false)),
            // A version in the store stays there, regardless of a later change of its texts.
            (Overall, None, &[(Overall, "released_to_store"), (Marketing, "rejected")], Some(true)),
            (Overall, Some("approved"), &[(Overall, "released_to_store")], Some(true)),
            (Technical, None, &[(Technical, "in_automation"), (Marketing, "rejected")], None),
            (Technical, None, &[(Technical, "approved")], Some(true)),
            (Technical, None, &[(Technical, "rejected")], Some(false)),
            (Technical, Some("in_manual_qa"), &[(Technical, "in_manual_qa")], Some(true)),
            (Technical, Some("rejected"), &[(Technical, "rejected")], Some(true)),
            (Marketing, None, &[(Marketing, "approved_with_modifications_pending")], Some(true)),
            (Malware, None, &[(Malware, "in-progress")], None),
            (Malware, None, &[(Malware, "pass")], Some(true)),
            (Malware, Some("pass"), &[(Malware, "passed")], Some(true)),
            (Malware, None, &[(Malware, "fail")], Some(false)),
            // A final status, and what may still follow it.
            (Malware, Some("failed"), &[(Malware, "passed")], Some(false)),
            (Malware, Some("in-progress"), &[(Malware, "passed")], Some(false)),
            (Technical, Some("rejected"), &[(Technical, "approved")], Some(false)),
            (Technical, Some("on_the_moon"), &[(Technical, "approved")], None),
            (Marketing, Some("in_marketing_review"), &[(Marketing, "approved")], Some(false)),
            (Marketing, Some("approved_with_modifications_pending"), &[(Marketing, "approved")], None),
            (Marketing, Some("rejected"), &[(Marketing, "approved_with_modifications_pending")], None),
            (Overall, Some("in_progress"), &[(Overall, "released_to_store")], Some(false)),
            (Overall, Some("admin_removed_from_store"), &[(Overall, "released_to_store")], None),
            (Overall, Some("in_progress"), &[(Overall, "approved")], None),
            (Overall, None, &[], None),
            // Submitted for one review only, so the other review has to be submitted too.
            (
                Overall,
                None,
                &[(Overall, "in_progress"), (Technical, "in_automation"), (Marketing, "draft")],
                Some(false),
            ),
            (Overall, None, &[(Overall, "in_progress"), (Technical, "approved"), (Marketing, "draft")], Some(false)),
            (
                Overall,
                Some("approved"),
                &[(Overall, "in_progress"), (Technical, "draft"), (Marketing, "approved")],
                Some(false),
            ),
            (Technical, None, &[(Overall, "in_progress"), (Technical, "draft"), (Marketing, "approved")], Some(false)),
            (Technical, None, &[(Overall, "in_progress"), (Technical, "in_manual_qa"), (Marketing, "draft")], None),
            (
                Overall,
                Some("canceled_by_admin"),
                &[(Overall, "in_progress"), (Technical, "approved"), (Marketing, "draft")],
                None,
            ),
            // Nothing is submitted yet, or the other review is unknown.
            (Overall, None, &[(Overall, "draft"), (Technical, "draft"), (Marketing, "draft")], None),
            (Overall, None, &[(Overall, "in_progress"), (Technical, "approved")], None),
            (Technical, None, &[(Overall, "draft"), (Technical, "draft"), (Marketing, "recalled")], None),
            (
                Overall,
                None,
                &[(Overall, "released_to_store"), (Marketing, "draft"), (Technical, "approved")],
                Some(true),
            ),
        ];
        for (flow, status, statuses, expected) in cases {
            assert_eq!(judged(flow.clone(), *status, statuses), *expected, "{flow} {status:?} {statuses:?}");
        }
    }
}
