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
    #[error("the step {step:?} does not follow from {status}")]
    Step {
        /// The step.
        step: Step,
        /// The state of all flows.
        status: String,
    },
}
