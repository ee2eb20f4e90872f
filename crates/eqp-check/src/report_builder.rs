//! Collects findings and the reasons why rules did not run, and builds the report, which counts every rule of the registry once.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::limits::{MAX_FINDINGS_PER_RULE, MAX_MESSAGE_CHARS};
use crate::registry::{self, Requirement, Rule, Severity};
use crate::report::{Counts, Finding, Location, NotRun, Package, Report, Suppressed, Suppression};
use crate::tracks::{Review, Tracks};

/// The findings so far. To limit the memory usage, only the first findings of each rule are stored; the others are counted.
#[derive(Debug, Default)]
pub(crate) struct ReportBuilder {
    tracks: Tracks,
    suppressions: Vec<Suppression>,
    used: HashSet<usize>,
    found: BTreeMap<&'static str, RuleFindings>,
    suppressed: Vec<Suppressed>,
    suppressed_count: usize,
    unmet: HashMap<Requirement, Unmet>,
    not_run: BTreeMap<&'static str, String>,
}

/// The findings of one rule.
#[derive(Debug, Default)]
struct RuleFindings {
    findings: Vec<Finding>,
    blocking: usize,
    warnings: usize,
}

/// A requirement that is not met.
#[derive(Debug)]
struct Unmet {
    reason: String,
    /// Whether the rules are out of the scope of the check, which is complete without them.
    is_out_of_scope: bool,
}

impl ReportBuilder {
    /// Creates a builder for a submission for these reviews, with these suppressions.
    pub(crate) fn new(tracks: Tracks, suppressions: Vec<Suppression>) -> Self {
        Self { tracks, suppressions, ..Self::default() }
    }

    /// Adds a finding. It is blocking only if the submission is for its review.
    pub(crate) fn add(&mut self, rule: &'static Rule, location: Location, message: impl Into<String>) {
        self.add_with_remedy(rule, location, message, rule.remedy);
    }

    /// Adds a finding with another remedy than that of the rule.
    pub(crate) fn add_with_remedy(
        &mut self,
        rule: &'static Rule,
        location: Location,
        message: impl Into<String>,
        remedy: &'static str,
    ) {
        let severity = match rule.severity {
            Severity::Blocking if !self.tracks.include(Review::of(&location)) => Severity::Warning,
            severity => severity,
        };
        let message = shortened(message.into());
        let finding = Finding { rule, severity, location: location.shortened(), message, remedy };
        if let Some(at) = self.suppressions.iter().position(|suppression| suppression.covers(&finding)) {
            self.used.insert(at);
            self.suppressed_count += 1;
            if self.suppressed.len() < MAX_FINDINGS_PER_RULE {
                self.suppressed.push(Suppressed { finding, reason: self.suppressions[at].reason.clone() });
            }
            return;
        }
        let found = self.found.entry(rule.id).or_default();
        // An archive with duplicate names is checked twice, which reports most findings twice.
        if found.findings.contains(&finding) {
            return;
        }
        match severity {
            Severity::Blocking => found.blocking += 1,
            Severity::Warning | Severity::StoreOnly => found.warnings += 1,
        }
        if found.findings.len() < MAX_FINDINGS_PER_RULE {
            found.findings.push(finding);
        }
    }

    /// Records that a requirement is not met.
    pub(crate) fn unavailable(&mut self, needs: Requirement, reason: impl Into<String>) {
        self.unmet.entry(needs).or_insert_with(|| Unmet { reason: reason.into(), is_out_of_scope: false });
    }

    /// Records that rules with this requirement are out of the scope of the check.
    pub(crate) fn out_of_scope(&mut self, needs: Requirement, reason: impl Into<String>) {
        self.unmet.entry(needs).or_insert_with(|| Unmet { reason: reason.into(), is_out_of_scope: true });
    }

    /// Records that one rule did not run.
    pub(crate) fn not_run(&mut self, rule: &'static Rule, reason: impl Into<String>) {
        self.not_run.entry(rule.id).or_insert_with(|| shortened(reason.into()));
    }

    /// Returns whether a rule has no finding so far.
    pub(crate) fn has_no_finding(&self, rule: &Rule) -> bool {
        !self.found.contains_key(rule.id)
    }

    /// Builds the report.
    pub(crate) fn build(self, archive: String, package: Package) -> Report {
        let mut counts = Counts::default();
        let mut not_run = Vec::new();
        for rule in registry::rules() {
            counts.rules += 1;
            let unmet = self.unmet.get(&rule.needs);
            let reason = self.not_run.get(rule.id).or_else(|| unmet.map(|unmet| &unmet.reason));
            match reason {
                _ if rule.severity == Severity::StoreOnly => counts.store_only += 1,
                Some(reason) if !self.found.contains_key(rule.id) => {
                    counts.not_run += 1;
                    let is_out_of_scope = unmet.is_some_and(|unmet| unmet.is_out_of_scope);
                    // Rules that are not about the listing belong to the technical review.
                    let is_of_listing =
                        matches!(rule.needs, Requirement::Listing | Requirement::Technical | Requirement::Marketing);
                    let could_block = rule.severity == Severity::Blocking && (is_of_listing || self.tracks.technical());
                    let could_block = could_block && !is_out_of_scope;
                    not_run.push(NotRun { rule, reason: reason.clone(), could_block });
                }
                _ => counts.ran += 1,
            }
        }
        counts.suppressed = self.suppressed_count;
        let mut findings = Vec::new();
        for mut found in self.found.into_values() {
            counts.blocking += found.blocking;
            counts.warnings += found.warnings;
            let order = |finding: &Finding| (finding.severity, finding.location.clone());
            found.findings.sort_by_cached_key(order);
            let more = found.blocking + found.warnings - found.findings.len();
            if let Some(last) = found.findings.last_mut().filter(|_| more > 0) {
                last.message = format!("{} (and {more} more findings of this rule)", last.message);
            }
            findings.extend(found.findings);
        }
        let order: HashMap<_, _> = registry::rules().enumerate().map(|(index, rule)| (rule.id, index)).collect();
        findings.sort_by_key(|finding| (finding.severity, order.get(finding.rule.id).copied()));
        let unused = self.suppressions.into_iter().enumerate().filter(|(at, _)| !self.used.contains(at));
        Report {
            archive,
            package,
            findings,
            suppressed: self.suppressed,
            unused_suppressions: unused.map(|(_, suppression)| suppression).collect(),
            not_run,
            counts,
        }
    }
}

/// Shortens a message, which may quote a very long name or value.
fn shortened(mut message: String) -> String {
    if let Some((end, _)) = message.char_indices().nth(MAX_MESSAGE_CHARS) {
        message.truncate(end);
        message.push('…');
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::archive::{ARCHIVE_SIZE, VCS_FILES};

    fn report(builder: ReportBuilder) -> Report {
        builder.build("a.zip".into(), Package::default())
    }

    #[test]
    fn every_rule_is_counted_once() {
        let mut builder = ReportBuilder::default();
        builder.unavailable(Requirement::Listing, "no manifest");
        builder.not_run(&ARCHIVE_SIZE, "for a reason");
        let report = report(builder);
        let Counts { rules, ran, not_run, store_only, .. } = report.counts;
        assert_eq!(rules, ran + not_run + store_only);
        assert_eq!(rules, registry::rules().count());
        assert_eq!(not_run, report.not_run.len());
        assert!(report.not_run.iter().any(|not_run| not_run.rule == &ARCHIVE_SIZE && not_run.reason == "for a reason"));
    }

    #[test]
    fn a_rule_that_found_something_ran() {
        let mut builder = ReportBuilder::default();
        builder.unavailable(Requirement::Archive, "cut short");
        builder.add(&VCS_FILES, Location::file(".git"), "is there");
        assert!(!report(builder).not_run.iter().any(|not_run| not_run.rule == &VCS_FILES));
    }

    #[test]
    fn suppressed_findings_are_counted_and_a_useless_suppression_is_named() {
        let suppression = |at: &str| Suppression { rule: "vcs-files".into(), at: Some(at.into()), reason: "r".into() };
        let mut builder = ReportBuilder::new(Tracks::Both, vec![suppression(".hg"), suppression(".git")]);
        builder.add(&VCS_FILES, Location::file(".git"), "is there");
        let report = report(builder);
        assert!(report.is_clean());
        assert_eq!((report.counts.suppressed, report.counts.warnings), (1, 0));
        assert_eq!(report.unused_suppressions, [suppression(".hg")]);
    }

    #[test]
    fn the_places_of_one_rule_are_bounded_and_counted() {
        let mut builder = ReportBuilder::default();
        for number in 0..250 {
            builder.add(&VCS_FILES, Location::file(format!("{number:03}/.git")), "is there");
        }
        let report = report(builder);
        assert_eq!((report.findings.len(), report.counts.warnings), (100, 250));
        assert_eq!(report.findings[99].message, "is there (and 150 more findings of this rule)");
    }

    #[test]
    fn suppressed_findings_leave_room_for_others() {
        let suppression = Suppression { rule: "vcs-files".into(), at: Some("Test/*".into()), reason: "r".into() };
        let mut builder = ReportBuilder::new(Tracks::Both, vec![suppression]);
        for number in 0..250 {
            builder.add(&VCS_FILES, Location::file(format!("Test/{number}/.git")), "is there");
        }
        builder.add(&VCS_FILES, Location::file("src/.git"), "is there");
        let report = report(builder);
        assert_eq!((report.findings.len(), report.suppressed.len(), report.counts.suppressed), (1, 100, 250));
    }

    #[test]
    fn a_message_of_a_megabyte_is_shown_in_part() {
        let mut builder = ReportBuilder::default();
        builder.add(&VCS_FILES, Location::file("n".repeat(60_000)), "ü".repeat(1_000_000));
        let report = report(builder);
        assert_eq!(report.findings[0].message.chars().count(), MAX_MESSAGE_CHARS + 1);
        assert!(report.findings[0].location.to_string().chars().count() <= MAX_MESSAGE_CHARS + 1);
    }

    #[test]
    fn a_rule_of_a_review_that_is_not_submitted_for_does_not_block() {
        for (tracks, location, severity) in [
            (Tracks::Technical, Location::field("categories"), Severity::Warning),
            (Tracks::Marketing, Location::field("categories"), Severity::Blocking),
            (Tracks::Marketing, Location::Archive, Severity::Warning),
            (Tracks::Technical, Location::Archive, Severity::Blocking),
            (Tracks::Marketing, Location::field("documentation_artifacts.user"), Severity::Blocking),
        ] {
            let mut builder = ReportBuilder::new(tracks, Vec::new());
            builder.add(&ARCHIVE_SIZE, location, "is so");
            assert_eq!(report(builder).findings[0].severity, severity, "{tracks:?}");
        }
    }

    #[test]
    fn a_blocking_rule_that_was_asked_for_and_did_not_run_is_a_gap() {
        let mut builder = ReportBuilder::default();
        builder.unavailable(Requirement::CodeSniffer, "phpcs is not installed");
        builder.out_of_scope(Requirement::Technical, "it is not submitted for technical review");
        let report = report(builder);
        assert_eq!(report.unchecked().map(|not_run| not_run.rule.id).collect::<Vec<_>>(), ["code-sniffer"]);
        assert_eq!(report.result(), crate::CheckResult::Incomplete);
    }
}
