//! The steps that the Marketplace takes in the review of a submission.

use eqp_types::{MarketingStatus as M, OverallStatus as O, TechnicalStatus as T};
use strum::{Display, IntoStaticStr, VariantArray};

use super::{InvalidTransition, ReviewStatus};

/// One step of a review that the Marketplace takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum Step {
    /// The automated tools passed; the package waits for a tester.
    TechnicalQueued,
    /// The manual test starts.
    TechnicalStarted,
    /// The technical review passed.
    TechnicalApproved,
    /// The technical review failed.
    TechnicalRejected,
    /// The marketing review starts.
    MarketingStarted,
    /// The marketing review passed.
    MarketingApproved,
    /// The marketing review failed.
    MarketingRejected,
    /// A file of the submission failed its scan: every running review ends.
    ScanFailed,
    /// The package is released: its launch date has come.
    Launched,
    /// The Marketplace removes the package from the store.
    RemovedByAdmin,
    /// The Marketplace cancels this version.
    CanceledByAdmin,
}

impl Step {
    /// Every step.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// Returns the name of the step in the control API, such as `technical_approved`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Returns the status after a step.
///
/// # Errors
/// [`InvalidTransition::Step`] if the step does not follow from the status.
pub(crate) fn take(status: &ReviewStatus, step: Step) -> Result<ReviewStatus, InvalidTransition> {
    let mut next = status.clone();
    let fits = match step {
        Step::TechnicalQueued => {
            next.technical = T::AwaitingManualQa;
            status.technical == T::InAutomation
        }
        Step::TechnicalStarted => {
            next.technical = T::InManualQa;
            status.technical == T::AwaitingManualQa
        }
        Step::TechnicalApproved => {
            next.technical = T::Approved;
            status.technical_runs()
        }
        Step::TechnicalRejected => {
            next.technical = T::Rejected;
            status.technical_runs()
        }
        Step::MarketingStarted => {
            next.marketing = M::InMarketingReview;
            status.marketing == M::AwaitingMarketingReview
        }
        Step::MarketingApproved => {
            next.marketing = M::Approved;
            status.marketing_runs()
        }
        Step::MarketingRejected => {
            next.marketing = M::Rejected;
            status.marketing_runs()
        }
        Step::ScanFailed => {
            if status.technical_runs() {
                next.technical = T::Rejected;
            }
            if status.marketing_runs() {
                next.marketing = M::Rejected;
            }
            status.technical_runs() || status.marketing_runs()
        }
        Step::Launched => {
            next.overall = O::ReleasedToStore;
            status.overall == O::Approved
        }
        Step::RemovedByAdmin => {
            next.overall = O::AdminRemovedFromStore;
            status.is_live()
        }
        Step::CanceledByAdmin => {
            next.overall = O::CanceledByAdmin;
            matches!(status.overall, O::Draft | O::InProgress | O::Approved)
        }
    };
    if !fits || status.is_at_its_end() {
        return Err(InvalidTransition::Step { step, status: status.to_string() });
    }
    Ok(next.with_overall_of_reviews())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a state as `overall/technical/marketing`.
    fn state(text: &str) -> ReviewStatus {
        let mut parts = text.split('/');
        let mut part = || parts.next().unwrap();
        ReviewStatus { overall: part().into(), technical: part().into(), marketing: part().into() }
    }

    #[test]
    fn every_step_leads_where_it_should() {
        for (from, step, to) in [
            ("in_progress/in_automation/draft", Step::TechnicalQueued, "in_progress/awaiting_manual_qa/draft"),
            ("in_progress/awaiting_manual_qa/draft", Step::TechnicalStarted, "in_progress/in_manual_qa/draft"),
            ("in_progress/in_manual_qa/draft", Step::TechnicalApproved, "in_progress/approved/draft"),
            ("in_progress/in_automation/draft", Step::TechnicalApproved, "in_progress/approved/draft"),
            ("in_progress/in_manual_qa/approved", Step::TechnicalApproved, "approved/approved/approved"),
            ("in_progress/in_automation/draft", Step::TechnicalRejected, "in_progress/rejected/draft"),
            (
                "in_progress/draft/awaiting_marketing_review",
                Step::MarketingStarted,
                "in_progress/draft/in_marketing_review",
            ),
            ("in_progress/approved/in_marketing_review", Step::MarketingApproved, "approved/approved/approved"),
            ("in_progress/approved/in_marketing_review", Step::MarketingRejected, "in_progress/approved/rejected"),
            ("in_progress/in_automation/awaiting_marketing_review", Step::ScanFailed, "in_progress/rejected/rejected"),
            ("approved/approved/approved", Step::Launched, "released_to_store/approved/approved"),
            (
                "released_to_store/approved/in_marketing_review",
                Step::MarketingApproved,
                "released_to_store/approved/approved",
            ),
            ("released_to_store/approved/approved", Step::RemovedByAdmin, "admin_removed_from_store/approved/approved"),
            ("in_progress/in_automation/draft", Step::CanceledByAdmin, "canceled_by_admin/in_automation/draft"),
        ] {
            assert_eq!(
                take(&state(from), step).as_ref().map(ToString::to_string),
                Ok(to.to_owned()),
                "{from} {step:?}"
            );
        }
    }

    #[test]
    fn a_step_that_does_not_follow_is_refused() {
        for (from, step) in [
            ("draft/draft/draft", Step::TechnicalQueued),
            ("draft/draft/draft", Step::TechnicalApproved),
            ("in_progress/in_automation/draft", Step::TechnicalStarted),
            ("in_progress/approved/draft", Step::TechnicalRejected),
            ("draft/draft/draft", Step::MarketingStarted),
            ("in_progress/draft/approved", Step::MarketingApproved),
            ("in_progress/draft/rejected", Step::MarketingRejected),
            ("draft/draft/draft", Step::ScanFailed),
            ("in_progress/approved/in_marketing_review", Step::Launched),
            ("approved/approved/approved", Step::RemovedByAdmin),
            ("released_to_store/approved/approved", Step::CanceledByAdmin),
            ("canceled_by_developer/in_automation/draft", Step::TechnicalQueued),
        ] {
            assert!(take(&state(from), step).is_err(), "{from} {step:?}");
        }
    }
}
