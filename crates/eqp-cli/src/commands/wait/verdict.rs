//! Whether the waiting is over. Pure.

use eqp_types::{EqpStatus, Flow, canonical_outcome};

/// The states of a subject's flows, as far as they are known.
pub(in crate::commands) type States = Vec<(Flow, String)>;

/// How the waiting ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::commands) enum Ending {
    /// What was waited for has come.
    Reached {
        /// The flow that was waited for.
        flow: Flow,
        /// Its state.
        outcome: String,
    },
    /// It cannot come any more without somebody doing something.
    Rejected {
        /// The flow that ended it.
        flow: Flow,
        /// Its state.
        outcome: String,
    },
    /// The developer took it back, and nobody works on it until it is submitted again.
    Recalled {
        /// The flow that was taken back.
        flow: Flow,
    },
}

/// What is waited for.
#[derive(Clone, Debug)]
pub(in crate::commands) struct Wish {
    pub(in crate::commands) flow: Flow,
    /// The outcome, or the good end of the flow.
    pub(in crate::commands) outcome: Option<String>,
}

impl Wish {
    fn is_met_by(&self, outcome: &str) -> bool {
        let wanted = self.outcome.as_deref().map(|wanted| canonical_outcome(&self.flow, wanted));
        match (&self.flow, wanted) {
            // A package that is in the store has been approved.
            (Flow::Overall, Some("approved")) => matches!(outcome, "approved" | "released_to_store"),
            (Flow::Overall, None) => outcome == "released_to_store",
            (Flow::Malware, None) => outcome == "passed",
            (_, None | Some("approved")) => matches!(outcome, "approved" | "approved_with_modifications_pending"),
            (_, Some(wanted)) => outcome == wanted,
        }
    }
}

/// Looks whether the states end the waiting. A submission's reviews run in parallel and one rejection ends the
/// release, so that waiting for `overall` heeds all flows.
pub(in crate::commands) fn ending(states: &States, wish: &Wish) -> Option<Ending> {
    let state =
        |flow: &Flow| states.iter().find(|(known, _)| known == flow).map(|(flow, outcome)| (flow, outcome.as_str()));
    if let Some((flow, outcome)) = state(&wish.flow)
        && wish.is_met_by(canonical_outcome(flow, outcome))
    {
        return Some(Ending::Reached { flow: flow.clone(), outcome: outcome.to_owned() });
    }
    let heeded: &[Flow] = match wish.flow {
        Flow::Overall => &[Flow::Overall, Flow::Technical, Flow::Marketing],
        ref one => &[Flow::Overall, one.clone()],
    };
    let states: Vec<_> = heeded.iter().filter_map(state).collect();
    let rejected = states.iter().find(|(flow, outcome)| is_bad_end(flow, outcome));
    let recalled = states.iter().find(|(_, outcome)| *outcome == "recalled");
    rejected
        .map(|(flow, outcome)| Ending::Rejected { flow: (*flow).clone(), outcome: (*outcome).to_owned() })
        .or_else(|| recalled.map(|(flow, _)| Ending::Recalled { flow: (*flow).clone() }))
}

fn is_bad_end(flow: &Flow, outcome: &str) -> bool {
    match flow {
        Flow::Overall => matches!(
            outcome,
            "canceled_by_developer" | "canceled_by_admin" | "developer_removed_from_store" | "admin_removed_from_store"
        ),
        Flow::Malware => canonical_outcome(flow, outcome) == "failed",
        _ => outcome == "rejected",
    }
}

/// The states that the API shows of a package.
pub(in crate::commands) fn states_of(status: Option<&EqpStatus>) -> States {
    let Some(status) = status else { return Vec::new() };
    let flows = [
        (Flow::Overall, status.overall.as_ref().map(ToString::to_string)),
        (Flow::Technical, status.technical.as_ref().map(ToString::to_string)),
        (Flow::Marketing, status.marketing.as_ref().map(ToString::to_string)),
    ];
    flows.into_iter().filter_map(|(flow, outcome)| Some((flow, outcome?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(flow: Flow, outcome: Option<&str>, states: &[(Flow, &str)]) -> Option<bool> {
        let wish = Wish { flow, outcome: outcome.map(str::to_owned) };
        let states = states.iter().map(|(flow, outcome)| (flow.clone(), (*outcome).to_owned())).collect();
        ending(&states, &wish).map(|ending| matches!(ending, Ending::Reached { .. }))
    }

    #[test]
    fn the_end_is_told_from_the_way_there() {
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
            // What is in the store stays there, whatever becomes of a later change of its texts.
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
            (Overall, None, &[], None),
        ];
        for (flow, outcome, states, expected) in cases {
            assert_eq!(judged(flow.clone(), *outcome, states), *expected, "{flow} {outcome:?} {states:?}");
        }
    }
}
