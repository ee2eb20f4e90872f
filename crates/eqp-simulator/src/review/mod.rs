//! The review of a submission as a state machine, without time or I/O.
//!
//! [`request`] has the actions of the developer, [`step`] the steps of the Marketplace, [`status`] the state itself.

pub(crate) mod request;
mod status;
pub(crate) mod step;

pub use status::ReviewStatus;
pub use step::Step;

/// A change that the current status of a review does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTransition {
    /// The status of the flow does not allow the action of the developer.
    #[error("`{flow}: {action}` is not possible while {flow} is `{status}`")]
    Action {
        /// `overall`, `technical` or `marketing`.
        flow: &'static str,
        /// The requested action.
        action: &'static str,
        /// The status of the flow.
        status: String,
    },
    /// Both reviews are running, so that no field may be changed.
    #[error("the package cannot be changed while it is in review; only `recall` is possible")]
    InReview,
    /// The version was cancelled or removed.
    #[error("the package is `{0}` and can no longer be changed")]
    AtItsEnd(String),
    /// The step of the Marketplace does not follow from the status.
    #[error("the step `{step}` does not follow from {status}")]
    Step {
        /// The step.
        step: Step,
        /// The state of all flows.
        status: String,
    },
}

#[cfg(test)]
mod tests {
    use eqp_types::{MarketingStatus, OverallStatus, TechnicalStatus};
    use proptest::prelude::*;

    use super::request::{Actions, OverallAction, ReviewAction, apply};
    use super::*;

    fn step() -> impl Strategy<Value = Step> {
        prop::sample::select(Step::ALL)
    }

    fn asked() -> impl Strategy<Value = Actions> {
        let ask = || {
            prop::option::of(prop::sample::select(vec![
                ReviewAction::Draft,
                ReviewAction::Submit,
                ReviewAction::Submit,
                ReviewAction::Recall,
            ]))
        };
        let overall =
            prop::option::weighted(0.1, prop::sample::select(vec![OverallAction::Remove, OverallAction::Cancel]));
        (overall, ask(), ask()).prop_map(|(overall, technical, marketing)| Actions { overall, technical, marketing })
    }

    proptest! {
        #[test]
        fn the_flows_agree_after_any_sequence(
            moves in prop::collection::vec(prop_oneof![step().prop_map(Ok), asked().prop_map(Err)], 0..80),
        ) {
            let mut status = ReviewStatus::draft();
            for one in moves {
                let next = match one {
                    Ok(step) => step::take(&status, step),
                    Err(asked) => apply(&status, asked, false),
                };
                let Ok(next) = next else { continue };
                prop_assert!(!status.is_at_its_end(), "{status} moved to {next}");
                let both = next.technical == TechnicalStatus::Approved && next.marketing == MarketingStatus::Approved;
                match next.overall {
                    OverallStatus::Approved => prop_assert!(both, "{next}"),
                    OverallStatus::Draft => prop_assert!(!next.technical_runs() && !next.marketing_runs(), "{next}"),
                    OverallStatus::InProgress => prop_assert!(!both, "{next}"),
                    OverallStatus::ReleasedToStore => {
                        prop_assert_eq!(&next.technical, &TechnicalStatus::Approved);
                    }
                    _ => {}
                }
                status = next;
            }
        }
    }
}
