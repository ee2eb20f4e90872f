//! `eqp keys enable` and `eqp keys disable`.

use clap::Args;
use serde_json::json;

use crate::compose::client::client;
use crate::context::Context;
use crate::failure::Outcome;

/// Let a Composer key be used again
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp keys enable build-server")]
pub(crate) struct Enable {
    #[command(flatten)]
    key: Key,
}

/// Keep a Composer key from being used, without deleting it
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp keys disable build-server
  eqp keys disable build-server --uid MAG123456789 --json")]
pub(crate) struct Disable {
    #[command(flatten)]
    key: Key,
}

/// Which key is meant.
#[derive(Args, Debug)]
struct Key {
    /// Its label
    label: String,
    /// Account that it belongs to [default: the own one]
    #[arg(long, value_name = "ACCOUNT")]
    uid: Option<String>,
}

impl Enable {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        self.key.set_enabled(context, true).await
    }
}

impl Disable {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        self.key.set_enabled(context, false).await
    }
}

impl Key {
    async fn set_enabled(&self, context: &Context, is_enabled: bool) -> Outcome {
        let (verb, done) = if is_enabled { ("Enable", "enabled") } else { ("Disable", "disabled") };
        let client = client(&context.settings.marketplace)?;
        let environment = client.environment();
        let label = &self.label;
        context.confirmation.ask(environment, &format!("{verb} the Composer key `{label}`"))?;
        client.keys().set_enabled(label, self.uid.as_deref(), is_enabled).await?;
        if context.output.is_json() {
            return context.output.json(&json!({
                "environment": environment, "label": label, "uid": self.uid, "is_enabled": is_enabled,
            }));
        }
        context.output.line(format_args!("{label} is {done} in {environment}"))
    }
}
