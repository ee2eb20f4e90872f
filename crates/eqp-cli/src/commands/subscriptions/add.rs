//! `eqp subscriptions add`.

use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args};
use eqp_console::{Subscription, SubscriptionRequest};
use eqp_deliver::{DigestInterval, HandlerDefinition, OrderHold, SubscriptionFilter};
use eqp_types::Secret;
use serde::Serialize;

use super::filter::FilterOptions;
use super::handler_options::HandlerOptions;
use crate::arguments::{order_hold, timeout};
use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::compose::database::Upgrade;
use crate::compose::operator::Operator;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::Output;

/// Create a subscription, which delivers the events that are recorded from now on
///
/// Without a filter, the subscription receives all events except those of the baseline (the state of an account before
/// it was watched). An event must match every kind of filter that is given; several values of one filter are
/// alternatives. Alerts are delivered only with --alerts or --alerts-only.
#[derive(Args, Debug)]
#[command(
    group = ArgGroup::new("handler")
        .required(true)
        .args(["webhook", "recipe", "exec", "slack_channel", "slack_webhook_file", "discord_webhook_file",
               "teams_webhook_file", "emails", "pull"]),
    after_help = "\
Examples:
  eqp subscriptions add shop --webhook https://example.com/eqp --generate-secret
  eqp subscriptions add ops --slack-channel C024BE91L --slack-token-file token
  eqp subscriptions add deploy --exec deploy --status released_to_store
  eqp subscriptions add on-call --webhook https://example.com/eqp --alerts page
More options and examples: eqp subscriptions add --help",
    after_long_help = "\
Examples:
  eqp subscriptions add shop --webhook https://example.com/eqp --generate-secret
  eqp subscriptions add shop --webhook https://example.com/eqp --secret-file key
  eqp subscriptions add shop --webhook https://example.com/hook.php \\
      --generate-secret --hmac-header X-Signature --hmac-prefix sha256=
  eqp subscriptions add ci --recipe github-status --secret token=token-file
  eqp subscriptions add ops --slack-channel C024BE91L --slack-token-file token
  eqp subscriptions add team --email ann@example.com --digest weekly
  eqp subscriptions add deploy --exec deploy --status released_to_store
  eqp subscriptions add acme --webhook https://example.com/eqp --sku 'acme/*'
  eqp subscriptions add on-call --webhook https://example.com/eqp --alerts page
  eqp subscriptions add jobs --pull --status approved
  eqp subscriptions add sms --exec sms --fallback-for on-call"
)]
pub(crate) struct Add {
    /// Name of the subscription: letters, digits, hyphens, underscores and dots
    name: String,
    #[command(flatten)]
    handler: HandlerOptions,
    #[command(flatten)]
    filter: FilterOptions,
    /// Deliver a summary instead of events, at this interval: weekly
    #[arg(long, value_name = "INTERVAL", help_heading = "Filters", hide_possible_values = true,
          value_parser = PossibleValuesParser::new(["weekly"]).map(|_| DigestInterval::Weekly),
          conflicts_with_all = ["kinds", "flows", "statuses", "origins", "explicit_only", "applied_only", "alerts_only"])]
    digest: Option<DigestInterval>,
    /// Deliver only alerts that this subscription cannot deliver
    #[arg(long, value_name = "NAME", help_heading = "Fallback",
          conflicts_with_all = ["kinds", "flows", "statuses", "skus", "origins", "explicit_only", "applied_only", "digest"])]
    fallback_for: Option<String>,
    /// Time for which a delivery of that subscription may wait while its handler fails [default: 5m]
    #[arg(long, value_name = "DURATION", requires = "fallback_for", hide_short_help = true, help_heading = "Fallback", value_parser = timeout)]
    fallback_after: Option<Duration>,
    /// Time for which a failing delivery holds back later events of its resource, none, or strict (until it is dead)
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = order_hold, hide_short_help = true)]
    order_hold: OrderHold,
    /// Show the subscription that would be created, and create nothing
    #[arg(long)]
    dry_run: bool,
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
    /// The subscription for which it would be the fallback.
    fallback_for: Option<&'a str>,
    /// For how many seconds a delivery of that subscription could wait; null: 300.
    fallback_after: Option<u64>,
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
            let would_create = PlannedSubscription {
                name,
                filter,
                handler,
                order_hold: *order_hold,
                fallback_for: self.request.fallback_for.as_deref(),
                fallback_after: self.request.fallback_after,
            };
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
        if let Some(first) = &self.request.fallback_for
            && !existing.iter().any(|one| one.name == *first)
        {
            return Err(Failure::new(Exit::NotFound, format!("there is no subscription named {first}"))
                .next("list them: eqp subscriptions list"));
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
        request.filter = self.filter.filter();
        request.filter.digest = self.digest;
        request.order_hold = match self.order_hold {
            OrderHold::For(time) => Some(time.as_secs()),
            OrderHold::Strict => None,
        };
        request.fallback_for = self.fallback_for;
        request.fallback_after = self.fallback_after.map(|after| after.as_secs());
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
