//! `eqp keys enable` and `eqp keys disable`.

use clap::Args;
use eqp_client::Client;
use eqp_client::keys::{KeyFilter, KeyPlatform};
use serde_json::json;

use crate::compose::client::client;
use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};

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
        let verb = if is_enabled { "Enable" } else { "Disable" };
        let client = client(&context.settings.marketplace)?;
        let environment = client.environment();
        let label = &self.label;
        context.confirmation.ask(environment, &format!("{verb} the Composer key `{label}`"))?;
        let outcome = client.keys().set_enabled(label, self.uid.as_deref(), is_enabled).await?;
        if !outcome.is_success() {
            let code = outcome.code.map(|code| format!(" (code {code})")).unwrap_or_default();
            return Err(Failure::new(Exit::Rejected, format!("the Marketplace refused to change the key `{label}`"))
                .why(format!("{}{code}", outcome.message.as_deref().unwrap_or("no reason given"))));
        }
        // What holds is what the Marketplace says, not what was asked for.
        let holds = match outcome.key.and_then(|key| key.is_enabled) {
            Some(holds) => Some(holds),
            None => self.look(&client).await?,
        };
        if context.output.is_json() {
            context.output.json(&json!({
                "environment": environment, "label": label, "uid": self.uid, "is_enabled": holds,
            }))?;
        } else if let Some(holds) = holds {
            context.output.line(format_args!("{label} is {} in {environment}", in_words(holds)))?;
        }
        if holds == Some(is_enabled) {
            return Ok(());
        }
        let wanted = in_words(is_enabled);
        Err(Failure::new(Exit::Failed, format!("it is not certain that the key `{label}` is {wanted}"))
            .why(match holds {
                Some(holds) => {
                    format!("it was asked to be {wanted}, and the Marketplace says that it is {}", in_words(holds))
                }
                None => "the Marketplace does not say".to_owned(),
            })
            .next("look at it: eqp keys list"))
    }

    /// Whether the key is enabled, by the list of keys.
    async fn look(&self, client: &Client) -> Outcome<Option<bool>> {
        let filter =
            KeyFilter { platform: Some(KeyPlatform::M2), label: Some(self.label.clone()), uid: self.uid.clone() };
        let keys = client.keys().list(&filter).await?;
        Ok(keys.m2.into_iter().find(|key| key.label == self.label).and_then(|key| key.is_enabled))
    }
}

fn in_words(is_enabled: bool) -> &'static str {
    if is_enabled { "enabled" } else { "disabled" }
}
