//! The phase of each review of a submission, by its status. No I/O.

use eqp_types::{EqpStatus, MarketingStatus, OverallStatus, TechnicalStatus};

use super::target::Reviews;

/// The phase of a review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Not submitted, or recalled.
    Open,
    /// In progress. An undocumented status counts as in progress, because then nothing is changed.
    Running,
    /// Rejected.
    Rejected,
    /// Approved.
    Approved,
}

/// Returns the phase of the technical review.
pub(super) fn technical(status: &EqpStatus) -> Phase {
    use TechnicalStatus as T;
    match &status.technical {
        None | Some(T::Draft | T::Recalled) => Phase::Open,
        Some(T::Rejected) => Phase::Rejected,
        Some(T::Approved) => Phase::Approved,
        Some(_) => Phase::Running,
    }
}

/// Returns the phase of the marketing review. A package that its developer removed from the store can be submitted again.
pub(super) fn marketing(status: &EqpStatus) -> Phase {
    use MarketingStatus as M;
    match &status.marketing {
        None | Some(M::Draft | M::Recalled) => Phase::Open,
        Some(M::Rejected) => Phase::Rejected,
        Some(M::Approved) if status.overall == Some(OverallStatus::DeveloperRemovedFromStore) => Phase::Open,
        Some(M::Approved | M::ApprovedWithModificationsPending) => Phase::Approved,
        Some(_) => Phase::Running,
    }
}

/// Returns whether changes of the texts are not submitted yet.
pub(super) fn has_pending_texts(status: &EqpStatus) -> bool {
    status.marketing == Some(MarketingStatus::ApprovedWithModificationsPending)
}

/// Returns whether the package is available in the store.
pub(crate) fn is_live(status: &EqpStatus) -> bool {
    status.overall == Some(OverallStatus::ReleasedToStore)
}

/// Returns whether the version is closed.
pub(super) fn is_closed(status: &EqpStatus) -> bool {
    use OverallStatus as O;
    matches!(status.overall, Some(O::CanceledByDeveloper | O::CanceledByAdmin | O::AdminRemovedFromStore))
}

/// Returns the phases of the technical and of the marketing review.
///
/// ```
/// use eqp_release::{Phase, review_phases};
/// use eqp_types::{EqpStatus, TechnicalStatus};
///
/// let status = EqpStatus { technical: Some(TechnicalStatus::InManualQa), ..EqpStatus::default() };
/// assert_eq!(review_phases(&status), [Phase::Running, Phase::Open]);
/// ```
pub fn review_phases(status: &EqpStatus) -> [Phase; 2] {
    [technical(status), marketing(status)]
}

/// Returns the reviews that are in progress with a documented status, which can be recalled.
pub fn running_reviews(status: &EqpStatus) -> Reviews {
    use MarketingStatus as M;
    use TechnicalStatus as T;
    Reviews {
        technical: matches!(status.technical, Some(T::InAutomation | T::AwaitingManualQa | T::InManualQa)),
        marketing: matches!(status.marketing, Some(M::AwaitingMarketingReview | M::InMarketingReview)),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Reads `overall/technical/marketing`.
    pub(in crate::release) fn status(text: &str) -> EqpStatus {
        let parts: Vec<_> = text.split('/').collect();
        let [overall, technical, marketing] = parts[..] else { panic!("{text} has not three parts") };
        EqpStatus {
            overall: Some(overall.into()),
            technical: Some(technical.into()),
            marketing: Some(marketing.into()),
            ..EqpStatus::default()
        }
    }

    #[test]
    fn every_status_is_a_stage_and_one_that_nobody_knows_runs() {
        use Phase::{Approved, Open, Rejected, Running};
        for (text, phases, running_of_these) in [
            ("draft/draft/draft", (Open, Open), (false, false)),
            ("in_progress/recalled/recalled", (Open, Open), (false, false)),
            ("in_progress/in_automation/awaiting_marketing_review", (Running, Running), (true, true)),
            ("in_progress/awaiting_manual_qa/in_marketing_review", (Running, Running), (true, true)),
            ("in_progress/in_manual_qa/approved", (Running, Approved), (true, false)),
            ("in_progress/on_the_moon/on_the_moon", (Running, Running), (false, false)),
            ("in_progress/rejected/rejected", (Rejected, Rejected), (false, false)),
            ("approved/approved/approved_with_modifications_pending", (Approved, Approved), (false, false)),
            ("developer_removed_from_store/approved/approved", (Approved, Open), (false, false)),
        ] {
            let status = status(text);
            assert_eq!((technical(&status), marketing(&status)), phases, "{text}");
            let running_reviews = running_reviews(&status);
            assert_eq!((running_reviews.technical, running_reviews.marketing), running_of_these, "{text}");
        }
        assert_eq!((technical(&EqpStatus::default()), marketing(&EqpStatus::default())), (Open, Open));
    }
}
