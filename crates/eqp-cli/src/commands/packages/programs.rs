//! The options for rules that external programs check, and what a check without these programs means.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::Args;
use eqp_check::{Report, Tools, rules};
use eqp_release::tools::{ToolError, ToolFolder};
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::escaped;

/// Options for the rules that external programs check.
#[derive(Args, Clone, Debug)]
pub(crate) struct ProgramOptions {
    /// JSON report of phpcs to use instead of running it
    ///
    /// The report must cover every PHP file of the archive. Write it with the flags of the store: phpcs
    /// --standard=Magento2 --extensions=php,phtml --error-severity=10 --ignore-annotations --report=json
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    phpcs_report: Option<PathBuf>,
    /// Blocking rule that need not run, such as code-sniffer; can be repeated
    #[arg(long, value_name = "RULE", value_parser = program_rule)]
    allow_not_run: Vec<String>,
}

/// Parses the ID of a rule that an external program checks.
fn program_rule(id: &str) -> Result<String, String> {
    let known: Vec<_> = rules().filter(|rule| rule.needs_program()).map(|rule| rule.id).collect();
    if known.contains(&id) {
        return Ok(id.to_owned());
    }
    Err(format!("this is not a rule that a program checks; those rules are {}", known.join(" and ")))
}

/// Selects the code sniffer in the data folder, if it is installed. One that was changed is not run.
async fn with_installed(tools: Tools, context: &Context, stop: &CancellationToken) -> Result<Tools> {
    // A check needs no data folder, so one that cannot be used is not an error.
    let Ok(data) = context.settings.data.look() else { return Ok(tools) };
    Ok(match ToolFolder::new(data.tools()).code_sniffer(stop).await {
        Ok(Some(sniffer)) => tools.code_sniffer(sniffer),
        Ok(None) => tools,
        Err(ToolError::Check(error @ eqp_check::Error::Cancelled)) => return Err(error.into()),
        Err(error) => tools.without_code_sniffer(error.to_string()),
    })
}

impl ProgramOptions {
    /// Returns the programs to run: those that `eqp tools install` has installed, else those on PATH. A report of phpcs replaces its run.
    pub(crate) async fn tools(&self, context: &Context, is_skipped: bool, stop: &CancellationToken) -> Result<Tools> {
        let tools = match std::env::var_os("PATH") {
            _ if is_skipped => Tools::none(),
            Some(path) => Tools::installed(&path),
            None => Tools::installed(OsStr::new("")),
        };
        let Some(report) = &self.phpcs_report else {
            return if is_skipped { Ok(tools) } else { with_installed(tools, context, stop).await };
        };
        if !report.is_file() {
            return Err(Failure::usage(format!("the report {} does not exist", escaped(&report.to_string_lossy())))
                .next("pass a file that phpcs wrote with --report=json --report-file=FILE"));
        }
        Ok(tools.phpcs_report(report.clone()))
    }

    /// Fails if a blocking rule did not run, unless it is allowed.
    pub(crate) fn refuse_gaps(&self, report: &Report) -> Result {
        let gaps: Vec<_> = report.gaps(&self.allow_not_run).collect();
        if gaps.is_empty() {
            return Ok(());
        }
        let what = format!("the check of {} is incomplete, which is not a pass", escaped(&report.archive));
        let mut failure = Failure::new(Exit::Failed, what);
        for gap in &gaps {
            failure = failure.why(format!("blocking rule {} did not run: {}", gap.rule.id, escaped(&gap.reason)));
        }
        let by_program: Vec<_> = gaps.iter().filter(|gap| gap.rule.needs_program()).map(|gap| gap.rule.id).collect();
        if by_program.is_empty() {
            return Err(failure.next("fix the reason, then check again"));
        }
        let allowances: Vec<_> = by_program.iter().map(|id| format!("--allow-not-run {id}")).collect();
        Err(failure
            .next("install phpcs with the store's rules: eqp tools install")
            .next("or pass the report of a phpcs that CI has run: --phpcs-report FILE")
            .next(format!("or leave it to the store, which will run it: {}", allowances.join(" "))))
    }
}
