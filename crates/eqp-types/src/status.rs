//! The status codes of reviews, scans and tests.

use strum::{AsRefStr, Display, EnumString, VariantNames};

use crate::code::{documented, status_code};

/// A flow of a submission or a file, which has its own status.
///
/// ```
/// use eqp_types::Flow;
///
/// assert_eq!(Flow::read("Technical"), Flow::Technical);
/// assert_eq!(Flow::read("legal"), Flow::Unknown("legal".into()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, AsRefStr, Display, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case", ascii_case_insensitive)]
#[non_exhaustive]
pub enum Flow {
    /// The submission as a whole, the only flow that includes the release to the store.
    Overall,
    /// The technical review of a submission.
    Technical,
    /// The marketing review of a submission.
    Marketing,
    /// The malware scan of a file. The API has no code for this flow, but a separate callback.
    Malware,
    /// An undocumented code, unchanged.
    #[strum(default, transparent)]
    Unknown(String),
}

/// The overall status of a submission (`eqp_status.overall`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, AsRefStr, Display, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case", ascii_case_insensitive)]
#[non_exhaustive]
pub enum OverallStatus {
    /// Nothing has been submitted yet.
    Draft,
    /// At least one review is in progress.
    InProgress,
    /// Both reviews are approved; the package waits for its launch date.
    Approved,
    /// The package is available in the store.
    ReleasedToStore,
    /// The developer has removed the package from the store.
    DeveloperRemovedFromStore,
    /// The Marketplace has removed the package from the store.
    AdminRemovedFromStore,
    /// The developer has canceled this version.
    CanceledByDeveloper,
    /// The Marketplace has canceled this version.
    CanceledByAdmin,
    /// An undocumented code, unchanged.
    #[strum(default, transparent)]
    Unknown(String),
}

/// The status of the technical review (`eqp_status.technical`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, AsRefStr, Display, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case", ascii_case_insensitive)]
#[non_exhaustive]
pub enum TechnicalStatus {
    /// Not submitted.
    Draft,
    /// The automated tools are running.
    InAutomation,
    /// Waits for a reviewer.
    AwaitingManualQa,
    /// A reviewer is testing the package.
    InManualQa,
    /// Passed.
    Approved,
    /// Rejected. It can be changed and submitted again.
    Rejected,
    /// Recalled by the developer.
    Recalled,
    /// An undocumented code, unchanged.
    #[strum(default, transparent)]
    Unknown(String),
}

/// The status of the marketing review (`eqp_status.marketing`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, AsRefStr, Display, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case", ascii_case_insensitive)]
#[non_exhaustive]
pub enum MarketingStatus {
    /// Not submitted.
    Draft,
    /// Waits for a reviewer.
    AwaitingMarketingReview,
    /// A reviewer is reading the texts.
    InMarketingReview,
    /// Passed.
    Approved,
    /// Approved. Later changes have not been reviewed yet.
    ApprovedWithModificationsPending,
    /// Rejected. It can be changed and submitted again.
    Rejected,
    /// Recalled by the developer.
    Recalled,
    /// An undocumented code, unchanged.
    #[strum(default, transparent)]
    Unknown(String),
}

/// The status of the malware scan of a file. Both results have two spellings; [`canonical_status`] unifies them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, AsRefStr, Display, EnumString, VariantNames)]
#[strum(serialize_all = "kebab-case", ascii_case_insensitive)]
#[non_exhaustive]
pub enum MalwareStatus {
    /// Waiting for the scan. Observed, but not documented.
    Queued,
    /// The scan is in progress.
    InProgress,
    /// Passed, as spelled in callbacks.
    Passed,
    /// Passed, as spelled in file records.
    Pass,
    /// Failed, spelled like `passed`.
    Failed,
    /// Failed, as spelled in file records.
    Fail,
    /// An undocumented code, unchanged.
    #[strum(default, transparent)]
    Unknown(String),
}

impl MalwareStatus {
    /// Returns whether the scan has passed.
    pub fn has_passed(&self) -> bool {
        matches!(self, Self::Passed | Self::Pass)
    }

    /// Returns whether the scan has failed. Every submission that contains the file is rejected.
    pub fn has_failed(&self) -> bool {
        matches!(self, Self::Failed | Self::Fail)
    }
}

/// The result of a test. It is in lower case in summaries and in upper case in reports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, AsRefStr, Display, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum TestStatus {
    /// Passed, in a summary.
    Pass,
    /// Failed, in a summary.
    Fail,
    /// The tool itself failed.
    Error,
    /// A reviewer must check the result.
    NeedsReview,
    /// Passed, in a report.
    #[strum(serialize = "PASS")]
    PassUpperCase,
    /// Failed, in a report.
    #[strum(serialize = "FAIL")]
    FailUpperCase,
    /// An undocumented code, unchanged.
    #[strum(default, transparent)]
    Unknown(String),
}

impl TestStatus {
    /// Returns whether the test has passed, in any letter case.
    pub fn has_passed(&self) -> bool {
        self.as_str().eq_ignore_ascii_case("pass")
    }

    /// Returns whether the test has failed, in any letter case. `error`, `needs_review` and undocumented codes have neither passed nor
    /// failed.
    pub fn has_failed(&self) -> bool {
        self.as_str().eq_ignore_ascii_case("fail")
    }
}

status_code! { Flow, OverallStatus, TechnicalStatus, MarketingStatus, MalwareStatus, TestStatus }

/// Returns the canonical spelling of a status: documented codes in lower case without surrounding whitespace, and `passed` and `failed`
/// instead of `pass` and `fail`. Any other code is returned unchanged.
///
/// ```
/// use eqp_types::{Flow, canonical_status};
///
/// assert_eq!(canonical_status(&Flow::Malware, " Pass"), "passed");
/// ```
pub fn canonical_status<'a>(flow: &Flow, status: &'a str) -> &'a str {
    let known: &[&'static str] = match flow {
        Flow::Overall => OverallStatus::KNOWN,
        Flow::Technical => TechnicalStatus::KNOWN,
        Flow::Marketing => MarketingStatus::KNOWN,
        Flow::Malware => MalwareStatus::KNOWN,
        Flow::Unknown(_) => return status,
    };
    match documented(known, status) {
        Some("pass") => "passed",
        Some("fail") => "failed",
        Some(documented) => documented,
        None => status,
    }
}

/// Returns the rank of a status in the order of a review, in any spelling, or `None` for an undocumented code.
///
/// A higher rank is later in the review. It decides between two statuses with the same time.
pub fn review_rank(flow: &Flow, status: &str) -> Option<u8> {
    // The documentation lists the values of a flow in this order.
    let order: &[&str] = match flow {
        Flow::Overall => OverallStatus::KNOWN,
        Flow::Technical => TechnicalStatus::KNOWN,
        Flow::Marketing => MarketingStatus::KNOWN,
        Flow::Malware => &["queued", "in-progress", "passed", "failed"],
        Flow::Unknown(_) => return None,
    };
    let status = canonical_status(flow, status);
    order.iter().position(|known| *known == status).and_then(|at| u8::try_from(at).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_code_writes_back_what_it_read() {
        let status: OverallStatus = serde_json::from_str("\"on_the_moon\"").unwrap();
        assert_eq!(status, OverallStatus::Unknown("on_the_moon".into()));
        assert_eq!(serde_json::to_string(&status).unwrap(), "\"on_the_moon\"");
    }

    #[test]
    fn both_spellings_of_a_scan_are_one_status() {
        assert_eq!(canonical_status(&Flow::Malware, "pass"), canonical_status(&Flow::Malware, "passed"));
        assert!(MalwareStatus::from("pass").has_passed() && MalwareStatus::from("passed").has_passed());
        assert_eq!(MalwareStatus::from("pass").as_str(), "pass");
    }

    #[test]
    fn documented_codes_are_recognised_in_any_letter_case_and_between_blanks() {
        assert_eq!(Flow::read(" Technical\n"), Flow::Technical);
        assert_eq!(OverallStatus::from("Released_To_Store"), OverallStatus::ReleasedToStore);
        assert_eq!(serde_json::from_str::<MalwareStatus>("\" IN-PROGRESS \"").unwrap(), MalwareStatus::InProgress);
        for (flow, told, canonical) in [
            (Flow::Malware, "PASS", "passed"),
            (Flow::Malware, " Failed ", "failed"),
            (Flow::Technical, "\tAPPROVED", "approved"),
            (Flow::Technical, "pass", "pass"),
            (Flow::Marketing, " On The Moon ", " On The Moon "),
            (Flow::Unknown("legal".into()), "APPROVED", "APPROVED"),
        ] {
            assert_eq!(canonical_status(&flow, told), canonical, "{flow} {told:?}");
        }
        assert_eq!(review_rank(&Flow::Technical, " Rejected"), review_rank(&Flow::Technical, "rejected"));
    }

    #[test]
    fn spellings_in_capitals_are_distinguished_where_both_are_documented() {
        assert_eq!((TestStatus::from("PASS"), TestStatus::from("pass")), (TestStatus::PassUpperCase, TestStatus::Pass));
    }

    #[test]
    fn the_rank_follows_the_order_of_the_documentation() {
        for (flow, order) in [
            (Flow::Technical, &["draft", "in_automation", "approved", "rejected", "recalled"] as &[_]),
            (Flow::Marketing, &["draft", "approved", "approved_with_modifications_pending", "rejected", "recalled"]),
            (Flow::Malware, &["queued", "in-progress", "passed", "failed"]),
        ] {
            let ranks: Vec<_> = order.iter().map(|status| review_rank(&flow, status)).collect();
            assert!(ranks.is_sorted_by(|a, b| a < b) && ranks[0].is_some(), "{flow} {ranks:?}");
        }
    }

    #[test]
    fn a_test_has_passed_or_failed_in_any_spelling() {
        for (code, passed, failed) in [
            ("pass", true, false),
            ("PASS", true, false),
            ("Pass", true, false),
            ("fail", false, true),
            ("FAIL", false, true),
            ("error", false, false),
            ("needs_review", false, false),
            ("skipped", false, false),
        ] {
            let status = TestStatus::from(code);
            assert_eq!((status.has_passed(), status.has_failed()), (passed, failed), "{code}");
        }
    }

    #[test]
    fn every_known_status_of_a_flow_has_a_rank() {
        let flows: [(Flow, &[&str]); 4] = [
            (Flow::Overall, OverallStatus::KNOWN),
            (Flow::Technical, TechnicalStatus::KNOWN),
            (Flow::Marketing, MarketingStatus::KNOWN),
            (Flow::Malware, MalwareStatus::KNOWN),
        ];
        for (flow, known) in flows {
            for status in known {
                assert!(review_rank(&flow, status).is_some(), "{flow} {status}");
            }
            assert_eq!(review_rank(&flow, "on_the_moon"), None);
        }
    }
}
