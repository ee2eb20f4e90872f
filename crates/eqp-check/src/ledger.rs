//! Where checks write down what they found and what could not be looked at. Made into a report at the end, in which
//! every rule of the book is counted once.

use std::collections::{BTreeMap, HashMap};

use crate::book::{self, Needs, Rule, Tier};
use crate::limits::MOST_PLACES;
use crate::report::{Counts, Finding, NotRun, Package, Place, Report, Suppressed, Suppression};

/// What was found so far.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    findings: Vec<Finding>,
    unmet: HashMap<Needs, String>,
    not_run: BTreeMap<&'static str, String>,
}

impl Ledger {
    /// A rule is broken.
    pub(crate) fn find(&mut self, rule: &'static Rule, place: Place, message: impl Into<String>) {
        self.findings.push(Finding { rule, tier: rule.tier, place, message: message.into(), remedy: rule.remedy });
    }

    /// Something that rules need is not there.
    pub(crate) fn unmet(&mut self, needs: Needs, why: impl Into<String>) {
        self.unmet.entry(needs).or_insert_with(|| why.into());
    }

    /// A rule could not be looked at, for a reason of its own.
    pub(crate) fn not_run(&mut self, rule: &'static Rule, why: impl Into<String>) {
        self.not_run.entry(rule.id).or_insert_with(|| why.into());
    }

    /// Whether nothing was found against a rule so far.
    pub(crate) fn is_clean_of(&self, rule: &Rule) -> bool {
        self.findings.iter().all(|finding| finding.rule != rule)
    }

    /// Counts everything.
    pub(crate) fn finish(self, archive: String, package: Package, suppressions: &[Suppression]) -> Report {
        let mut counts = Counts::default();
        let mut not_run = Vec::new();
        for rule in book::rules() {
            counts.rules += 1;
            let was_broken = !self.is_clean_of(rule);
            let why = self.not_run.get(rule.id).or_else(|| self.unmet.get(&rule.needs));
            match why {
                _ if rule.tier == Tier::CannotKnow => counts.cannot_know += 1,
                Some(why) if !was_broken => {
                    counts.not_run += 1;
                    not_run.push(NotRun { rule, why: why.clone() });
                }
                _ => counts.ran += 1,
            }
        }
        let mut used = vec![false; suppressions.len()];
        let (mut findings, mut suppressed) = (Vec::new(), Vec::new());
        for finding in self.findings {
            if let Some(at) = suppressions.iter().position(|suppression| suppression.covers(&finding)) {
                used[at] = true;
                suppressed.push(Suppressed { finding, reason: suppressions[at].reason.clone() });
            } else {
                findings.push(finding);
            }
        }
        let order = |rule: &Rule| book::rules().position(|other| other == rule);
        findings.sort_by_cached_key(|finding| (finding.tier, order(finding.rule), finding.place.clone()));
        counts.suppressed = suppressed.len();
        counts.blocks = findings.iter().filter(|finding| finding.tier == Tier::Blocks).count();
        counts.warns = findings.len() - counts.blocks;
        let unused =
            suppressions.iter().zip(used).filter(|(_, used)| !used).map(|(suppression, _)| suppression.clone());
        Report {
            archive,
            package,
            findings: shortened(findings),
            suppressed,
            unused_suppressions: unused.collect(),
            not_run,
            counts,
        }
    }
}

/// Nobody reads ten thousand lines that say the same: the last place of a rule tells how many more there are.
fn shortened(findings: Vec<Finding>) -> Vec<Finding> {
    let mut totals: HashMap<&'static str, usize> = HashMap::new();
    for finding in &findings {
        *totals.entry(finding.rule.id).or_default() += 1;
    }
    let mut shown: HashMap<&'static str, usize> = HashMap::new();
    let mut kept = Vec::with_capacity(findings.len());
    for mut finding in findings {
        let (total, shown) = (totals[finding.rule.id], shown.entry(finding.rule.id).or_default());
        *shown += 1;
        if *shown == MOST_PLACES && total > MOST_PLACES {
            finding.message = format!("{}; {} more places like it", finding.message, total - MOST_PLACES);
        }
        if *shown <= MOST_PLACES {
            kept.push(finding);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::archive::{ARCHIVE_SIZE, VCS_FILES};

    fn report(ledger: Ledger, suppressions: &[Suppression]) -> Report {
        ledger.finish("a.zip".into(), Package::default(), suppressions)
    }

    #[test]
    fn every_rule_is_counted_once() {
        let mut ledger = Ledger::default();
        ledger.unmet(Needs::Listing, "no manifest");
        ledger.not_run(&ARCHIVE_SIZE, "for a reason");
        let report = report(ledger, &[]);
        let Counts { rules, ran, not_run, cannot_know, .. } = report.counts;
        assert_eq!(rules, ran + not_run + cannot_know);
        assert_eq!(rules, book::rules().count());
        assert_eq!(not_run, report.not_run.len());
        assert!(report.not_run.iter().any(|not_run| not_run.rule == &ARCHIVE_SIZE && not_run.why == "for a reason"));
    }

    #[test]
    fn a_rule_that_found_something_ran() {
        let mut ledger = Ledger::default();
        ledger.unmet(Needs::Archive, "cut short");
        ledger.find(&VCS_FILES, Place::file(".git"), "is there");
        assert!(!report(ledger, &[]).not_run.iter().any(|not_run| not_run.rule == &VCS_FILES));
    }

    #[test]
    fn what_is_passed_over_is_counted_and_a_useless_suppression_named() {
        let mut ledger = Ledger::default();
        ledger.find(&VCS_FILES, Place::file(".git"), "is there");
        let suppression = |at: &str| Suppression { rule: "vcs-files".into(), at: Some(at.into()), reason: "r".into() };
        let report = report(ledger, &[suppression(".hg"), suppression(".git")]);
        assert!(report.passes_strictly());
        assert_eq!((report.counts.suppressed, report.counts.warns), (1, 0));
        assert_eq!(report.unused_suppressions, [suppression(".hg")]);
    }

    #[test]
    fn the_places_of_one_rule_are_bounded_and_counted() {
        let mut ledger = Ledger::default();
        for number in 0..250 {
            ledger.find(&VCS_FILES, Place::file(format!("{number:03}/.git")), "is there");
        }
        let report = report(ledger, &[]);
        assert_eq!((report.findings.len(), report.counts.warns), (100, 250));
        assert_eq!(report.findings[99].message, "is there; 150 more places like it");
    }
}
