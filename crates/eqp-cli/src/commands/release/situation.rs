//! Where a release stands, as the Marketplace tells it. Nothing of it is remembered from an earlier run.

use eqp_types::{EqpStatus, MarketingStatus, OverallStatus, SubmissionId, TechnicalStatus};

use super::goal::Reviews;

/// Where a release stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Situation {
    /// Its files.
    pub(super) files: Files,
    /// Its submission, if there is one.
    pub(super) submission: Option<Known>,
    /// Other versions of the same product that are in review.
    pub(super) others_in_review: Vec<SubmissionId>,
    /// This run has submitted it: what is rejected or taken back after that is an end, and no beginning.
    pub(super) submitted: bool,
}

/// How far the files of a release are, all together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Files {
    /// Nobody looked, because nobody needed to know.
    NotLookedAt,
    /// At least one is not there.
    Missing,
    /// All are there, and at least one is being scanned.
    Scanning,
    /// At least one is not clean.
    Infected,
    /// All are there and clean.
    Clean,
}

/// Whether what the Marketplace has is what is to be released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sameness {
    /// Nobody looked.
    NotLookedAt,
    /// It is the same.
    Same,
    /// It is something else.
    Other,
}

/// A submission that is there.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Known {
    /// How far its flows are.
    pub(super) status: EqpStatus,
    /// Its archive, against the one to be released.
    pub(super) archive: Sameness,
    /// Its other fields.
    pub(super) listing: Sameness,
}

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

impl Known {
    /// How far the technical review is.
    pub(super) fn technical(&self) -> Stage {
        use TechnicalStatus as T;
        match &self.status.technical {
            None | Some(T::Draft | T::Recalled) => Stage::Open,
            Some(T::Rejected) => Stage::Rejected,
            Some(T::Approved) => Stage::Approved,
            Some(_) => Stage::Running,
        }
    }

    /// How far the marketing review is. What its developer took out of the store comes back by being submitted.
    pub(super) fn marketing(&self) -> Stage {
        use MarketingStatus as M;
        match &self.status.marketing {
            None | Some(M::Draft | M::Recalled) => Stage::Open,
            Some(M::Rejected) => Stage::Rejected,
            Some(M::Approved) if self.status.overall == Some(OverallStatus::DeveloperRemovedFromStore) => Stage::Open,
            Some(M::Approved | M::ApprovedWithModificationsPending) => Stage::Approved,
            Some(_) => Stage::Running,
        }
    }

    /// Changes of its texts wait for being submitted.
    pub(super) fn has_pending_texts(&self) -> bool {
        self.status.marketing == Some(MarketingStatus::ApprovedWithModificationsPending)
    }

    /// It can be bought.
    pub(super) fn is_live(&self) -> bool {
        self.status.overall == Some(OverallStatus::ReleasedToStore)
    }

    /// Nothing happens to it any more.
    pub(super) fn is_ended(&self) -> bool {
        is_ended(&self.status)
    }

    /// The reviews that run.
    pub(super) fn running(&self) -> Reviews {
        running(&self.status)
    }
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
