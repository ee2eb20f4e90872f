//! What a check found, and what it could not look at.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::book::submit::{CUSTOM_LICENSE, MARKETING_FIELDS, TECHNICAL_FIELDS};
use crate::book::{Rule, Tier};
use crate::limits::LONGEST_MESSAGE;

/// What a check found. As JSON it is an object with these fields.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The archive's file name.
    pub archive: String,
    /// What composer.json says of the package, as far as it could be read.
    pub package: Package,
    /// Which rules are broken, and where; blocking ones first, then in the order of the book.
    pub findings: Vec<Finding>,
    /// What was passed over because the manifest says so.
    pub suppressed: Vec<Suppressed>,
    /// Suppressions that nothing was found for.
    pub unused_suppressions: Vec<Suppression>,
    /// The rules that did not run, and why.
    pub not_run: Vec<NotRun>,
    /// All of it in numbers.
    pub counts: Counts,
}

/// What composer.json says of the package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Package {
    /// `vendor/package`.
    pub name: Option<String>,
    /// As written.
    pub version: Option<String>,
    /// As written.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

/// One broken rule at one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule.
    #[serde(serialize_with = "id_of")]
    pub rule: &'static Rule,
    /// What happens to a submission because of it.
    pub tier: Tier,
    /// Where.
    pub place: Place,
    /// What is wrong there.
    pub message: String,
    /// What to do about it.
    pub remedy: &'static str,
}

/// Where something was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Place {
    /// The archive as a whole.
    Archive,
    /// A file in the archive.
    File {
        /// Its name, from the package's top.
        name: String,
        /// Its line, counted from 1.
        line: Option<u32>,
    },
    /// A field of the manifest.
    Field {
        /// Its name, such as `prices[1].edition`.
        name: String,
    },
}

/// A finding that was passed over.
#[derive(Clone, Debug, Serialize)]
pub struct Suppressed {
    /// What was found.
    pub finding: Finding,
    /// Why it does not matter, as the manifest says.
    pub reason: String,
}

/// A rule to pass over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suppression {
    /// The rule's name.
    pub rule: String,
    /// The file or field where it does not matter, with `*` at its end for all that begin so; everywhere if left out.
    #[serde(default)]
    pub at: Option<String>,
    /// Why it does not matter.
    pub reason: String,
}

/// A rule that did not run.
#[derive(Clone, Debug, Serialize)]
pub struct NotRun {
    /// The rule.
    #[serde(serialize_with = "id_of")]
    pub rule: &'static Rule,
    /// Why.
    pub why: String,
    /// Whether it is a rule that could have blocked and that the check was to look at: without it nobody knows whether the
    /// submission passes.
    pub is_gap: bool,
}

/// What a check comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every rule that could block ran, and none did.
    Passes,
    /// Nothing was found that blocks, but not every rule that could block ran.
    Incomplete,
    /// Something was found that the store refuses.
    Refused,
}

/// A report in numbers. `rules` is `ran` and `not_run` and `cannot_know` together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Rules in the book.
    pub rules: usize,
    /// Rules that ran.
    pub ran: usize,
    /// Rules that did not run, though they could have.
    pub not_run: usize,
    /// Rules that only the store can run.
    pub cannot_know: usize,
    /// Findings that block.
    pub blocks: usize,
    /// Findings that warn.
    pub warns: usize,
    /// Findings that were passed over.
    pub suppressed: usize,
}

impl Report {
    /// Returns the report as it is for a new version of a product whose earlier version is in the store.
    ///
    /// Fields of the listing that are missing are warned about instead of blocking: the store very probably fills them in from
    /// the earlier version, though no documentation says so.
    #[must_use]
    pub fn for_new_version(mut self) -> Self {
        const INHERITED: [&Rule; 3] = [&TECHNICAL_FIELDS, &MARKETING_FIELDS, &CUSTOM_LICENSE];
        let lowered = self
            .findings
            .iter_mut()
            .filter(|finding| finding.tier == Tier::Blocks && INHERITED.contains(&finding.rule));
        let mut count = 0;
        for finding in lowered {
            finding.tier = Tier::Warns;
            finding.message.push_str("; the store probably takes it from the earlier version");
            count += 1;
        }
        self.counts.blocks -= count;
        self.counts.warns += count;
        self.findings.sort_by_key(|finding| finding.tier);
        self
    }

    /// Something was found that the store refuses.
    pub fn is_refused(&self) -> bool {
        self.counts.blocks > 0
    }

    /// Nothing was found at all, neither what blocks nor what warns.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// The rules that could have blocked and did not run, though the check was to look at them.
    pub fn gaps(&self) -> impl Iterator<Item = &NotRun> {
        self.not_run.iter().filter(|not_run| not_run.is_gap)
    }

    /// What the check comes to. A rule that did not run never counts as one that passed.
    pub fn verdict(&self) -> Verdict {
        if self.is_refused() {
            Verdict::Refused
        } else if self.gaps().next().is_some() {
            Verdict::Incomplete
        } else {
            Verdict::Passes
        }
    }
}

impl Suppression {
    /// Whether it is about this finding.
    pub(crate) fn covers(&self, finding: &Finding) -> bool {
        let at = match &finding.place {
            Place::Archive => "",
            Place::File { name, .. } | Place::Field { name } => name,
        };
        self.rule == finding.rule.id
            && self.at.as_deref().is_none_or(|wanted| match wanted.strip_suffix('*') {
                Some(begin) => at.starts_with(begin),
                None => at == wanted,
            })
    }
}

impl Place {
    /// A file, without a line.
    pub(crate) fn file(name: impl Into<String>) -> Self {
        Self::File { name: name.into(), line: None }
    }

    /// The same place, with a name that can be shown.
    pub(crate) fn shortened(mut self) -> Self {
        if let Self::File { name, .. } | Self::Field { name } = &mut self
            && let Some((end, _)) = name.char_indices().nth(LONGEST_MESSAGE)
        {
            name.truncate(end);
            name.push('…');
        }
        self
    }

    /// A field of the manifest.
    pub(crate) fn field(name: impl Into<String>) -> Self {
        Self::Field { name: name.into() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Archive => f.write_str("archive"),
            Self::File { name, line: Some(line) } => write!(f, "{name}:{line}"),
            Self::File { name, line: None } | Self::Field { name } => f.write_str(name),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference to the field")]
fn id_of<S: serde::Serializer>(rule: &&'static Rule, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(rule.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::code::UNFINISHED;

    #[test]
    fn a_suppression_covers_its_rule_at_its_place() {
        let finding = Finding {
            rule: &UNFINISHED,
            tier: UNFINISHED.tier,
            place: Place::File { name: "Model/Badge.php".into(), line: Some(7) },
            message: String::new(),
            remedy: UNFINISHED.remedy,
        };
        let covers = |rule: &str, at: Option<&str>| {
            Suppression { rule: rule.into(), at: at.map(Into::into), reason: "r".into() }.covers(&finding)
        };
        assert!(covers("unfinished", None) && covers("unfinished", Some("Model/*")));
        assert!(covers("unfinished", Some("Model/Badge.php")));
        assert!(!covers("unfinished", Some("Model/Badge")) && !covers("clutter", None));
    }
}
