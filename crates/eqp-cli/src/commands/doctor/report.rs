//! Prints the checks, as text and as JSON.

use eqp_console::SetupStep;
use eqp_sync::{Check, CheckState};
use serde::Serialize;

use super::settings::Setting;
use crate::failure::{ErrorReport, Failure, Result};
use crate::output::{Output, Paint};

/// The settings and checks as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct DoctorReport<'a> {
    /// The steps until the first callback arrives from Adobe; empty once one has arrived, and with --canary.
    setup: &'a [SetupStep],
    /// Every setting with its origin; empty with --canary.
    settings: &'a [Setting],
    /// The checks, in the order in which they ran.
    checks: Vec<CheckReport<'a>>,
}

impl<'a> DoctorReport<'a> {
    pub(super) fn new(settings: &'a [Setting], setup: &'a [SetupStep], checks: &'a [Check<Failure>]) -> Self {
        Self { setup, settings, checks: checks.iter().map(report).collect() }
    }
}

/// A check.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct CheckReport<'a> {
    /// The name of the check.
    name: &'a str,
    #[serde(flatten)]
    result: CheckStateReport<'a>,
}

/// The result of a check.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "state", rename_all = "snake_case")]
enum CheckStateReport<'a> {
    /// Everything is as it should be.
    Fine { detail: &'a str },
    /// It works, but should be looked into.
    Warning { detail: &'a str, remedy: &'a str },
    /// It is not configured.
    Absent { detail: &'a str },
    /// It does not work.
    Failed { error: ErrorReport<'a> },
}

fn report(check: &Check<Failure>) -> CheckReport<'_> {
    let result = match &check.state {
        CheckState::Fine(detail) => CheckStateReport::Fine { detail },
        CheckState::Warning { what, remedy } => CheckStateReport::Warning { detail: what, remedy },
        CheckState::Absent(detail) => CheckStateReport::Absent { detail },
        CheckState::Failed(failure) => CheckStateReport::Failed { error: failure.report() },
    };
    CheckReport { name: check.name, result }
}

/// Prints a check.
pub(super) fn print(output: Output, check: &Check<Failure>) -> Result {
    let green = Paint(anstyle::AnsiColor::Green.on_default());
    let yellow = Paint(anstyle::AnsiColor::Yellow.on_default());
    let red = Paint(anstyle::AnsiColor::Red.on_default());
    let name = check.name;
    match &check.state {
        CheckState::Fine(text) => output.line(format_args!("{green}fine{green:#}    {name}: {text}")),
        CheckState::Warning { what, remedy } => {
            output.line(format_args!("{yellow}warning{yellow:#} {name}: {what}\n        next: {remedy}"))
        }
        CheckState::Absent(text) => output.line(format_args!("{yellow}absent{yellow:#}  {name}: {text}")),
        CheckState::Failed(failure) => {
            output.line(format_args!("{red}failed{red:#}  {name}: {}", failure.without_label()))
        }
    }
}
