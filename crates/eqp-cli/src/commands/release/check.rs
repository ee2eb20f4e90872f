//! The first step of a release: checks the archive, which is not sent if the store would reject it.

use std::path::Path;

use eqp_check::{Finding, NotRun, Report, Severity};
use eqp_release::SelectedPackage;
use eqp_types::Environment;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::built::TagArchive;
use super::outcome::ResultStep;
use super::progress::{Progress, StepFacts};
use super::summary::Summary;
use crate::commands::packages::programs::ProgramOptions;
use crate::compose::client::client;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{counted, escaped, shell_word};

/// The rule that manifest and archive have the same version.
const VERSION_IS_SAME: &str = "version-is-same";

/// Returns the command that shows the complete report.
fn check_command(wanted: &SelectedPackage, archive: &Path, built: Option<&TagArchive>) -> String {
    let path = |path: &Path| shell_word(&path.to_string_lossy());
    let command = match built {
        // The archive is in a temporary folder.
        Some(TagArchive { tag, folder, .. }) => {
            format!("eqp packages build --tag {} --dry-run {}", shell_word(tag), path(folder))
        }
        None => format!("eqp packages check {}", path(archive)),
    };
    match wanted.manifest.as_deref().filter(|manifest| manifest.as_os_str() != "-") {
        Some(manifest) => format!("{command} --manifest {}", path(manifest)),
        None => command,
    }
}

/// The result of a release whose archive the store would reject, or was not checked completely, as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct FailedCheck<'a> {
    /// Marks the last line of `--progress json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<ResultStep>,
    /// The environment.
    environment: Environment,
    /// The package, for people.
    package: &'a str,
    /// The result of the check.
    result: CheckFailed,
    /// Always null, because nothing was sent.
    handle: Option<&'a str>,
    /// The findings of the check.
    findings: &'a [Finding],
    /// The blocking rules that did not run.
    not_run: Vec<&'a NotRun>,
}

/// The result of a check after which nothing is sent.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum CheckFailed {
    /// The store would reject the archive.
    CheckFailed,
    /// A blocking rule did not run.
    CheckIncomplete,
}

/// Checks the archive and the manifest.
pub(super) async fn check(
    context: &Context,
    wanted: &SelectedPackage,
    built: Option<&TagArchive>,
    programs: &ProgramOptions,
    summary: &mut Summary,
    stop: &CancellationToken,
    progress: &mut Progress,
) -> Result {
    let Some(archive) = &wanted.archive else { return Ok(()) };
    progress.begins("check", &format!("checking {}", archive.display()))?;
    let Some(mut report) = wanted.check(programs.tools(context, false, stop).await?, stop).await? else {
        return Ok(());
    };
    if report.is_blocked() {
        let for_new_version = report.clone().for_new_version();
        if !for_new_version.is_blocked() && wanted.has_earlier_version(&client(&context.settings.marketplace)?).await? {
            report = for_new_version;
        }
    }
    summary.add_check(&report);
    let refused = if report.is_blocked() {
        Err(rejected(&report, wanted, archive, built))
    } else {
        programs.refuse_gaps(&report)
    };
    if refused.is_ok() {
        return passed(&report, progress);
    }
    progress.clear();
    if context.output.is_json() || progress.is_json() {
        context.output.json(&FailedCheck {
            step: progress.is_json().then_some(ResultStep::Result),
            environment: context.settings.marketplace.environment(),
            package: &wanted.label,
            result: if report.is_blocked() { CheckFailed::CheckFailed } else { CheckFailed::CheckIncomplete },
            handle: None,
            findings: &report.findings,
            not_run: report.unchecked().collect(),
        })?;
    }
    refused
}

/// Reports a check without blocking findings.
fn passed(report: &Report, progress: &mut Progress) -> Result {
    let warnings = report.counts.warnings;
    for found in report.findings.iter().filter(|found| found.severity == Severity::Warning) {
        progress.note(&format!("{} at {}: {}", found.rule.id, found.location, found.message));
    }
    let gaps = report
        .unchecked()
        .map(|not_run| format!("; blocking rule {} did not run ({})", not_run.rule.id, not_run.reason));
    let (gaps, counted) = (gaps.collect::<Vec<_>>().concat(), counted(warnings, "warning"));
    let text = format!("checked {}: no blocking findings, {counted}{gaps}", report.archive);
    progress.done("check", &text, StepFacts { warnings: Some(warnings), ..StepFacts::default() })
}

/// Returns the failure for an archive that the store would reject.
fn rejected(report: &Report, wanted: &SelectedPackage, archive: &Path, built: Option<&TagArchive>) -> Failure {
    let refused = Failure::new(Exit::Rejected, format!("the store would reject {}", report.archive));
    let blocking = report.findings.iter().filter(|found| found.severity == Severity::Blocking);
    let reasons = blocking.map(|found| {
        let place = found.location.to_string();
        format!("{} at {}: {}\n{}", found.rule.id, escaped(&place), escaped(&found.message), found.remedy)
    });
    let refused = reasons
        .fold(refused, |failure, reason| failure.why_in_lines(&reason))
        .next(format!("show the complete report: {}", check_command(wanted, archive, built)));
    // Different versions in manifest and archive are refused even without the check.
    let is_ambiguous = report.findings.iter().any(|found| found.rule.id == VERSION_IS_SAME);
    if is_ambiguous { refused } else { refused.next("or submit it anyway with --skip-check") }
}
