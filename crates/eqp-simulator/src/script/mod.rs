//! What happens to submissions and files, and what goes wrong with calls and callbacks: written before the start.

mod mischief;
mod pace;
mod pattern;
mod verdict;

use std::time::Duration;

use eqp_types::Flow;

use crate::fault::{Calls, Fault, FaultRule};

pub use mischief::{Mischief, When};
pub use pace::Pace;
pub use pattern::Pattern;
pub use verdict::{Review, Scan, Verdict};

pub(crate) use mischief::{CallbackFacts, CallbackPlan};

/// The course of everything that the simulator does by itself.
///
/// Rules are tried in the order in which they were added; the first that fits counts. Without any, every scan
/// passes, both reviews approve, and the package is released.
///
/// ```
/// use eqp_simulator::{Mischief, Review, Scan, Script, Verdict, When};
///
/// let script = Script::new()
///     .scan("*infected*.zip", Scan::Fails)
///     .review("shop-badges-*", Review::default().marketing([Verdict::Reject, Verdict::Approve]))
///     .mischief(When::any().outcome("approved"), Mischief::Copies(1));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Script {
    pub(crate) pace: Pace,
    scans: Vec<(Pattern, Scan)>,
    reviews: Vec<(Pattern, Review)>,
    pub(crate) faults: Vec<FaultRule>,
}

impl Script {
    /// In [`Script::demo`]: a submission whose item id, SKU or name fits this is rejected by marketing the first time.
    pub const DEMO_REJECTED_ONCE: &'static str = "*badges*";
    /// In [`Script::demo`]: a file whose name fits this fails its malware scan.
    pub const DEMO_INFECTED: &'static str = "*infected*";
    /// In [`Script::demo`]: the event code that no documentation knows.
    pub const DEMO_UNKNOWN_EVENT: &'static str = "listing_translated";

    /// Everything passes, nothing goes wrong.
    pub fn new() -> Self {
        Self::default()
    }

    /// A short show of everything: submissions that fit [`Self::DEMO_REJECTED_ONCE`] are rejected by marketing the
    /// first time, files that fit [`Self::DEMO_INFECTED`] fail their scan, all else is released. Every first `approved` of a
    /// technical review comes twice, one `awaiting_manual_qa` comes late, and once there is an event of an
    /// undocumented code. At a speed of 30 a submission takes about seven seconds from its upload to the store.
    pub fn demo() -> Self {
        Self::new()
            .scan(Self::DEMO_INFECTED, Scan::Fails)
            .review(Self::DEMO_REJECTED_ONCE, Review::default().marketing([Verdict::Reject, Verdict::Approve]))
            .mischief(When::any().flow(Flow::Technical).outcome("approved"), Mischief::Copies(1))
            .mischief(When::any().outcome("awaiting_manual_qa").nth(1), Mischief::Late(Duration::from_secs(75)))
            .mischief(
                When::any().outcome("in_marketing_review").nth(1),
                Mischief::AlsoUnknown(Self::DEMO_UNKNOWN_EVENT.to_owned()),
            )
    }

    /// How long scans, reviews and the launch take.
    #[must_use]
    pub fn pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// How the scan of files with such a name ends; `*` stands for any text.
    #[must_use]
    pub fn scan(mut self, filename: impl Into<Pattern>, scan: Scan) -> Self {
        self.scans.push((filename.into(), scan));
        self
    }

    /// How the reviews of submissions end whose item id, SKU or name fits; `*` stands for any text.
    #[must_use]
    pub fn review(mut self, subject: impl Into<Pattern>, review: Review) -> Self {
        self.reviews.push((subject.into(), review));
        self
    }

    /// What goes wrong with which callbacks. Several can fit one callback.
    #[must_use]
    pub fn mischief(mut self, when: When, mischief: Mischief) -> Self {
        self.faults.push(FaultRule::Callback(when, mischief));
        self
    }

    /// What goes wrong with which calls of the API. Several can fit one call.
    ///
    /// ```
    /// use eqp_simulator::{Calls, Fault, Script};
    ///
    /// let script = Script::new().fault(Calls::named("packages.create")?.nth(1), Fault::AnswerLost);
    /// # Ok::<(), eqp_simulator::Error>(())
    /// ```
    #[must_use]
    pub fn fault(mut self, calls: Calls, fault: Fault) -> Self {
        self.faults.push(FaultRule::Call(calls, fault));
        self
    }

    /// A rule of either kind, such as one read from text.
    #[must_use]
    pub fn rule(mut self, rule: FaultRule) -> Self {
        self.faults.push(rule);
        self
    }

    /// Adds a rule for scans before all others.
    pub(crate) fn prefer_scan(&mut self, filename: &str, scan: Scan) {
        self.scans.insert(0, (filename.into(), scan));
    }

    /// Adds a rule for reviews before all others.
    pub(crate) fn prefer_review(&mut self, subject: &str, review: Review) {
        self.reviews.insert(0, (subject.into(), review));
    }

    /// How the scan of a file ends.
    pub(crate) fn scan_of(&self, filename: &str) -> Scan {
        self.scans.iter().find(|(pattern, _)| pattern.fits(filename)).map_or(Scan::Passes, |(_, scan)| *scan)
    }

    /// How the reviews of a submission end that is known by these words.
    pub(crate) fn review_of(&self, words: &[&str]) -> Review {
        self.reviews
            .iter()
            .find(|(pattern, _)| words.iter().any(|word| pattern.fits(word)))
            .map(|(_, review)| review.clone())
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_fits_counts() {
        let script = Script::new().scan("a*", Scan::Fails).scan("*.zip", Scan::NeverEnds);
        assert_eq!(script.scan_of("a.zip"), Scan::Fails);
        assert_eq!(script.scan_of("b.zip"), Scan::NeverEnds);
        assert_eq!(script.scan_of("b.png"), Scan::Passes);
    }

    #[test]
    fn a_submission_is_found_by_any_of_its_words() {
        let script = Script::new().review("acme/*", Review::default().technical([Verdict::Reject]));
        assert_eq!(script.review_of(&["item", "acme/badges", "Badges"]).technical_verdict(1), Verdict::Reject);
        assert_eq!(script.review_of(&["item", "other/badges"]).technical_verdict(1), Verdict::Approve);
    }
}
