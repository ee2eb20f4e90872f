//! `eqp deliveries retry` and `eqp deliveries discard`.

use clap::Args;
use eqp_console::{DeliveryQuery, DeliverySelection};
use serde::Serialize;

use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::compose::database::Upgrade;
use crate::compose::operator::Operator;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::Output;

/// The number of deliveries of one request.
const CHUNK: usize = 1_000;
/// The maximum number of deliveries that one command changes.
const MOST: u32 = 10_000;

/// Which deliveries are changed.
#[derive(Args, Clone, Debug)]
pub(crate) struct Selection {
    /// IDs, as shown by `eqp deliveries list`
    #[arg(required_unless_present = "subscription", conflicts_with = "subscription")]
    ids: Vec<i64>,
    /// Select all deliveries of this subscription, at most 10,000
    #[arg(long, value_name = "NAME")]
    subscription: Option<String>,
    /// Select only those that failed for good
    #[arg(long, requires = "subscription")]
    dead: bool,
}

/// Send deliveries now, also those that failed for good
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp deliveries retry 1200 1201
  eqp deliveries retry --subscription shop --dead --dry-run")]
pub(crate) struct Retry {
    #[command(flatten)]
    selection: Selection,
    /// Show which deliveries would be sent, and send nothing
    #[arg(long)]
    dry_run: bool,
}

/// Discard deliveries without sending them
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp deliveries discard 1200 --yes
  eqp deliveries discard --subscription shop --dead --dry-run")]
pub(crate) struct Discard {
    #[command(flatten)]
    selection: Selection,
    /// Show which deliveries would be discarded, and discard nothing
    #[arg(long)]
    dry_run: bool,
}

/// The action on deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Retry,
    Discard,
}

/// Changed deliveries as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct DeliveryChanges<'a> {
    /// The number of deliveries that are sent now.
    #[serde(skip_serializing_if = "Option::is_none")]
    retried: Option<u64>,
    /// The IDs of deliveries that would be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    would_retry: Option<&'a [i64]>,
    /// The number of deliveries that were discarded.
    #[serde(skip_serializing_if = "Option::is_none")]
    discarded: Option<u64>,
    /// The IDs of deliveries that would be discarded.
    #[serde(skip_serializing_if = "Option::is_none")]
    would_discard: Option<&'a [i64]>,
}

const NOTHING: DeliveryChanges<'static> =
    DeliveryChanges { retried: None, would_retry: None, discarded: None, would_discard: None };

struct DeliveryPlan {
    action: Action,
    ids: Vec<i64>,
}

impl Plan for DeliveryPlan {
    fn show(self, output: Output) -> Result {
        if output.is_json() {
            let ids = Some(&*self.ids);
            return output.json(&match self.action {
                Action::Retry => DeliveryChanges { would_retry: ids, ..NOTHING },
                Action::Discard => DeliveryChanges { would_discard: ids, ..NOTHING },
            });
        }
        let verb = match self.action {
            Action::Retry => "would retry",
            Action::Discard => "would discard",
        };
        output.line(format_args!("{verb} {}", counted(self.ids.len() as u64)))
    }

    fn question(&self) -> Question {
        match self.action {
            Action::Retry => Question::Nothing,
            Action::Discard => Question::Irreversible(format!("Discard {}", counted(self.ids.len() as u64))),
        }
    }
}

fn counted(number: u64) -> String {
    if number == 1 { "1 delivery".to_owned() } else { format!("{number} deliveries") }
}

struct DeliveryChange<'a> {
    operator: &'a Operator,
    selection: Selection,
    action: Action,
}

impl Change for DeliveryChange<'_> {
    type Plan = DeliveryPlan;
    type Applied = u64;

    async fn observe(&mut self) -> Result<DeliveryPlan> {
        let client = self.operator.client();
        let ids = if let Some(subscription) = &self.selection.subscription {
            let dead = self.selection.dead.then_some(true);
            let query = DeliveryQuery {
                subscription: Some(subscription.clone()),
                dead,
                limit: MOST,
                ..DeliveryQuery::default()
            };
            client.deliveries(&query).await?.deliveries.into_iter().map(|one| one.id).collect()
        } else {
            let mut ids = Vec::new();
            for id in &self.selection.ids {
                if client.delivery(*id).await?.delivery.is_none() {
                    return Err(Failure::new(Exit::NotFound, format!("delivery {id} has ended"))
                        .next(format!("show its attempts: eqp deliveries show {id}")));
                }
                ids.push(*id);
            }
            ids
        };
        Ok(DeliveryPlan { action: self.action, ids })
    }

    async fn apply(self, plan: DeliveryPlan, _: Confirmation) -> Result<u64> {
        let client = self.operator.client();
        let mut changed = 0;
        for ids in plan.ids.chunks(CHUNK) {
            let selection = DeliverySelection::new(ids);
            changed += match plan.action {
                Action::Retry => client.retry_deliveries(&selection).await?.changed,
                Action::Discard => client.discard_deliveries(&selection).await?.changed,
            };
        }
        Ok(changed)
    }
}

async fn run(context: &Context, selection: Selection, action: Action, dry_run: bool) -> Result {
    let operator = Operator::open_existing(context, Upgrade::unless(dry_run)).await?;
    let change = DeliveryChange { operator: &operator, selection, action };
    let changed = change::run(context, change, dry_run).await;
    operator.close().await?;
    let Some(changed) = changed? else { return Ok(()) };
    let (verb, report) = match action {
        Action::Retry => ("retrying", DeliveryChanges { retried: Some(changed), ..NOTHING }),
        Action::Discard => ("discarded", DeliveryChanges { discarded: Some(changed), ..NOTHING }),
    };
    if context.output.is_json() {
        return context.output.json(&report);
    }
    context.output.line(format_args!("{verb} {}", counted(changed)))
}

impl Retry {
    pub(crate) async fn run(self, context: &Context) -> Result {
        run(context, self.selection, Action::Retry, self.dry_run).await
    }
}

impl Discard {
    pub(crate) async fn run(self, context: &Context) -> Result {
        run(context, self.selection, Action::Discard, self.dry_run).await
    }
}
