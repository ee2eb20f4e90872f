//! The results of scans and reviews.

use std::time::Duration;

/// The result of the malware scan of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scan {
    /// The file is clean.
    Passes,
    /// The file is not clean.
    Fails,
    /// The scan never ends.
    NeverEnds,
}

/// The result of one review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// The review passes.
    Approve,
    /// The review fails.
    Reject,
    /// The review never ends.
    Never,
}

/// The results of the reviews of a package, one for each time it is submitted. By default, everything is approved.
///
/// ```
/// use eqp_simulator::{Decision, Review};
///
/// // The first marketing review rejects; after the package is submitted again, it approves.
/// let review = Review::default().marketing([Decision::Reject, Decision::Approve]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Review {
    technical: Vec<Decision>,
    marketing: Vec<Decision>,
    admin_removes_after: Option<Duration>,
}

impl Review {
    /// Sets the decisions of the technical review, one for each time it is submitted; the last one is repeated.
    #[must_use]
    pub fn technical(mut self, decisions: impl IntoIterator<Item = Decision>) -> Self {
        self.technical = decisions.into_iter().collect();
        self
    }

    /// Sets the decisions of the marketing review, one for each time it is submitted; the last one is repeated.
    #[must_use]
    pub fn marketing(mut self, decisions: impl IntoIterator<Item = Decision>) -> Self {
        self.marketing = decisions.into_iter().collect();
        self
    }

    /// Makes the Marketplace remove the package from the store, this long (in simulated time) after its release.
    #[must_use]
    pub fn admin_removes_after(mut self, after: Duration) -> Self {
        self.admin_removes_after = Some(after);
        self
    }

    /// Returns the decision of the technical review after the `attempt`th submission (from 1).
    pub(crate) fn technical_decision(&self, attempt: usize) -> Decision {
        decision(&self.technical, attempt)
    }

    /// Returns the decision of the marketing review after the `attempt`th submission (from 1).
    pub(crate) fn marketing_decision(&self, attempt: usize) -> Decision {
        decision(&self.marketing, attempt)
    }

    /// Returns the time from the release to the removal of the package, or `None` if it is not removed.
    pub(crate) fn removal(&self) -> Option<Duration> {
        self.admin_removes_after
    }
}

fn decision(decisions: &[Decision], attempt: usize) -> Decision {
    decisions.get(attempt.saturating_sub(1)).or(decisions.last()).copied().unwrap_or(Decision::Approve)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_decision_is_repeated() {
        let review = Review::default().marketing([Decision::Reject, Decision::Approve]);
        let decisions: Vec<_> = (1..=3).map(|attempt| review.marketing_decision(attempt)).collect();
        assert_eq!(decisions, [Decision::Reject, Decision::Approve, Decision::Approve]);
        assert_eq!(review.technical_decision(1), Decision::Approve);
    }
}
