//! The report of a check: its findings and the rules that did not run.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::limits::MAX_MESSAGE_CHARS;
use crate::registry::package::{SECRET_FILE, SECRET_TEXT};
use crate::registry::submission::{CUSTOM_LICENSE, MARKETING_FIELDS, TECHNICAL_FIELDS};
use crate::registry::{Rule, Severity};

/// The report of a check. Its JSON form is an object with these fields.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Report {
    /// The file name of the archive.
    pub archive: String,
    /// The package according to composer.json, if that could be read.
    pub package: Package,
    /// The violations: blocking ones first, then in the order of the registry.
    pub findings: Vec<Finding>,
    /// The findings that the manifest suppresses.
    pub suppressed: Vec<Suppressed>,
    /// Suppressions that matched no finding.
    pub unused_suppressions: Vec<Suppression>,
    /// The rules that did not run, with the reasons.
    pub not_run: Vec<NotRun>,
    /// The counts.
    pub counts: Counts,
}

/// The package according to composer.json.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Package {
    /// The name, `vendor/package`.
    pub name: Option<String>,
    /// The version.
    pub version: Option<String>,
    /// The type.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

/// A violation of a rule at one location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Finding {
    /// The rule.
    #[serde(serialize_with = "id_of")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub rule: &'static Rule,
    /// The severity, which can be lower than that of the rule.
    pub severity: Severity,
    /// The location.
    pub location: Location,
    /// The problem.
    pub message: String,
    /// How to fix it.
    pub remedy: &'static str,
}

/// The location of a finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Location {
    /// The archive as a whole.
    Archive,
    /// A file in the archive.
    File {
        /// The path from the root of the package.
        name: String,
        /// The line, starting at 1.
        line: Option<u32>,
    },
    /// A field of the manifest.
    Field {
        /// The path of the field, such as `prices[1].edition`.
        name: String,
    },
}

/// A suppressed finding.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Suppressed {
    /// The finding.
    pub finding: Finding,
    /// The reason in the manifest.
    pub reason: String,
}

/// Suppresses findings of a rule that are not relevant for a package.
///
/// ```
/// use eqp_check::{Check, Suppression};
///
/// let suppression = Suppression { rule: "unfinished".into(), at: Some("Test/*".into()), reason: "part of the test data".into() };
/// let check = Check::new().suppressions(vec![suppression]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Suppression {
    /// The ID of the rule.
    pub rule: String,
    /// The file or field, or a prefix followed by `*`. If it is `None`, all findings of the rule are suppressed.
    #[serde(default)]
    pub at: Option<String>,
    /// The reason why the findings are not relevant.
    pub reason: String,
}

/// A rule that did not run.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct NotRun {
    /// The rule.
    #[serde(serialize_with = "id_of")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub rule: &'static Rule,
    /// The reason why it did not run.
    pub reason: String,
    /// Whether it is a blocking rule in the scope of the check, so that the result is incomplete.
    pub could_block: bool,
}

/// The overall result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum CheckResult {
    /// All blocking rules ran, and none is violated.
    Passed,
    /// No blocking rule is known to be violated, but not all of them ran.
    Incomplete,
    /// At least one finding is blocking.
    Blocked,
}

/// The counts of a report. `rules` is the sum of `ran`, `not_run` and `store_only`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Counts {
    /// All rules in the registry.
    pub rules: usize,
    /// Rules that ran.
    pub ran: usize,
    /// Rules that did not run, except store-only ones.
    pub not_run: usize,
    /// Rules that only the store can check.
    pub store_only: usize,
    /// Blocking findings.
    pub blocking: usize,
    /// Findings that are warnings.
    pub warnings: usize,
    /// Suppressed findings.
    pub suppressed: usize,
}

impl Report {
    /// Converts the report for a new version of a product that is already in the store.
    ///
    /// Missing fields of the listing become warnings, because the store very probably copies them from the earlier version,
    /// although this is not documented.
    #[must_use]
    pub fn for_new_version(mut self) -> Self {
        const INHERITED: [&Rule; 3] = [&TECHNICAL_FIELDS, &MARKETING_FIELDS, &CUSTOM_LICENSE];
        let lowered = self
            .findings
            .iter_mut()
            .filter(|finding| finding.severity == Severity::Blocking && INHERITED.contains(&finding.rule));
        let mut count = 0;
        for finding in lowered {
            finding.severity = Severity::Warning;
            finding.message.push_str("; the store probably takes it from the earlier version");
            count += 1;
        }
        self.counts.blocking -= count;
        self.counts.warnings += count;
        self.findings.sort_by_key(|finding| finding.severity);
        self
    }

    /// Returns the findings about secrets: files with names that only files with secrets have, and texts with a key or a token.
    ///
    /// # Errors
    ///
    /// The rule that did not run, so that the archive may contain secrets.
    pub fn secrets(&self) -> Result<Vec<&Finding>, &NotRun> {
        let is_about_secrets = |rule: &Rule| rule.id == SECRET_FILE.id || rule.id == SECRET_TEXT.id;
        match self.not_run.iter().find(|not_run| is_about_secrets(not_run.rule)) {
            Some(not_run) => Err(not_run),
            None => Ok(self.findings.iter().filter(|finding| is_about_secrets(finding.rule)).collect()),
        }
    }

    /// Returns whether at least one finding is blocking.
    pub fn is_blocked(&self) -> bool {
        self.counts.blocking > 0
    }

    /// Returns whether there are no findings, neither blocking ones nor warnings.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// Iterates over the blocking rules in the scope of the check that did not run.
    pub fn unchecked(&self) -> impl Iterator<Item = &NotRun> {
        self.not_run.iter().filter(|not_run| not_run.could_block)
    }

    /// Iterates over the blocking rules in the scope of the check that did not run, except those with an allowed ID.
    pub fn gaps<'a>(&'a self, allowed: &'a [String]) -> impl Iterator<Item = &'a NotRun> {
        self.unchecked().filter(|not_run| !allowed.iter().any(|id| id == not_run.rule.id))
    }

    /// Returns the overall result. A rule that did not run is never counted as passed.
    pub fn result(&self) -> CheckResult {
        if self.is_blocked() {
            CheckResult::Blocked
        } else if self.unchecked().next().is_some() {
            CheckResult::Incomplete
        } else {
            CheckResult::Passed
        }
    }
}

impl Finding {
    /// Returns whether the finding is in the file with this path from the root of the package.
    pub fn is_in_file(&self, path: &str) -> bool {
        matches!(&self.location, Location::File { name, .. } if name == path.strip_prefix("./").unwrap_or(path))
    }
}

impl Suppression {
    /// Returns whether the suppression matches a finding.
    pub(crate) fn covers(&self, finding: &Finding) -> bool {
        let at = match &finding.location {
            Location::Archive => "",
            Location::File { name, .. } | Location::Field { name } => name,
        };
        self.rule == finding.rule.id
            && self.at.as_deref().is_none_or(|pattern| match pattern.strip_suffix('*') {
                Some(begin) => at.starts_with(begin),
                None => at == pattern,
            })
    }
}

impl Location {
    /// Returns the location of a file, without a line.
    pub(crate) fn file(name: impl Into<String>) -> Self {
        Self::File { name: name.into(), line: None }
    }

    /// Shortens a very long name.
    pub(crate) fn shortened(mut self) -> Self {
        if let Self::File { name, .. } | Self::Field { name } = &mut self
            && let Some((end, _)) = name.char_indices().nth(MAX_MESSAGE_CHARS)
        {
            name.truncate(end);
            name.push('…');
        }
        self
    }

    /// Returns the location of a field of the manifest.
    pub(crate) fn field(name: impl Into<String>) -> Self {
        Self::Field { name: name.into() }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Archive => f.write_str("archive"),
            Self::File { name, line: Some(line) } => write!(f, "{name}:{line}"),
            Self::File { name, line: None } | Self::Field { name } => f.write_str(name),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference to the field")]
fn id_of<S: serde::Serializer>(rule: &&'static Rule, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(rule.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::package::UNFINISHED;

    #[test]
    fn a_suppression_covers_its_rule_at_its_place() {
        let finding = Finding {
            rule: &UNFINISHED,
            severity: UNFINISHED.severity,
            location: Location::File { name: "Model/Badge.php".into(), line: Some(7) },
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
