//! The script of a simulator: the results and durations of scans and reviews, and the faults to inject.

mod decision;

use std::time::Duration;

use eqp_types::Flow;

use crate::fault::{CallMatcher, CallbackFault, CallbackMatcher, Fault, FaultRule, Pattern};

pub use decision::{Decision, Review, Scan};

/// The results and durations of scans and reviews, and the faults to inject.
///
/// The first rule whose pattern matches decides how a scan or review ends. Without a rule every scan passes, both
/// reviews approve, and the package is released.
///
/// ```
/// use eqp_simulator::{CallbackFault, CallbackMatcher, Decision, Review, Scan, Script};
///
/// let script = Script::new()
///     .scan("*infected*.zip", Scan::Fails)
///     .review("acme-badges-*", Review::default().marketing([Decision::Reject, Decision::Approve]))
///     .callback_fault(CallbackMatcher::any().status("approved"), CallbackFault::Duplicates(1));
///
/// // Technical reviews reject once, and the first event about a scan is lost; a rule can also be written as text.
/// let rejected_once = Review::default()
///     .technical([Decision::Reject, Decision::Approve])
///     .admin_removes_after(std::time::Duration::from_secs(3600));
/// let first_scan = CallbackMatcher::any().event("malware_scan_complete").times(1);
/// let marketing = CallbackMatcher::any().flow("marketing".into());
/// let script = Script::new()
///     .review("*", rejected_once)
///     .callback_fault(first_scan, CallbackFault::Dropped)
///     .callback_fault(marketing, CallbackFault::Duplicates(2))
///     .rule("status=503 call=packages.list".parse()?);
/// # Ok::<(), eqp_simulator::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Script {
    pub(crate) timing: Timing,
    scans: Vec<(Pattern, Scan)>,
    reviews: Vec<(Pattern, Review)>,
    pub(crate) faults: Vec<FaultRule>,
}

impl Script {
    /// The pattern of submissions (item ID, SKU or name) whose first marketing review [`Script::demo`] rejects.
    pub const DEMO_REJECTED_ONCE: &'static str = "*badges*";
    /// The pattern of file names whose malware scan fails in [`Script::demo`].
    pub const DEMO_INFECTED: &'static str = "*infected*";
    /// The undocumented event code that [`Script::demo`] sends once.
    pub const DEMO_UNKNOWN_EVENT: &'static str = "listing_translated";

    /// Creates a script in which everything passes and no fault is injected.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a script with one example of each case.
    ///
    /// The first marketing review of submissions that match [`Self::DEMO_REJECTED_ONCE`] is rejected, the scan of files
    /// that match [`Self::DEMO_INFECTED`] fails, and everything else is released. The callback of each approved
    /// technical review is sent twice, one `awaiting_manual_qa` is sent late, and one event has an undocumented code.
    /// At a speed of 30 a submission takes about seven seconds from its upload to its release.
    pub fn demo() -> Self {
        Self::new()
            .scan(Self::DEMO_INFECTED, Scan::Fails)
            .review(Self::DEMO_REJECTED_ONCE, Review::default().marketing([Decision::Reject, Decision::Approve]))
            .callback_fault(
                CallbackMatcher::any().flow(Flow::Technical).status("approved"),
                CallbackFault::Duplicates(1),
            )
            .callback_fault(
                CallbackMatcher::any().status("awaiting_manual_qa").nth(1),
                CallbackFault::Late(Duration::from_secs(75)),
            )
            .callback_fault(
                CallbackMatcher::any().status("in_marketing_review").nth(1),
                CallbackFault::UnknownEvent(Self::DEMO_UNKNOWN_EVENT.to_owned()),
            )
    }

    /// Sets the durations of scans, reviews and launches.
    #[must_use]
    pub fn timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// Sets the result of the scan of files whose name matches; `*` matches any text.
    #[must_use]
    pub fn scan(mut self, filename: impl Into<Pattern>, scan: Scan) -> Self {
        self.scans.push((filename.into(), scan));
        self
    }

    /// Sets the results of the reviews of submissions whose ID, item ID, SKU or name matches; `*` matches any text.
    #[must_use]
    pub fn review(mut self, package: impl Into<Pattern>, review: Review) -> Self {
        self.reviews.push((package.into(), review));
        self
    }

    /// Injects a fault into the callbacks that match. Several faults can apply to one callback.
    #[must_use]
    pub fn callback_fault(mut self, matcher: CallbackMatcher, fault: CallbackFault) -> Self {
        self.faults.push(FaultRule::Callback(matcher, fault));
        self
    }

    /// Injects a fault into the calls of the API that match. Several faults can apply to one call.
    ///
    /// ```
    /// use eqp_simulator::{CallMatcher, Fault, Script};
    ///
    /// let script = Script::new().fault(CallMatcher::named("packages.create")?.nth(1), Fault::AnswerLost);
    /// # Ok::<(), eqp_simulator::Error>(())
    /// ```
    #[must_use]
    pub fn fault(mut self, calls: CallMatcher, fault: Fault) -> Self {
        self.faults.push(FaultRule::Call(calls, fault));
        self
    }

    /// Injects a fault from a rule of either kind, such as one parsed from text.
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
    pub(crate) fn prefer_review(&mut self, package: &str, review: Review) {
        self.reviews.insert(0, (package.into(), review));
    }

    /// Returns the result of the scan of a file.
    pub(crate) fn scan_of(&self, filename: &str) -> Scan {
        self.scans.iter().find(|(pattern, _)| pattern.fits(filename)).map_or(Scan::Passes, |(_, scan)| *scan)
    }

    /// Returns the results of the reviews of a submission with these identifiers.
    pub(crate) fn review_of(&self, identifiers: &[&str]) -> Review {
        self.reviews
            .iter()
            .find(|(pattern, _)| identifiers.iter().any(|identifier| pattern.fits(identifier)))
            .map(|(_, review)| review.clone())
            .unwrap_or_default()
    }
}

/// The durations of scans, reviews and launches, in simulated time.
///
/// Each is varied by up to a tenth up or down, at random from the seed. The real Marketplace takes minutes to weeks;
/// these defaults add up to about three minutes, so that a speed of 30 shows a whole review in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timing {
    /// The malware scan of a file, from its upload.
    pub scan: Duration,
    /// The automated tools, which start after all scans.
    pub automation: Duration,
    /// The wait for a tester.
    pub manual_qa_queue: Duration,
    /// The manual test.
    pub manual_qa: Duration,
    /// The wait for a marketing reviewer.
    pub marketing_queue: Duration,
    /// The marketing review.
    pub marketing: Duration,
    /// From both approvals to the release.
    pub launch: Duration,
}

impl Timing {
    /// Returns durations of zero: every scan, review and launch ends as soon as it can begin.
    ///
    /// ```
    /// let script = eqp_simulator::Script::new().timing(eqp_simulator::Timing::immediate());
    /// ```
    pub fn immediate() -> Self {
        let none = Duration::ZERO;
        Self {
            scan: none,
            automation: none,
            manual_qa_queue: none,
            manual_qa: none,
            marketing_queue: none,
            marketing: none,
            launch: none,
        }
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            scan: Duration::from_secs(25),
            automation: Duration::from_secs(40),
            manual_qa_queue: Duration::from_secs(25),
            manual_qa: Duration::from_secs(45),
            marketing_queue: Duration::from_secs(30),
            marketing: Duration::from_secs(45),
            launch: Duration::from_secs(20),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_matches_counts() {
        let script = Script::new().scan("a*", Scan::Fails).scan("*.zip", Scan::NeverEnds);
        assert_eq!(script.scan_of("a.zip"), Scan::Fails);
        assert_eq!(script.scan_of("b.zip"), Scan::NeverEnds);
        assert_eq!(script.scan_of("b.png"), Scan::Passes);
    }

    #[test]
    fn a_submission_is_found_by_any_of_its_identifiers() {
        let script = Script::new().review("acme/*", Review::default().technical([Decision::Reject]));
        assert_eq!(script.review_of(&["item", "acme/badges", "Badges"]).technical_decision(1), Decision::Reject);
        assert_eq!(script.review_of(&["item", "other/badges"]).technical_decision(1), Decision::Approve);
    }
}
