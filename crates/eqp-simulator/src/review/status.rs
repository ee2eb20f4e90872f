//! The status of a submission: its three flows and what follows from them.

use std::fmt;

use eqp_types::{EqpStatus, JsonObject, MarketingStatus, OverallStatus, TechnicalStatus};

/// The status of all three flows of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewStatus {
    /// The submission as a whole.
    pub overall: OverallStatus,
    /// The technical review.
    pub technical: TechnicalStatus,
    /// The marketing review.
    pub marketing: MarketingStatus,
}

impl ReviewStatus {
    /// Returns the status of a new draft.
    pub fn draft() -> Self {
        Self { overall: OverallStatus::Draft, technical: TechnicalStatus::Draft, marketing: MarketingStatus::Draft }
    }

    /// Returns whether the technical review is running.
    pub(crate) fn technical_runs(&self) -> bool {
        use TechnicalStatus as T;
        matches!(self.technical, T::InAutomation | T::AwaitingManualQa | T::InManualQa)
    }

    /// Returns whether the marketing review is running.
    pub(crate) fn marketing_runs(&self) -> bool {
        use MarketingStatus as M;
        matches!(self.marketing, M::AwaitingMarketingReview | M::InMarketingReview)
    }

    /// Returns whether the package is in the store.
    pub(crate) fn is_live(&self) -> bool {
        self.overall == OverallStatus::ReleasedToStore
    }

    /// Returns whether this version was cancelled or removed, so that it cannot change any more.
    pub(crate) fn is_at_its_end(&self) -> bool {
        use OverallStatus as O;
        matches!(self.overall, O::CanceledByDeveloper | O::CanceledByAdmin | O::AdminRemovedFromStore)
    }

    /// Sets the overall status that follows from the two reviews, unless the package is in the store or closed.
    pub(crate) fn with_overall_of_reviews(mut self) -> Self {
        use {MarketingStatus as M, OverallStatus as O, TechnicalStatus as T};
        if !matches!(self.overall, O::Draft | O::InProgress | O::Approved) {
            return self;
        }
        let technical_is_idle = matches!(self.technical, T::Draft | T::Recalled);
        let marketing_is_idle = matches!(self.marketing, M::Draft | M::Recalled);
        self.overall = if self.technical == T::Approved && self.marketing == M::Approved {
            O::Approved
        } else if technical_is_idle && marketing_is_idle {
            O::Draft
        } else {
            O::InProgress
        };
        self
    }
}

impl From<&ReviewStatus> for EqpStatus {
    fn from(status: &ReviewStatus) -> Self {
        Self {
            overall: Some(status.overall.clone()),
            technical: Some(status.technical.clone()),
            marketing: Some(status.marketing.clone()),
            extra: JsonObject::new(),
        }
    }
}

impl fmt::Display for ReviewStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.overall, self.technical, self.marketing)
    }
}
