//! Where checks write down what they found and what could not be looked at. Made into a report at the end, in which
//! every rule of the book is counted once.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::book::{self, Needs, Rule, Tier};
use crate::limits::{LONGEST_MESSAGE, MOST_PLACES};
use crate::report::{Counts, Finding, NotRun, Package, Place, Report, Suppressed, Suppression};
use crate::tracks::{Review, Tracks};

/// What was found so far. Of each rule the first places are stored and the others counted, however many there are.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    tracks: Tracks,
    suppressions: Vec<Suppression>,
    used: HashSet<usize>,
    found: BTreeMap<&'static str, Found>,
    suppressed: Vec<Suppressed>,
    suppressed_count: usize,
    unmet: HashMap<Needs, Unmet>,
    not_run: BTreeMap<&'static str, String>,
}

/// What was found against one rule.
#[derive(Debug, Default)]
struct Found {
    findings: Vec<Finding>,
    blocks: usize,
    warns: usize,
}

/// Something that rules need and that is not there.
#[derive(Debug)]
struct Unmet {
    why: String,
    /// The check was not asked for these rules: that they did not run is no gap in it.
    is_out_of_scope: bool,
}

impl Ledger {
    /// A ledger of a check for these reviews, in which these findings are passed over.
    pub(crate) fn new(tracks: Tracks, suppressions: Vec<Suppression>) -> Self {
        Self { tracks, suppressions, ..Self::default() }
    }

    /// A rule is broken. It blocks only if it is one of a review that is submitted for.
    pub(crate) fn find(&mut self, rule: &'static Rule, place: Place, message: impl Into<String>) {
        let tier = match rule.tier {
            Tier::Blocks if !self.tracks.include(Review::of(&place)) => Tier::Warns,
            tier => tier,
        };
        let message = shortened(message.into());
        let finding = Finding { rule, tier, place: place.shortened(), message, remedy: rule.remedy };
        if let Some(at) = self.suppressions.iter().position(|suppression| suppression.covers(&finding)) {
            self.used.insert(at);
            self.suppressed_count += 1;
            if self.suppressed.len() < MOST_PLACES {
                self.suppressed.push(Suppressed { finding, reason: self.suppressions[at].reason.clone() });
            }
            return;
        }
        let found = self.found.entry(rule.id).or_default();
        // Two readings of an archive find most things twice.
        if found.findings.contains(&finding) {
            return;
        }
        match tier {
            Tier::Blocks => found.blocks += 1,
            Tier::Warns | Tier::CannotKnow => found.warns += 1,
        }
        if found.findings.len() < MOST_PLACES {
            found.findings.push(finding);
        }
    }

    /// Something that rules need is not there.
    pub(crate) fn unmet(&mut self, needs: Needs, why: impl Into<String>) {
        self.unmet.entry(needs).or_insert_with(|| Unmet { why: why.into(), is_out_of_scope: false });
    }

    /// Nobody asked for rules with these needs.
    pub(crate) fn not_asked(&mut self, needs: Needs, why: impl Into<String>) {
        self.unmet.entry(needs).or_insert_with(|| Unmet { why: why.into(), is_out_of_scope: true });
    }

    /// A rule could not be looked at, for a reason of its own.
    pub(crate) fn not_run(&mut self, rule: &'static Rule, why: impl Into<String>) {
        self.not_run.entry(rule.id).or_insert_with(|| shortened(why.into()));
    }

    /// Whether nothing was found against a rule so far.
    pub(crate) fn is_clean_of(&self, rule: &Rule) -> bool {
        !self.found.contains_key(rule.id)
    }

    /// Counts everything.
    pub(crate) fn finish(self, archive: String, package: Package) -> Report {
        let mut counts = Counts::default();
        let mut not_run = Vec::new();
        for rule in book::rules() {
            counts.rules += 1;
            let unmet = self.unmet.get(&rule.needs);
            let why = self.not_run.get(rule.id).or_else(|| unmet.map(|unmet| &unmet.why));
            match why {
                _ if rule.tier == Tier::CannotKnow => counts.cannot_know += 1,
                Some(why) if !self.found.contains_key(rule.id) => {
                    counts.not_run += 1;
                    let is_out_of_scope = unmet.is_some_and(|unmet| unmet.is_out_of_scope);
                    // What is not of the listing is looked at by the technical review.
                    let is_of_listing = matches!(rule.needs, Needs::Listing | Needs::Technical | Needs::Marketing);
                    let could_block = rule.tier == Tier::Blocks && (is_of_listing || self.tracks.technical());
                    let is_gap = could_block && !is_out_of_scope;
                    not_run.push(NotRun { rule, why: why.clone(), is_gap });
                }
                _ => counts.ran += 1,
            }
        }
        counts.suppressed = self.suppressed_count;
        let mut findings = Vec::new();
        for mut found in self.found.into_values() {
            counts.blocks += found.blocks;
            counts.warns += found.warns;
            let order = |finding: &Finding| (finding.tier, finding.place.clone());
            found.findings.sort_by_cached_key(order);
            let more = found.blocks + found.warns - found.findings.len();
            if let Some(last) = found.findings.last_mut().filter(|_| more > 0) {
                last.message = format!("{}; {more} more places like it", last.message);
            }
            findings.extend(found.findings);
        }
        let order: HashMap<_, _> = book::rules().enumerate().map(|(place, rule)| (rule.id, place)).collect();
        findings.sort_by_key(|finding| (finding.tier, order.get(finding.rule.id).copied()));
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

/// A message may quote a name or a value of a megabyte.
fn shortened(mut message: String) -> String {
    if let Some((end, _)) = message.char_indices().nth(LONGEST_MESSAGE) {
        message.truncate(end);
        message.push('…');
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::archive::{ARCHIVE_SIZE, VCS_FILES};

    fn report(ledger: Ledger) -> Report {
        ledger.finish("a.zip".into(), Package::default())
    }

    #[test]
    fn every_rule_is_counted_once() {
        let mut ledger = Ledger::default();
        ledger.unmet(Needs::Listing, "no manifest");
        ledger.not_run(&ARCHIVE_SIZE, "for a reason");
        let report = report(ledger);
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
        assert!(!report(ledger).not_run.iter().any(|not_run| not_run.rule == &VCS_FILES));
    }

    #[test]
    fn what_is_passed_over_is_counted_and_a_useless_suppression_named() {
        let suppression = |at: &str| Suppression { rule: "vcs-files".into(), at: Some(at.into()), reason: "r".into() };
        let mut ledger = Ledger::new(Tracks::Both, vec![suppression(".hg"), suppression(".git")]);
        ledger.find(&VCS_FILES, Place::file(".git"), "is there");
        let report = report(ledger);
        assert!(report.is_clean());
        assert_eq!((report.counts.suppressed, report.counts.warns), (1, 0));
        assert_eq!(report.unused_suppressions, [suppression(".hg")]);
    }

    #[test]
    fn the_places_of_one_rule_are_bounded_and_counted() {
        let mut ledger = Ledger::default();
        for number in 0..250 {
            ledger.find(&VCS_FILES, Place::file(format!("{number:03}/.git")), "is there");
        }
        let report = report(ledger);
        assert_eq!((report.findings.len(), report.counts.warns), (100, 250));
        assert_eq!(report.findings[99].message, "is there; 150 more places like it");
    }

    #[test]
    fn what_is_passed_over_leaves_room_for_what_is_not() {
        let suppression = Suppression { rule: "vcs-files".into(), at: Some("Test/*".into()), reason: "r".into() };
        let mut ledger = Ledger::new(Tracks::Both, vec![suppression]);
        for number in 0..250 {
            ledger.find(&VCS_FILES, Place::file(format!("Test/{number}/.git")), "is there");
        }
        ledger.find(&VCS_FILES, Place::file("src/.git"), "is there");
        let report = report(ledger);
        assert_eq!((report.findings.len(), report.suppressed.len(), report.counts.suppressed), (1, 100, 250));
    }

    #[test]
    fn a_message_of_a_megabyte_is_shown_in_part() {
        let mut ledger = Ledger::default();
        ledger.find(&VCS_FILES, Place::file("n".repeat(60_000)), "ü".repeat(1_000_000));
        let report = report(ledger);
        assert_eq!(report.findings[0].message.chars().count(), LONGEST_MESSAGE + 1);
        assert!(report.findings[0].place.to_string().chars().count() <= LONGEST_MESSAGE + 1);
    }

    #[test]
    fn a_rule_of_a_review_that_is_not_submitted_for_does_not_block() {
        for (tracks, place, tier) in [
            (Tracks::Technical, Place::field("categories"), Tier::Warns),
            (Tracks::Marketing, Place::field("categories"), Tier::Blocks),
            (Tracks::Marketing, Place::Archive, Tier::Warns),
            (Tracks::Technical, Place::Archive, Tier::Blocks),
            (Tracks::Marketing, Place::field("documentation_artifacts.user"), Tier::Blocks),
        ] {
            let mut ledger = Ledger::new(tracks, Vec::new());
            ledger.find(&ARCHIVE_SIZE, place, "is so");
            assert_eq!(report(ledger).findings[0].tier, tier, "{tracks:?}");
        }
    }

    #[test]
    fn a_blocking_rule_that_was_asked_for_and_did_not_run_is_a_gap() {
        let mut ledger = Ledger::default();
        ledger.unmet(Needs::CodeSniffer, "phpcs is not installed");
        ledger.not_asked(Needs::Technical, "it is not submitted for technical review");
        let report = report(ledger);
        assert_eq!(report.gaps().map(|gap| gap.rule.id).collect::<Vec<_>>(), ["code-sniffer"]);
        assert_eq!(report.verdict(), crate::Verdict::Incomplete);
    }
}
