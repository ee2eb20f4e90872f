//! `eqp subscriptions add`.

use clap::builder::PossibleValuesParser;
use clap::{ArgGroup, Args};
use eqp_console::{Subscription, SubscriptionRequest};
use eqp_deliver::{HandlerDefinition, SubscriptionFilter};
use eqp_types::Secret;
use serde::Serialize;

use super::handler_options::HandlerOptions;
use crate::arguments::duration;
use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::compose::database::Upgrade;
use crate::compose::operator::Operator;
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::output::Output;

/// Create a subscription, which delivers the events that are recorded from now on
///
/// Without a filter, it receives all events except those of the baseline: what an account had before it was watched. An
/// event must match every kind of filter that is given; several values of one filter are alternatives. Alerts are delivered
/// only with --alerts or --alerts-only.
#[derive(Args, Debug)]
#[command(
    group = ArgGroup::new("handler")
        .required(true)
        .args(["webhook", "recipe", "exec", "slack_channel", "slack_webhook_file"]),
    after_help = "\
Examples:
  eqp subscriptions add shop --webhook https://shop.example.com/hooks/eqp --generate-secret
  eqp subscriptions add shop --webhook https://shop.example.com/hooks/eqp --secret-file secret
  eqp subscriptions add shop --webhook https://shop.example.com/hook.php --secret-file secret \\
      --hmac-header X-Hub-Signature-256 --hmac-prefix sha256=
  eqp subscriptions add status --recipe github-status --secret token=github-token
  eqp subscriptions add releases --slack-channel C024BE91L --slack-token-file slack-token
  eqp subscriptions add deploy --exec deploy --flow overall --status released_to_store
  eqp subscriptions add warehouse --webhook https://hooks.example.com/eqp --sku 'acme/*'
  eqp subscriptions add on-call --webhook https://hooks.example.com/eqp --alerts page"
)]
pub(crate) struct Add {
    /// Name of the subscription: letters, digits, hyphens, underscores and dots
    name: String,
    #[command(flatten)]
    handler: HandlerOptions,
    #[command(flatten)]
    filter: FilterOptions,
    /// Time for which a failing delivery holds back later events of its resource, none, or strict (until it is dead)
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = order_hold)]
    order_hold: OrderHold,
    /// Show the subscription that would be created, and create nothing
    #[arg(long)]
    dry_run: bool,
}

/// The events to deliver.
#[derive(Args, Debug)]
struct FilterOptions {
    /// Deliver events of this kind: submission, file, unknown or undecodable
    #[arg(long = "kind", value_name = "KIND", value_delimiter = ',', help_heading = "Filters", hide_possible_values = true,
          value_parser = PossibleValuesParser::new(eqp_store::EventKind::VALUES))]
    kinds: Vec<String>,
    /// Deliver events of this flow: overall, technical, marketing or malware
    #[arg(long = "flow", value_name = "FLOW", value_delimiter = ',', help_heading = "Filters", hide_possible_values = true,
          value_parser = PossibleValuesParser::new(["overall", "technical", "marketing", "malware"]))]
    flows: Vec<String>,
    /// Deliver events with this status, such as approved
    #[arg(long = "status", value_name = "STATUS", value_delimiter = ',', help_heading = "Filters")]
    statuses: Vec<String>,
    /// Deliver events of this product; * matches any characters
    #[arg(long = "sku", value_name = "SKU", value_delimiter = ',', help_heading = "Filters")]
    skus: Vec<String>,
    /// Deliver events of this account: MAGE_ID, or ENVIRONMENT/MAGE_ID
    #[arg(long = "account", value_name = "ACCOUNT", value_delimiter = ',', help_heading = "Filters")]
    accounts: Vec<String>,
    /// Deliver events of this origin: callback, reconcile or baseline [default: callback,reconcile]
    #[arg(long = "origin", value_name = "ORIGIN", value_delimiter = ',', help_heading = "Filters", hide_possible_values = true,
          value_parser = PossibleValuesParser::new(eqp_store::Origin::VALUES))]
    origins: Vec<String>,
    /// Deliver only changes that a report states itself, not those that follow from its other statuses
    #[arg(long, help_heading = "Filters")]
    explicit_only: bool,
    /// Deliver only events that changed the current status, not late reports about the past
    #[arg(long, help_heading = "Filters")]
    applied_only: bool,
    /// Deliver alerts of these severities, too: page, ticket or info
    #[arg(long, value_name = "SEVERITY", value_delimiter = ',', help_heading = "Filters", hide_possible_values = true,
          value_parser = PossibleValuesParser::new(eqp_store::AlertSeverity::VALUES))]
    alerts: Vec<String>,
    /// Deliver alerts and no events; without --alerts, alerts of every severity
    #[arg(long, help_heading = "Filters",
          conflicts_with_all = ["kinds", "flows", "statuses", "skus", "origins", "explicit_only", "applied_only"])]
    alerts_only: bool,
}

impl FilterOptions {
    fn filter(self) -> SubscriptionFilter {
        let mut filter = SubscriptionFilter::default();
        (filter.kinds, filter.flows, filter.statuses) = (self.kinds, self.flows, self.statuses);
        (filter.skus, filter.accounts, filter.origins) = (self.skus, self.accounts, self.origins);
        (filter.explicit_only, filter.applied_only) = (self.explicit_only, self.applied_only);
        (filter.alerts, filter.alerts_only) = (self.alerts, self.alerts_only);
        filter
    }
}

/// The value of --order-hold: seconds, or `None` for strict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct OrderHold(Option<u64>);

fn order_hold(text: &str) -> Result<OrderHold, String> {
    match text {
        "strict" => Ok(OrderHold(None)),
        "none" => Ok(OrderHold(Some(0))),
        text => {
            let time = duration(text).map_err(|error| format!("{error}, and neither none nor strict"))?;
            Ok(OrderHold(Some(time.whole_seconds().unsigned_abs())))
        }
    }
}

/// A created subscription as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct SubscriptionCreation<'a> {
    /// The subscription.
    created: &'a Subscription,
    /// The generated secret, which cannot be shown again.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
}

/// The dry run of a creation as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct SubscriptionDryRun<'a> {
    /// The subscription that would be created.
    would_create: PlannedSubscription<'a>,
}

/// A subscription that would be created.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct PlannedSubscription<'a> {
    /// The name.
    name: &'a str,
    /// The events that it would receive.
    filter: &'a SubscriptionFilter,
    /// How they would be delivered.
    handler: &'a HandlerDefinition,
    /// For how many seconds a failing delivery would hold back later events of its resource; null: until it is dead.
    order_hold: Option<u64>,
}

struct AddPlan {
    request: SubscriptionRequest,
    /// Warnings about the configuration of the worker.
    warnings: Vec<String>,
}

impl Plan for AddPlan {
    fn show(self, output: Output) -> Result {
        let SubscriptionRequest { name, filter, handler, order_hold, .. } = &self.request;
        for note in self.notes() {
            output.note(note);
        }
        if output.is_json() {
            let would_create = PlannedSubscription { name, filter, handler, order_hold: *order_hold };
            return output.json(&SubscriptionDryRun { would_create });
        }
        output.line(format_args!("would create the subscription {name}"))
    }

    fn notes(&self) -> Vec<String> {
        self.warnings.iter().map(|warning| format!("warning: {warning}")).collect()
    }

    /// It can be removed.
    fn question(&self) -> Question {
        Question::Nothing
    }
}

struct Creation<'a> {
    operator: &'a Operator,
    request: SubscriptionRequest,
}

impl Change for Creation<'_> {
    type Plan = AddPlan;
    type Applied = Subscription;

    async fn observe(&mut self) -> Result<AddPlan> {
        let name = &self.request.name;
        let existing = self.operator.client().subscriptions().await?.subscriptions;
        if existing.iter().any(|one| one.name == *name) {
            return Err(Failure::usage(format!("a subscription named {name} exists"))
                .next(format!("choose another name, or remove it first: eqp subscriptions remove {name}")));
        }
        let warnings = self.operator.client().check_subscription(&self.request).await?.warnings;
        Ok(AddPlan { request: self.request.clone(), warnings })
    }

    async fn apply(self, plan: AddPlan, _: Confirmation) -> Result<Subscription> {
        Ok(self.operator.client().create_subscription(&plan.request).await?)
    }
}

impl Add {
    /// Returns the request, and the secret that was generated for it.
    fn request(self) -> Result<(SubscriptionRequest, Option<Secret>)> {
        let (mut request, generated) = self.handler.request(self.name)?;
        (request.filter, request.order_hold) = (self.filter.filter(), self.order_hold.0);
        Ok((request, generated))
    }

    pub(crate) async fn run(self, context: &Context) -> Result {
        let dry_run = self.dry_run;
        let (request, generated) = self.request()?;
        let operator = Operator::open_existing(context, Upgrade::unless(dry_run)).await?;
        let created = change::run(context, Creation { operator: &operator, request }, dry_run).await;
        operator.close().await?;
        let Some(created) = created? else { return Ok(()) };
        let secret = generated.as_ref().map(Secret::expose);
        if context.output.is_json() {
            return context.output.json(&SubscriptionCreation { created: &created, secret });
        }
        match secret {
            Some(secret) => {
                context.output.note(format_args!("created the subscription {}", created.name));
                context.output.note("store this signing secret at the receiver now; it cannot be shown again:");
                context.output.line(secret)
            }
            None => context.output.line(format_args!("created the subscription {}", created.name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_hold_is_a_duration_or_a_word() {
        assert_eq!(order_hold("15m"), Ok(OrderHold(Some(900))));
        assert_eq!(order_hold("none"), Ok(OrderHold(Some(0))));
        assert_eq!(order_hold("strict"), Ok(OrderHold(None)));
        assert!(order_hold("soon").unwrap_err().contains("neither none nor strict"));
    }
}
