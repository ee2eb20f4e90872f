//! `eqp doctor`: shows every setting with its origin, and tests the connections that the settings configure.

mod connectivity;
mod deliveries;
mod disk;
mod public_url;
mod receiver;
mod reconciliation;
mod settings;

use clap::Args;
use eqp_sync::{Check, CheckState};
use serde::Serialize;

use crate::config::ReceiverOptions;
use crate::context::Context;
use crate::failure::{ErrorReport, Failure, Result};
use crate::output::{Paint, Table};

/// Show every setting with its origin, and test the connections
///
/// The checks cover the Marketplace, the database, deliveries, reconciliation, the public URLs of the endpoints (which must reject a wrong
/// password), the receiver, its certificate and its disk. They change nothing, but start the embedded Postgres if it is not running. The exit code is that of the first failed check. With --server, the connection
/// to the server is checked; run the command on the server to check its database and receiver.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp doctor
  eqp doctor --profile live --json | jq '.checks[] | select(.state == \"failed\")'")]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) receiver: ReceiverOptions,
}

impl Doctor {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let settings = settings::all(context);
        let output = context.output;
        if !output.is_json() {
            let mut table = Table::new(&["setting", "value", "from"]);
            for setting in &settings {
                table.row([setting.name, &setting.value, &setting.from]);
            }
            output.line(table)?;
            output.line("")?;
        }
        let mut checks = Vec::new();
        let marketplace = connectivity::marketplace(context).await;
        let stored = connectivity::database(context).await;
        let here = [receiver::receiver(context).await, connectivity::certificate(context), disk::disk(context)];
        let server = connectivity::server(context).await;
        for check in server.into_iter().chain([marketplace]).chain(stored).chain(here) {
            if !output.is_json() {
                print(context, &check)?;
            }
            checks.push(check);
        }
        if output.is_json() {
            output.json(&DoctorReport { settings: &settings, checks: checks.iter().map(report).collect() })?;
        }
        match checks.into_iter().find_map(|check| match check.state {
            CheckState::Failed(failure) => Some(failure),
            CheckState::Fine(_) | CheckState::Warning(_) | CheckState::Absent(_) => None,
        }) {
            // The failed check has been printed already.
            Some(failure) => Err(failure.already_reported()),
            None => Ok(()),
        }
    }
}

/// The settings and checks as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct DoctorReport<'a> {
    /// Every setting with its origin.
    settings: &'a [settings::Setting],
    /// The checks, in the order in which they ran.
    checks: Vec<CheckReport<'a>>,
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
    Warning { detail: &'a str },
    /// It is not configured.
    Absent { detail: &'a str },
    /// It does not work.
    Failed { error: ErrorReport<'a> },
}

fn report(check: &Check<Failure>) -> CheckReport<'_> {
    let result = match &check.state {
        CheckState::Fine(detail) => CheckStateReport::Fine { detail },
        CheckState::Warning(detail) => CheckStateReport::Warning { detail },
        CheckState::Absent(detail) => CheckStateReport::Absent { detail },
        CheckState::Failed(failure) => CheckStateReport::Failed { error: failure.report() },
    };
    CheckReport { name: check.name, result }
}

fn print(context: &Context, check: &Check<Failure>) -> Result {
    let green = Paint(anstyle::AnsiColor::Green.on_default());
    let yellow = Paint(anstyle::AnsiColor::Yellow.on_default());
    let red = Paint(anstyle::AnsiColor::Red.on_default());
    let name = check.name;
    match &check.state {
        CheckState::Fine(text) => context.output.line(format_args!("{green}fine{green:#}    {name}: {text}")),
        CheckState::Warning(text) => context.output.line(format_args!("{yellow}warning{yellow:#} {name}: {text}")),
        CheckState::Absent(text) => context.output.line(format_args!("{yellow}absent{yellow:#}  {name}: {text}")),
        CheckState::Failed(failure) => context.output.line(format_args!("{red}failed{red:#}  {name}:\n{failure}")),
    }
}
