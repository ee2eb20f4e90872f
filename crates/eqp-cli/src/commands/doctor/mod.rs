//! `eqp doctor`: what is set, where each value came from, and whether what is named there can be reached.

mod reach;
mod settings;

use clap::Args;
use serde_json::json;

use self::reach::{Check, State};
use crate::config::ReceiverOptions;
use crate::context::Context;
use crate::failure::Outcome;
use crate::output::{Paint, Table};

/// Show every setting with where it came from, and whether Marketplace, database and receiver can be reached
///
/// It changes nothing; an embedded Postgres that does not run is started to be looked at. It ends with the exit code of the first thing that is set and does not work.
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
    pub(crate) async fn run(self, context: &Context) -> Outcome {
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
        for check in [
            reach::marketplace(context).await,
            reach::database(context).await,
            reach::receiver(context).await,
            reach::certificate(context),
        ] {
            if !output.is_json() {
                print(context, &check)?;
            }
            checks.push(check);
        }
        if output.is_json() {
            let checks: Vec<_> = checks.iter().map(Check::to_json).collect();
            output.json(&json!({"settings": settings, "checks": checks}))?;
        }
        match checks.into_iter().find_map(|check| match check.state {
            State::Failed(failure) => Some(failure),
            State::Fine(_) | State::Absent(_) => None,
        }) {
            // It has been shown in its place.
            Some(failure) => Err(failure.shown()),
            None => Ok(()),
        }
    }
}

fn print(context: &Context, check: &Check) -> Outcome {
    let green = Paint(anstyle::AnsiColor::Green.on_default());
    let yellow = Paint(anstyle::AnsiColor::Yellow.on_default());
    let red = Paint(anstyle::AnsiColor::Red.on_default());
    let name = check.name;
    match &check.state {
        State::Fine(text) => context.output.line(format_args!("{green}fine{green:#}    {name}: {text}")),
        State::Absent(text) => context.output.line(format_args!("{yellow}absent{yellow:#}  {name}: {text}")),
        State::Failed(failure) => context.output.line(format_args!("{red}failed{red:#}  {name}:\n{failure}")),
    }
}
