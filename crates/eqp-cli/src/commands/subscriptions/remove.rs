//! `eqp subscriptions remove`.

use clap::Args;
use eqp_console::{Subscription, SubscriptionState};
use serde::Serialize;

use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::compose::database::Upgrade;
use crate::compose::operator::Operator;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::Output;

/// Remove a subscription and discard its deliveries
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp subscriptions remove shop --dry-run
  eqp subscriptions remove shop --yes")]
pub(crate) struct Remove {
    /// Name, as shown by `eqp subscriptions list`
    name: String,
    /// Show what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
}

/// A removed subscription as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct SubscriptionRemoval<'a> {
    /// The subscription that was removed, with the deliveries that it had.
    #[serde(skip_serializing_if = "Option::is_none")]
    removed: Option<&'a Subscription>,
    /// The subscription that would be removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    would_remove: Option<&'a Subscription>,
}

struct RemovePlan(Subscription);

impl Plan for RemovePlan {
    fn show(self, output: Output) -> Result {
        if output.is_json() {
            return output.json(&SubscriptionRemoval { removed: None, would_remove: Some(&self.0) });
        }
        output.line(described("would remove", &self.0))
    }

    fn question(&self) -> Question {
        Question::Irreversible(described("Remove", &self.0))
    }
}

fn described(verb: &str, one: &Subscription) -> String {
    format!("{verb} the subscription {} ({} waiting, {} dead)", one.name, one.waiting, one.dead)
}

struct Removal<'a> {
    operator: &'a Operator,
    name: &'a str,
}

impl Change for Removal<'_> {
    type Plan = RemovePlan;
    type Applied = Subscription;

    async fn observe(&mut self) -> Result<RemovePlan> {
        let subscription = self.operator.client().subscription(self.name).await?;
        if let (Some(file), SubscriptionState::Active) = (&subscription.declared_by, subscription.state) {
            return Err(Failure::new(Exit::Failed, format!("the subscription {} is declared in {file}", self.name))
                .next("remove it from that file, and restart the server")
                .next(format!("if the file no longer exists, pause it first: eqp subscriptions pause {}", self.name)));
        }
        Ok(RemovePlan(subscription))
    }

    async fn apply(self, RemovePlan(subscription): RemovePlan, _: Confirmation) -> Result<Subscription> {
        self.operator.client().remove_subscription(self.name).await?;
        Ok(subscription)
    }
}

impl Remove {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let operator = Operator::open_existing(context, Upgrade::unless(self.dry_run)).await?;
        let removal = Removal { operator: &operator, name: &self.name };
        let removed = change::run(context, removal, self.dry_run).await;
        operator.close().await?;
        let Some(subscription) = removed? else { return Ok(()) };
        if context.output.is_json() {
            return context.output.json(&SubscriptionRemoval { removed: Some(&subscription), would_remove: None });
        }
        context.output.line(described("removed", &subscription))
    }
}
