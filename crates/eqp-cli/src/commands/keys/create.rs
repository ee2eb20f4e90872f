//! `eqp keys create`.

use clap::Args;
use eqp_client::keys::{KeyOutcome, NewKey};
use serde_json::json;

use super::shown::{ShownKey, table};
use crate::compose::client::client;
use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::output::counted;

/// Make Composer keys, and show their passwords
///
/// The passwords go to standard output and nowhere else: send it where only the right ones can read it.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp keys create build-server
  (umask 077; eqp keys create build-server --json > key.json)")]
pub(crate) struct Create {
    /// Labels, by which they are changed and deleted later
    #[arg(required = true, value_name = "LABEL")]
    labels: Vec<String>,
    /// Account that they are for [default: the own one]
    #[arg(long, value_name = "ACCOUNT")]
    uid: Option<String>,
}

impl Create {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let client = client(&context.settings.marketplace)?;
        let environment = client.environment();
        context.confirmation.ask(environment, &format!("Make {}", counted(self.labels.len(), "Composer key")))?;
        let wanted: Vec<_> =
            self.labels.iter().map(|label| NewKey { label: label.clone(), uid: self.uid.clone() }).collect();
        let made = client.keys().create(&wanted).await?;
        let good: Vec<_> = made.iter().filter(|outcome| outcome.is_success()).collect();
        let shown: Vec<_> =
            good.iter().filter_map(|outcome| Some(ShownKey::new(outcome.key.as_ref()?, true))).collect();
        let refused: Vec<_> = self.labels.iter().zip(&made).filter(|(_, outcome)| !outcome.is_success()).collect();
        if context.output.is_json() {
            let refused: Vec<_> = refused
                .iter()
                .map(|(label, outcome)| json!({"label": label, "code": outcome.code, "message": outcome.message}))
                .collect();
            context.output.json(&json!({"environment": environment, "m2": shown, "refused": refused}))?;
        } else if !shown.is_empty() {
            context.output.line(table(environment, &shown))?;
        }
        if refused.is_empty() {
            return Ok(());
        }
        let what = format!("{} of {} keys were not made", refused.len(), made.len());
        Err(refused.iter().map(reason).fold(Failure::new(Exit::Rejected, what), Failure::why))
    }
}

fn reason((label, outcome): &(&String, &KeyOutcome)) -> String {
    let code = outcome.code.map(|code| format!(" (code {code})")).unwrap_or_default();
    format!("{label}: {}{code}", outcome.message.as_deref().unwrap_or("no reason given"))
}
