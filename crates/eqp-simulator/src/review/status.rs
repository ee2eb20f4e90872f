//! Where a submission is.

use std::fmt;

use eqp_types::{EqpStatus, Extra, MarketingStatus, OverallStatus, TechnicalStatus};

/// The state of all three flows of a submission.
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
    /// A new draft.
    pub fn draft() -> Self {
        Self { overall: OverallStatus::Draft, technical: TechnicalStatus::Draft, marketing: MarketingStatus::Draft }
    }

    /// A technical review runs.
    pub(crate) fn technical_runs(&self) -> bool {
        use TechnicalStatus as T;
        matches!(self.technical, T::InAutomation | T::AwaitingManualQa | T::InManualQa)
    }

    /// A marketing review runs.
    pub(crate) fn marketing_runs(&self) -> bool {
        use MarketingStatus as M;
        matches!(self.marketing, M::AwaitingMarketingReview | M::InMarketingReview)
    }

    /// The package can be bought.
    pub(crate) fn is_live(&self) -> bool {
        self.overall == OverallStatus::ReleasedToStore
    }

    /// Nothing happens to this version any more.
    pub(crate) fn is_at_its_end(&self) -> bool {
        use OverallStatus as O;
        matches!(self.overall, O::CanceledByDeveloper | O::CanceledByAdmin | O::AdminRemovedFromStore)
    }

    /// The overall state that follows from the two reviews, as long as the package is not in the store and not ended.
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
            extra: Extra::new(),
        }
    }
}

impl fmt::Display for ReviewStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.overall, self.technical, self.marketing)
    }
}
