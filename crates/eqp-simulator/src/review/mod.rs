//! The review of a submission as a state machine: pure, without time or I/O.
//!
//! [`request`] holds what the developer may ask for, [`step`] what the Marketplace does, [`status`] the state itself.

pub(crate) mod request;
mod status;
pub(crate) mod step;

pub use status::ReviewStatus;
pub use step::Step;

/// Why the review does not move.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The developer asks for something that the flow does not allow where it is.
    #[error("`{flow}: {action}` is not possible while {flow} is `{status}`")]
    Action {
        /// `overall`, `technical` or `marketing`.
        flow: &'static str,
        /// The action asked for.
        action: &'static str,
        /// Where the flow is.
        status: String,
    },
    /// Nothing of the package may be changed now.
    #[error("the package cannot be changed while it is in review; only `recall` is possible")]
    InReview,
    /// The package is at its end.
    #[error("the package is `{0}` and cannot be changed any more")]
    AtItsEnd(String),
    /// The Marketplace's own step does not fit the state.
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

    use super::request::{Ask, AskOverall, Asked, apply};
    use super::*;

    fn step() -> impl Strategy<Value = Step> {
        prop::sample::select(Step::ALL)
    }

    fn asked() -> impl Strategy<Value = Asked> {
        let ask = || prop::option::of(prop::sample::select(vec![Ask::Draft, Ask::Submit, Ask::Submit, Ask::Recall]));
        let overall = prop::option::weighted(0.1, prop::sample::select(vec![AskOverall::Remove, AskOverall::Cancel]));
        (overall, ask(), ask()).prop_map(|(overall, technical, marketing)| Asked { overall, technical, marketing })
    }

    proptest! {
        #[test]
        fn whatever_happens_the_flows_agree(
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
