//! How scans and reviews end.

use std::time::Duration;

/// How the malware scan of a file ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scan {
    /// The file is clean.
    Passes,
    /// The file is not clean.
    Fails,
    /// The scan goes on for ever.
    NeverEnds,
}

/// How one review ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It passes.
    Approve,
    /// It fails.
    Reject,
    /// It goes on for ever.
    Never,
}

/// How the reviews of a submission end, time after time; the default approves everything.
#[derive(Clone, Debug, Default)]
pub struct Review {
    technical: Vec<Verdict>,
    marketing: Vec<Verdict>,
    admin_removes_after: Option<Duration>,
}

impl Review {
    /// The verdicts of the technical review: of the first submission, of the second, …; the last one goes on counting.
    #[must_use]
    pub fn technical(mut self, verdicts: impl IntoIterator<Item = Verdict>) -> Self {
        self.technical = verdicts.into_iter().collect();
        self
    }

    /// The verdicts of the marketing review: of the first submission, of the second, …; the last one goes on counting.
    #[must_use]
    pub fn marketing(mut self, verdicts: impl IntoIterator<Item = Verdict>) -> Self {
        self.marketing = verdicts.into_iter().collect();
        self
    }

    /// The Marketplace takes the package out of the store, so long (in simulated time) after its release.
    #[must_use]
    pub fn admin_removes_after(mut self, after: Duration) -> Self {
        self.admin_removes_after = Some(after);
        self
    }

    /// The verdict of the technical review after the `attempt`th submission (from 1).
    pub(crate) fn technical_verdict(&self, attempt: usize) -> Verdict {
        verdict(&self.technical, attempt)
    }

    /// The verdict of the marketing review after the `attempt`th submission (from 1).
    pub(crate) fn marketing_verdict(&self, attempt: usize) -> Verdict {
        verdict(&self.marketing, attempt)
    }

    /// How long after its release the package is removed, if ever.
    pub(crate) fn removal(&self) -> Option<Duration> {
        self.admin_removes_after
    }
}

fn verdict(verdicts: &[Verdict], attempt: usize) -> Verdict {
    verdicts.get(attempt.saturating_sub(1)).or(verdicts.last()).copied().unwrap_or(Verdict::Approve)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_verdict_goes_on_counting() {
        let review = Review::default().marketing([Verdict::Reject, Verdict::Approve]);
        let verdicts: Vec<_> = (1..=3).map(|attempt| review.marketing_verdict(attempt)).collect();
        assert_eq!(verdicts, [Verdict::Reject, Verdict::Approve, Verdict::Approve]);
        assert_eq!(review.technical_verdict(1), Verdict::Approve);
    }
}
