//! `eqp callbacks remove`.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::shown;
use super::writing::{Writing, grace, with_both};
use crate::compose::registration::{EntryMatch, Intent, ToRemove, remove};
use crate::context::Context;
use crate::failure::Outcome;
use crate::output::visible;

/// Take a registration out of the Marketplace's list
///
/// Its credential is taken for a grace more, because callbacks may be on their way; then the receivers refuse it. What was
/// received stays, and so does the endpoint: `eqp callbacks add` registers it again.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp callbacks remove --name main
  # an entry that others registered
  eqp callbacks remove --entry https://other.example.com/hook#key")]
pub(crate) struct Remove {
    /// Name of the endpoint whose registration goes
    #[arg(long, value_name = "NAME", required_unless_present = "entry", conflicts_with = "entry")]
    name: Option<String>,
    /// Entry of others that goes
    #[arg(long, value_name = "URL[#USER]")]
    entry: Option<String>,
    /// How long the credential is taken afterwards
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = grace)]
    grace: Duration,
    #[command(flatten)]
    writing: Writing,
}

impl Remove {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let foreign = self.writing.foreign()?;
        let to_remove = match (&self.name, &self.entry) {
            (Some(name), _) => ToRemove::Endpoint(name.clone()),
            (None, entry) => ToRemove::Entry(EntryMatch::parse(entry.as_deref().unwrap_or_default())),
        };
        let review = |intents: &[Intent<'_>]| self.writing.review(context, intents);
        let removed = with_both(context, self.writing.upgrade(), async |client, ours| {
            remove(client, ours, &to_remove, self.grace, &foreign, review).await
        })
        .await?;
        let environment = context.settings.marketplace.environment();
        if context.output.is_json() {
            return context.output.json(&json!({
                "environment": environment,
                "removed": removed.gone.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "still_taken": removed.endpoint.as_ref().map(shown::still_taken),
                "callbacks": removed.entries,
            }));
        }
        if removed.gone.is_empty() {
            context.output.line(format_args!("it was not in the list of {environment} any more"))?;
        }
        for entry in &removed.gone {
            context
                .output
                .line(format_args!("removed from the list of {environment}: {}", visible(&entry.to_string())))?;
        }
        match removed.endpoint.as_ref().and_then(shown::still_taken_line) {
            Some(still) => context.output.line(format_args!("still taken: {still}")),
            None => Ok(()),
        }
    }
}
