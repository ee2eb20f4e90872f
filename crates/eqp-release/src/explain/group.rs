//! Groups the findings of one report. The code sniffer runs once per PHP version, and Varnish once per Commerce version, so the same
//! findings repeat.

use std::collections::{BTreeMap, BTreeSet};

use eqp_check::{Reason, Report, reason, reasons};
use eqp_types::{SingleReport, TestDetails, TestReport, TestStatus};
use serde::Serialize;

use super::found::{FoundBefore, found_before};

/// The maximum number of places per group. Further ones are counted.
const MAX_PLACES: usize = 200;
/// The maximum length of a message, in characters.
const MAX_CHARS: usize = 600;

/// Findings of one tool that occur in the same environments.
#[derive(Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ReasonGroup {
    /// The tool: `phpcs`, `varnish`, `marketing`, …
    pub tool: String,
    /// The environments, such as `PHP 8.3`. Empty if the tool does not name them.
    pub environments: Vec<String>,
    /// The findings.
    pub places: Vec<FoundPlace>,
    /// The number of findings that are not listed.
    pub more: usize,
    /// The link to files of the reviewer. It leads to another host, and is not opened.
    pub attachment: Option<String>,
    /// Whether `eqp packages check` finds it before a submission.
    pub found_before: FoundBefore,
    /// The places where a check of the archive finds the same kind of problem.
    pub found_in_archive: Vec<String>,
}

/// A finding.
#[derive(Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct FoundPlace {
    /// The file, from the root of the package.
    pub file: Option<String>,
    /// The line, starting at 1.
    pub line: Option<u32>,
    /// The column, starting at 1.
    pub column: Option<u32>,
    /// The violated rule of the tool.
    pub source: Option<String>,
    /// The message.
    pub message: String,
    /// The line of source code, if the archive was read.
    pub code: Option<String>,
    /// The reason in the catalogue.
    pub reason: Option<&'static Reason>,
}

/// The key of a finding of the code sniffer: file, line, column, rule, message.
type Key = (String, Option<u32>, Option<u32>, Option<String>, String);

/// Groups the findings of a report that did not pass.
pub fn groups_of(tool: &str, report: &TestReport) -> Vec<ReasonGroup> {
    let groups = if tool == "phpcs" { of_code_sniffer(report) } else { Vec::new() };
    if groups.is_empty() { of_sentences(tool, report) } else { groups }
}

fn has_passed(status: Option<&TestStatus>) -> bool {
    status.is_some_and(TestStatus::has_passed)
}

/// Groups errors by the PHP versions in which they occur, the most versions first.
fn of_code_sniffer(report: &TestReport) -> Vec<ReasonGroup> {
    let mut versions: BTreeMap<Key, BTreeSet<String>> = BTreeMap::new();
    for single in report.reports().iter().filter(|single| !has_passed(single.status.as_ref())) {
        let Some(TestDetails::CodeSniffer(details)) = &single.details else { continue };
        for (path, file) in &details.files {
            for message in file.messages.iter().filter(|message| message.is_error()) {
                let number = |number: Option<i64>| number.and_then(|number| u32::try_from(number).ok());
                let key = (
                    single.path_in_package(path).to_owned(),
                    number(message.line),
                    number(message.column),
                    message.source.clone(),
                    shortened(message.message.as_deref().unwrap_or("no message")),
                );
                versions.entry(key).or_default().extend(environment(single));
            }
        }
    }
    let mut groups: BTreeMap<(usize, Vec<String>), Vec<FoundPlace>> = BTreeMap::new();
    for ((file, line, column, source, message), versions) in versions {
        let text = format!("{} {message}", source.as_deref().unwrap_or_default());
        let place =
            FoundPlace { reason: reason("phpcs", &text), file: Some(file), line, column, source, message, code: None };
        let versions: Vec<_> = versions.into_iter().collect();
        groups.entry((usize::MAX - versions.len(), versions)).or_default().push(place);
    }
    groups.into_iter().map(|((_, environments), places)| group("phpcs", environments, places, None)).collect()
}

/// Groups the sentences of a report by the environments in which they occur.
fn of_sentences(tool: &str, report: &TestReport) -> Vec<ReasonGroup> {
    let attachment = report.reports().iter().find_map(|single| match &single.details {
        Some(TestDetails::Review(review)) => review.attachment.clone(),
        _ => None,
    });
    let mut groups: Vec<(Vec<String>, Vec<String>)> = Vec::new();
    for failed in report.failures() {
        let environment = failed.title.split_once(" (").map(|(_, rest)| rest.trim_end_matches(')').to_owned());
        // The attachment is shown separately.
        let sentences: Vec<_> =
            failed.sentences.into_iter().filter(|sentence| !sentence.starts_with("Attached: ")).collect();
        match groups.iter_mut().find(|(_, known)| *known == sentences) {
            Some((environments, _)) => environments.extend(environment),
            None => groups.push((environment.into_iter().collect(), sentences)),
        }
    }
    let of_sentence = |message: String| FoundPlace {
        reason: reason(tool, &message).or_else(|| only_reason(tool)),
        file: None,
        line: None,
        column: None,
        source: None,
        message,
        code: None,
    };
    let groups = groups.into_iter().map(|(environments, sentences)| {
        let places = sentences.into_iter().map(of_sentence).collect();
        group(tool, environments, places, attachment.clone())
    });
    groups.collect()
}

impl ReasonGroup {
    /// Decides whether a check finds the reasons of the group. Without a report, the archive was not checked.
    pub(super) fn compare(&mut self, report: Option<&Report>) {
        let of_reasons = self.places.iter().find_map(|place| place.reason?.rule);
        let Some(rule) = of_reasons.or((self.tool == "phpcs").then_some("code-sniffer")) else { return };
        let (answer, places) = found_before(rule, report);
        self.found_before = answer;
        // The code sniffer's own places are those of the report.
        if self.places.iter().all(|place| place.file.is_none()) {
            self.found_in_archive = places;
        }
    }
}

fn group(
    tool: &str,
    environments: Vec<String>,
    mut places: Vec<FoundPlace>,
    attachment: Option<String>,
) -> ReasonGroup {
    let more = places.len().saturating_sub(MAX_PLACES);
    places.truncate(MAX_PLACES);
    let mut group = ReasonGroup {
        tool: tool.to_owned(),
        environments,
        places,
        more,
        attachment,
        found_before: FoundBefore::OnlyStore,
        found_in_archive: Vec::new(),
    };
    group.compare(None);
    group
}

/// Returns the reason of a tool that has only one, such as the copy-paste detector, which has no report.
fn only_reason(tool: &str) -> Option<&'static Reason> {
    let mut of_tool = reasons().filter(|reason| reason.tool == tool);
    let first = of_tool.next()?;
    of_tool.next().is_none().then_some(first)
}

fn environment(report: &SingleReport) -> Option<String> {
    report.php_version.as_ref().map(|version| format!("PHP {version}"))
}

fn shortened(message: &str) -> String {
    message.chars().take(MAX_CHARS).collect()
}
