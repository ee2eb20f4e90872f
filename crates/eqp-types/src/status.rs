//! The codes that tell how far a review has come.

use crate::open_enum::{documented, open_enum};

open_enum! {
    /// One line of a review.
    Flow {
        /// The submission as a whole: the only flow that shows the release to the store.
        Overall = "overall",
        /// The technical review of a submission.
        Technical = "technical",
        /// The marketing review of a submission.
        Marketing = "marketing",
        /// The malware scan of a file. Not a word of the API, which has a callback of its own for it.
        Malware = "malware",
    }
}

open_enum! {
    /// `eqp_status.overall` of a submission.
    OverallStatus {
        /// Nothing is submitted yet.
        Draft = "draft",
        /// At least one review runs.
        InProgress = "in_progress",
        /// Both reviews are approved; the package waits for its launch date.
        Approved = "approved",
        /// The package can be bought.
        ReleasedToStore = "released_to_store",
        /// The developer took the package out of the store.
        DeveloperRemovedFromStore = "developer_removed_from_store",
        /// The Marketplace took the package out of the store.
        AdminRemovedFromStore = "admin_removed_from_store",
        /// The developer gave this version up.
        CanceledByDeveloper = "canceled_by_developer",
        /// The Marketplace ended this version.
        CanceledByAdmin = "canceled_by_admin",
    }
}

open_enum! {
    /// `eqp_status.technical` of a submission.
    TechnicalStatus {
        /// Not submitted.
        Draft = "draft",
        /// The automated tools run.
        InAutomation = "in_automation",
        /// Waits for a person.
        AwaitingManualQa = "awaiting_manual_qa",
        /// A person tests it.
        InManualQa = "in_manual_qa",
        /// Passed.
        Approved = "approved",
        /// Failed; may be changed and submitted again.
        Rejected = "rejected",
        /// Taken back by the developer.
        Recalled = "recalled",
    }
}

open_enum! {
    /// `eqp_status.marketing` of a submission.
    MarketingStatus {
        /// Not submitted.
        Draft = "draft",
        /// Waits for a person.
        AwaitingMarketingReview = "awaiting_marketing_review",
        /// A person reads it.
        InMarketingReview = "in_marketing_review",
        /// Passed.
        Approved = "approved",
        /// Passed once; changes made since wait for their review.
        ApprovedWithModificationsPending = "approved_with_modifications_pending",
        /// Failed; may be changed and submitted again.
        Rejected = "rejected",
        /// Taken back by the developer.
        Recalled = "recalled",
    }
}

open_enum! {
    /// The malware scan of a file. Two spellings of each end are in use; [`canonical_outcome`] makes them one.
    MalwareStatus {
        /// Waits for its scan (seen, not documented).
        Queued = "queued",
        /// Is being scanned.
        InProgress = "in-progress",
        /// Clean, as callbacks spell it.
        Passed = "passed",
        /// Clean, as file records spell it.
        Pass = "pass",
        /// Not clean, spelled like `passed`.
        Failed = "failed",
        /// Not clean, as file records spell it.
        Fail = "fail",
    }
}

impl MalwareStatus {
    /// The file is clean.
    pub fn has_passed(&self) -> bool {
        matches!(self, Self::Passed | Self::Pass)
    }

    /// The file is not clean; every submission that holds it is rejected.
    pub fn has_failed(&self) -> bool {
        matches!(self, Self::Failed | Self::Fail)
    }
}

open_enum! {
    /// The outcome of one test tool. Summaries spell it in lower case, reports in upper case.
    TestStatus {
        /// Passed, in a summary.
        Pass = "pass",
        /// Failed, in a summary.
        Fail = "fail",
        /// The tool itself failed.
        Error = "error",
        /// A person has to look.
        NeedsReview = "needs_review",
        /// Passed, in a report.
        PassUpperCase = "PASS",
        /// Failed, in a report.
        FailUpperCase = "FAIL",
    }
}

impl TestStatus {
    /// The tool found nothing against the package, in whatever case that is spelled.
    pub fn has_passed(&self) -> bool {
        self.as_str().eq_ignore_ascii_case("pass")
    }

    /// The tool found something against the package, in whatever case that is spelled. Neither passed nor failed are
    /// `error`, `needs_review` and codes that are not documented.
    pub fn has_failed(&self) -> bool {
        self.as_str().eq_ignore_ascii_case("fail")
    }
}

/// Returns the canonical spelling of a status of a flow: documented codes in lower case without surrounding blanks, `pass` as
/// `passed` and `fail` as `failed`; any other code as it came.
pub fn canonical_outcome<'a>(flow: &Flow, outcome: &'a str) -> &'a str {
    let known: &[&'static str] = match flow {
        Flow::Overall => OverallStatus::KNOWN,
        Flow::Technical => TechnicalStatus::KNOWN,
        Flow::Marketing => MarketingStatus::KNOWN,
        Flow::Malware => MalwareStatus::KNOWN,
        Flow::Unknown(_) => return outcome,
    };
    match documented(known, outcome) {
        Some("pass") => "passed",
        Some("fail") => "failed",
        Some(documented) => documented,
        None => outcome,
    }
}

/// Returns how far along its review a status is, in any spelling; `None` for a code that is not documented.
///
/// Higher is further along. It decides between two statuses that were reported for the same second.
pub fn review_rank(flow: &Flow, outcome: &str) -> Option<u8> {
    // The documentation lists the values of a flow in this order.
    let order: &[&str] = match flow {
        Flow::Overall => OverallStatus::KNOWN,
        Flow::Technical => TechnicalStatus::KNOWN,
        Flow::Marketing => MarketingStatus::KNOWN,
        Flow::Malware => &["queued", "in-progress", "passed", "failed"],
        Flow::Unknown(_) => return None,
    };
    let outcome = canonical_outcome(flow, outcome);
    order.iter().position(|known| *known == outcome).and_then(|at| u8::try_from(at).ok())
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
    fn both_spellings_of_a_scan_are_one_outcome() {
        assert_eq!(canonical_outcome(&Flow::Malware, "pass"), canonical_outcome(&Flow::Malware, "passed"));
        assert!(MalwareStatus::from("pass").has_passed() && MalwareStatus::from("passed").has_passed());
        assert_eq!(MalwareStatus::from("pass").as_str(), "pass");
    }

    #[test]
    fn documented_codes_are_recognised_in_any_letter_case_and_between_blanks() {
        assert_eq!(Flow::from(" Technical\n"), Flow::Technical);
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
            assert_eq!(canonical_outcome(&flow, told), canonical, "{flow} {told:?}");
        }
        assert_eq!(review_rank(&Flow::Technical, " Rejected"), review_rank(&Flow::Technical, "rejected"));
    }

    #[test]
    fn what_was_spelled_in_capitals_is_told_apart_where_both_spellings_are_documented() {
        assert_eq!((TestStatus::from("PASS"), TestStatus::from("pass")), (TestStatus::PassUpperCase, TestStatus::Pass));
    }

    #[test]
    fn the_rank_follows_the_order_of_the_documentation() {
        for (flow, order) in [
            (Flow::Technical, &["draft", "in_automation", "approved", "rejected", "recalled"] as &[_]),
            (Flow::Marketing, &["draft", "approved", "approved_with_modifications_pending", "rejected", "recalled"]),
            (Flow::Malware, &["queued", "in-progress", "passed", "failed"]),
        ] {
            let ranks: Vec<_> = order.iter().map(|outcome| review_rank(&flow, outcome)).collect();
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
    fn every_known_outcome_of_a_flow_has_a_rank() {
        let flows: [(Flow, &[&str]); 4] = [
            (Flow::Overall, OverallStatus::KNOWN),
            (Flow::Technical, TechnicalStatus::KNOWN),
            (Flow::Marketing, MarketingStatus::KNOWN),
            (Flow::Malware, MalwareStatus::KNOWN),
        ];
        for (flow, known) in flows {
            for outcome in known {
                assert!(review_rank(&flow, outcome).is_some(), "{flow} {outcome}");
            }
            assert_eq!(review_rank(&flow, "on_the_moon"), None);
        }
    }
}
