//! `eqp callbacks remove` and `retire`: remove a registration, or reject a replaced credential.

use std::time::Duration;

use clap::Args;
use eqp_store::EndpointSummary;
use eqp_sync::{EntrySelector, Plan, Removal, Step};
use eqp_types::{ApiCallbackEntry, Environment, MageId};
use serde::Serialize;

use super::change::{ChangeOptions, change, grace};
use super::view::{self, AppliedChange};
use crate::change::{self, Question};
use crate::context::Context;
use crate::failure::Result;
use crate::output::{Output, escaped};

/// Remove a registration from the Marketplace's list
///
/// The credential stays valid for a grace period, because callbacks may be in flight. The endpoint and its stored
/// callbacks remain, and `eqp callbacks add` registers the endpoint again.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp callbacks remove --name main
  # an entry that another program registered
  eqp callbacks remove --entry https://other.example.com/hook#key")]
pub(crate) struct Remove {
    /// Name of the endpoint to unregister
    #[arg(long, value_name = "NAME", required_unless_present = "entry", conflicts_with = "entry")]
    name: Option<String>,
    /// Entry of another program to remove
    #[arg(long, value_name = "URL[#USER]")]
    entry: Option<String>,
    /// Time for which the credential is still accepted
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = grace)]
    grace: Duration,
    #[command(flatten)]
    change: ChangeOptions,
}

/// Removed entries as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct RemovedEntries<'a> {
    /// The environment.
    environment: Environment,
    /// The entries that were removed from the list.
    removed: Vec<String>,
    /// User names that are still accepted; null for an unmanaged entry.
    still_accepted: Option<Vec<view::AcceptedUsername<'a>>>,
    /// The Marketplace's list of callbacks.
    callbacks: &'a [ApiCallbackEntry],
}

impl Remove {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let removal = match (self.name, self.entry) {
            (Some(name), _) => Removal::Endpoint(name),
            (None, Some(entry)) => Removal::Entry(EntrySelector::parse(&entry)),
            (None, None) => unreachable!("the command line requires one of them"),
        };
        let changed = self.change.change(context, |snapshot| snapshot.remove(&removal, self.grace)).await?;
        let Some(AppliedChange { plan, applied }) = changed else { return Ok(()) };
        let gone: Vec<_> = plan.removed().collect();
        let environment = context.settings.marketplace.environment();
        if context.output.is_json() {
            return context.output.json(&RemovedEntries {
                environment,
                removed: gone.iter().map(ToString::to_string).collect(),
                still_accepted: applied.endpoint.as_ref().map(view::still_accepted),
                callbacks: &applied.entries,
            });
        }
        if gone.is_empty() {
            context.output.line(format_args!("already removed from the list in {environment}"))?;
        }
        for entry in &gone {
            context
                .output
                .line(format_args!("removed from the list of {environment}: {}", escaped(&entry.to_string())))?;
        }
        match applied.endpoint.as_ref().and_then(view::still_accepted_text) {
            Some(still) => context.output.line(format_args!("still accepted: {still}")),
            None => Ok(()),
        }
    }
}

/// Reject a replaced credential before its grace period ends, for example after a leak
///
/// When the command returns, every running receiver rejects the replaced credential, including callbacks in flight. The
/// command never rejects the credential in the Marketplace's list; to replace it and reject it at once, use `eqp
/// callbacks rotate --grace 0s`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  # the active password leaked: replace it, and reject the old one at once
  eqp callbacks rotate --name main --grace 0s
  # the leaked one was replaced already, and its grace period is not over
  eqp callbacks retire --name main")]
pub(crate) struct Retire {
    /// Name of the endpoint
    #[arg(long, value_name = "NAME")]
    name: String,
    /// Show what would be rejected, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Rejected credentials as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Retired<'a> {
    /// The environment.
    environment: Environment,
    /// The account.
    mage_id: &'a MageId,
    /// The name of the endpoint.
    name: &'a str,
    /// The user names that are rejected now.
    refused: &'a [String],
    /// The number of running receivers, all of which reject them.
    receivers: usize,
}

/// The plan as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct RetireDryRun<'a> {
    /// The user names that would be rejected.
    would_refuse: &'a [String],
}

impl Retire {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let changed = change::<RetirePlan>(context, self.dry_run, |snapshot| snapshot.retire(&self.name)).await?;
        let Some(AppliedChange { applied, .. }) = changed else { return Ok(()) };
        let endpoint = applied.endpoint.expect("a plan to retire is about an endpoint");
        let refused = applied.refused.expect("a plan to retire rejects user names");
        if context.output.is_json() {
            return context.output.json(&Retired {
                environment: endpoint.environment,
                mage_id: &endpoint.mage_id,
                name: &endpoint.name,
                refused: &refused.usernames,
                receivers: refused.receivers,
            });
        }
        context.output.line(format_args!("{}: now rejected: {}", endpoint.name, view::refused(&refused)))
    }
}

/// A plan that rejects replaced credentials.
struct RetirePlan(Plan);

impl From<Plan> for RetirePlan {
    fn from(plan: Plan) -> Self {
        Self(plan)
    }
}

impl From<RetirePlan> for Plan {
    fn from(RetirePlan(plan): RetirePlan) -> Self {
        plan
    }
}

impl change::Plan for RetirePlan {
    fn show(self, output: Output) -> Result {
        let refused = self.0.steps().iter().filter_map(|step| match step {
            Step::Refuse { usernames, .. } => Some(usernames.as_slice()),
            _ => None,
        });
        let usernames = refused.flatten().cloned().collect::<Vec<_>>();
        if output.is_json() {
            return output.json(&RetireDryRun { would_refuse: &usernames });
        }
        output.line(format_args!("would reject {}", usernames.join(", ")))
    }

    /// Returns the user names that are still accepted.
    fn notes(&self) -> Vec<String> {
        let endpoint = self.0.observed_endpoint();
        let line = |endpoint: &EndpointSummary| {
            Some(format!("{}: still accepted: {}", endpoint.name, view::still_accepted_text(endpoint)?))
        };
        endpoint.and_then(line).into_iter().collect()
    }

    fn question(&self) -> Question {
        let action = "Reject this credential now, including callbacks in flight".to_owned();
        Question::Write(self.0.environment(), action)
    }
}
