//! Answers whether a check finds a reason before a submission.

use eqp_check::Report;
use serde::Serialize;

/// The maximum number of places in the archive that are listed per group.
const MAX_FOUND: usize = 10;

/// Whether `eqp packages check` finds a reason before a submission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum FoundBefore {
    /// The check of the archive finds it.
    Yes {
        /// The ID of the rule.
        rule: String,
    },
    /// The check of the archive finds it, and the manifest suppresses it.
    Ignored {
        /// The ID of the rule.
        rule: String,
    },
    /// The rule ran, and does not find it.
    No {
        /// The ID of the rule.
        rule: String,
    },
    /// The rule did not run.
    DidNotRun {
        /// The ID of the rule.
        rule: String,
        /// The reason.
        reason: String,
    },
    /// A rule of the check is for such reasons, but the archive of this version was not given.
    NotCompared {
        /// The ID of the rule.
        rule: String,
    },
    /// Only the store can find it.
    OnlyStore,
}

/// Compares a rule with a check of the archive, if it was checked. Also returns the places that the rule has found.
pub(super) fn found_before(rule: &str, report: Option<&Report>) -> (FoundBefore, Vec<String>) {
    let id = rule.to_owned();
    let Some(report) = report else { return (FoundBefore::NotCompared { rule: id }, Vec::new()) };
    let found = report.findings.iter().filter(|finding| finding.rule.id == rule);
    let places: Vec<_> = found.take(MAX_FOUND).map(|finding| finding.location.to_string()).collect();
    let not_run = report.not_run.iter().find(|not_run| not_run.rule.id == rule);
    let is_suppressed = report.suppressed.iter().any(|suppressed| suppressed.finding.rule.id == rule);
    let answer = match not_run {
        _ if !places.is_empty() => FoundBefore::Yes { rule: id },
        _ if is_suppressed => FoundBefore::Ignored { rule: id },
        Some(not_run) => FoundBefore::DidNotRun { rule: id, reason: not_run.reason.clone() },
        None => FoundBefore::No { rule: id },
    };
    (answer, places)
}
