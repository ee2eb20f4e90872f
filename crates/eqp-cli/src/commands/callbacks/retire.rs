//! `eqp callbacks retire`.

use clap::Args;
use eqp_receiver::EndpointSummary;
use serde_json::json;

use super::shown;
use super::writing::with_both;
use crate::compose::database::Upgrade;
use crate::compose::registration::{replaced, retire};
use crate::context::Context;
use crate::failure::{Failure, Outcome};

/// Refuse a user name that was replaced, before its grace is over: for a password that leaked
///
/// Every receiver that lives refuses it when this ends; callbacks that are still on their way with it are refused too. The
/// user name that the Marketplace's list names is never refused: `eqp callbacks rotate --grace 0s` replaces it
/// and refuses it at once.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  # the password in force leaked: another one, and the old one is refused at once
  eqp callbacks rotate --name main --grace 0s
  # the one that leaked was replaced already, and its grace is not over
  eqp callbacks retire --name main")]
pub(crate) struct Retire {
    /// Name of the endpoint
    #[arg(long, value_name = "NAME")]
    name: String,
    /// Show what would be refused, and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl Retire {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let review = |endpoint: &EndpointSummary| self.review(context, endpoint);
        let retired = with_both(context, Upgrade::unless(self.dry_run), async |client, ours| {
            retire(client, ours, &self.name, review).await
        })
        .await?;
        let endpoint = &retired.endpoint;
        if context.output.is_json() {
            return context.output.json(&json!({
                "environment": endpoint.environment,
                "mage_id": endpoint.mage_id,
                "name": endpoint.name,
                "refused": retired.refused.usernames,
                "receivers": retired.refused.receivers,
            }));
        }
        let refused = shown::refused(&retired.refused);
        context.output.line(format_args!("{}: refused from now on: {refused}", endpoint.name))
    }

    fn review(&self, context: &Context, endpoint: &EndpointSummary) -> Outcome {
        if self.dry_run {
            let usernames: Vec<_> = replaced(endpoint).map(|one| one.username.as_str()).collect();
            if context.output.is_json() {
                context.output.json(&json!({"would_refuse": usernames}))?;
            } else {
                context.output.line(format_args!("would refuse {}", usernames.join(", ")))?;
            }
            return Err(Failure::dry_run());
        }
        if let Some(still) = shown::still_taken_line(endpoint) {
            context.output.note(format_args!("{}: still taken: {still}", endpoint.name));
        }
        context.confirmation.ask(endpoint.environment, "Refuse that now, and callbacks on their way with it")
    }
}
