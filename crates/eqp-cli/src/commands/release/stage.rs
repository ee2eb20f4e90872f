//! How far the reviews of a submission are, by its status. Pure.

use eqp_types::{EqpStatus, MarketingStatus, OverallStatus, TechnicalStatus};

use super::goal::Reviews;

/// How far one review is, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Not submitted, or taken back.
    Open,
    /// It runs. So does a state that nobody knows: who leaves it alone does no harm.
    Running,
    /// Failed.
    Rejected,
    /// Passed.
    Approved,
}

/// How far the technical review is.
pub(super) fn technical(status: &EqpStatus) -> Stage {
    use TechnicalStatus as T;
    match &status.technical {
        None | Some(T::Draft | T::Recalled) => Stage::Open,
        Some(T::Rejected) => Stage::Rejected,
        Some(T::Approved) => Stage::Approved,
        Some(_) => Stage::Running,
    }
}

/// How far the marketing review is. What its developer took out of the store comes back by being submitted.
pub(super) fn marketing(status: &EqpStatus) -> Stage {
    use MarketingStatus as M;
    match &status.marketing {
        None | Some(M::Draft | M::Recalled) => Stage::Open,
        Some(M::Rejected) => Stage::Rejected,
        Some(M::Approved) if status.overall == Some(OverallStatus::DeveloperRemovedFromStore) => Stage::Open,
        Some(M::Approved | M::ApprovedWithModificationsPending) => Stage::Approved,
        Some(_) => Stage::Running,
    }
}

/// Changes of its texts wait for being submitted.
pub(super) fn has_pending_texts(status: &EqpStatus) -> bool {
    status.marketing == Some(MarketingStatus::ApprovedWithModificationsPending)
}

/// It can be bought.
pub(super) fn is_live(status: &EqpStatus) -> bool {
    status.overall == Some(OverallStatus::ReleasedToStore)
}

/// Nothing happens to such a version any more.
pub(super) fn is_ended(status: &EqpStatus) -> bool {
    use OverallStatus as O;
    matches!(status.overall, Some(O::CanceledByDeveloper | O::CanceledByAdmin | O::AdminRemovedFromStore))
}

/// The reviews that run, of those that are known: only such can be taken back.
pub(super) fn running(status: &EqpStatus) -> Reviews {
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
    pub(in crate::commands::release) fn status(text: &str) -> EqpStatus {
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
        use Stage::{Approved, Open, Rejected, Running};
        for (text, stages, running_of_these) in [
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
            assert_eq!((technical(&status), marketing(&status)), stages, "{text}");
            let running = running(&status);
            assert_eq!((running.technical, running.marketing), running_of_these, "{text}");
        }
        assert_eq!((technical(&EqpStatus::default()), marketing(&EqpStatus::default())), (Open, Open));
    }
}
