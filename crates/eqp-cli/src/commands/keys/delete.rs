//! `eqp keys delete`.

use clap::Args;
use serde_json::json;

use crate::compose::client::client;
use crate::context::Context;
use crate::failure::Outcome;

/// Delete a Composer key for good: whatever logs in with it is locked out
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp keys delete build-server
  eqp keys delete build-server --environment production --yes")]
pub(crate) struct Delete {
    /// Its label
    label: String,
    /// Account that it belongs to [default: the own one]
    #[arg(long, value_name = "ACCOUNT")]
    uid: Option<String>,
}

impl Delete {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let client = client(&context.settings.marketplace)?;
        let environment = client.environment();
        let label = &self.label;
        context.confirmation.ask(environment, &format!("Delete the Composer key `{label}`"))?;
        client.keys().delete(label, self.uid.as_deref()).await?;
        if context.output.is_json() {
            return context.output.json(&json!({
                "environment": environment, "label": label, "uid": self.uid, "deleted": true,
            }));
        }
        context.output.line(format_args!("{label} is deleted in {environment}"))
    }
}
