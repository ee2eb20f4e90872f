//! `eqp deliveries retry` and `eqp deliveries discard`.

use clap::Args;
use eqp_console::{Delivery, DeliveryQuery, DeliverySelection, DeliveryState};
use serde::Serialize;

use super::held::Held;
use crate::arguments::whole;
use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::compose::database::Upgrade;
use crate::compose::operator::Operator;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Output, counted};

/// The number of deliveries of one request.
const CHUNK: usize = 1_000;
/// The maximum number of deliveries that one command changes.
const MOST: u32 = 10_000;

/// Which deliveries are changed.
#[derive(Args, Clone, Debug)]
pub(crate) struct Selection {
    /// IDs, as shown by `eqp deliveries list`
    #[arg(conflicts_with_all = ["subscription", "dead"], value_parser = whole::<i64>)]
    ids: Vec<i64>,
    /// Select all deliveries of this subscription, at most 10,000
    #[arg(long, value_name = "NAME")]
    subscription: Option<String>,
    /// Select dead deliveries, of --subscription or of all subscriptions
    #[arg(long)]
    dead: bool,
}

impl Selection {
    /// Returns the query for the selected deliveries, or `None` if they are given by their IDs.
    fn query(&self, skipped: bool) -> Result<Option<DeliveryQuery>> {
        let state = match (self.dead, skipped) {
            (_, true) => Some(DeliveryState::Skipped),
            (true, false) => Some(DeliveryState::Dead),
            (false, false) => None,
        };
        if self.subscription.is_none() && state.is_none() {
            if self.ids.is_empty() {
                return Err(Failure::usage("no deliveries are selected")
                    .next("pass IDs, --subscription NAME or --dead; list them with: eqp deliveries list"));
            }
            return Ok(None);
        }
        let subscription = self.subscription.clone();
        Ok(Some(DeliveryQuery { subscription, state, limit: MOST, ..DeliveryQuery::default() }))
    }
}

/// Send deliveries now, including dead and skipped ones
///
/// A delivery that waits for an earlier one about the same submission, file or alert continues to wait. Deliveries of a
/// paused subscription are sent after it is resumed.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp deliveries retry 1200 1201
  eqp deliveries retry --dead
  eqp deliveries retry --subscription shop --dead --dry-run
  eqp deliveries retry --subscription shop --skipped")]
pub(crate) struct Retry {
    #[command(flatten)]
    selection: Selection,
    /// Select the deliveries that were skipped in the last 7 days, of --subscription or of all subscriptions
    #[arg(long, conflicts_with_all = ["ids", "dead"])]
    skipped: bool,
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
    /// The number of deliveries that were retried, including those that are held back.
    #[serde(skip_serializing_if = "Option::is_none")]
    retried: Option<u64>,
    /// The number of these that are not sent now: they wait for an earlier delivery, or for their subscription.
    #[serde(skip_serializing_if = "Option::is_none")]
    held_back: Option<u64>,
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
    DeliveryChanges { retried: None, held_back: None, would_retry: None, discarded: None, would_discard: None };

struct DeliveryPlan {
    action: Action,
    ids: Vec<i64>,
    /// The deliveries that a retry does not send now.
    held: Held,
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
        output.line(format_args!("{verb} {}", deliveries(self.ids.len() as u64)))?;
        self.held.reasons.into_iter().try_for_each(|reason| output.line(reason))
    }

    fn notes(&self) -> Vec<String> {
        self.held.reasons.clone()
    }

    fn question(&self) -> Question {
        match self.action {
            Action::Retry => Question::Nothing,
            Action::Discard if self.ids.is_empty() => Question::Nothing,
            Action::Discard => Question::Irreversible(format!("Discard {}", deliveries(self.ids.len() as u64))),
        }
    }
}

fn deliveries(number: u64) -> String {
    counted(number, "delivery")
}

struct DeliveryChange<'a> {
    operator: &'a Operator,
    selection: Selection,
    skipped: bool,
    action: Action,
}

impl DeliveryChange<'_> {
    async fn selected(&self) -> Result<Vec<Delivery>> {
        let client = self.operator.client();
        if let Some(query) = self.selection.query(self.skipped)? {
            return Ok(client.deliveries(&query).await?.deliveries);
        }
        let mut selected = Vec::new();
        for id in &self.selection.ids {
            let ended = |what: &str| {
                Failure::new(Exit::NotFound, format!("delivery {id} {what}"))
                    .next(format!("show its attempts: eqp deliveries show {id}"))
            };
            match client.delivery(*id).await?.delivery {
                None => return Err(ended("has already been accepted or discarded")),
                Some(delivery) if delivery.state == DeliveryState::Skipped && self.action == Action::Discard => {
                    return Err(ended("was skipped, so there is nothing to discard"));
                }
                Some(delivery) => selected.push(delivery),
            }
        }
        Ok(selected)
    }
}

impl Change for DeliveryChange<'_> {
    type Plan = DeliveryPlan;
    /// The number of changed deliveries, and of those that are held back.
    type Applied = (u64, u64);

    async fn observe(&mut self) -> Result<DeliveryPlan> {
        let selected = self.selected().await?;
        let held = match self.action {
            Action::Retry if !selected.is_empty() => {
                Held::among(&selected, &self.operator.client().subscriptions().await?.subscriptions)
            }
            Action::Retry | Action::Discard => Held::default(),
        };
        let ids = selected.into_iter().map(|one| one.id).collect();
        Ok(DeliveryPlan { action: self.action, ids, held })
    }

    async fn apply(self, plan: DeliveryPlan, _: Confirmation) -> Result<(u64, u64)> {
        let client = self.operator.client();
        let mut changed = 0;
        for ids in plan.ids.chunks(CHUNK) {
            let selection = DeliverySelection::new(ids);
            changed += match plan.action {
                Action::Retry => client.retry_deliveries(&selection).await?.changed,
                Action::Discard => client.discard_deliveries(&selection).await?.changed,
            };
        }
        Ok((changed, plan.held.count.min(changed)))
    }
}

async fn run(context: &Context, selection: Selection, skipped: bool, action: Action, dry_run: bool) -> Result {
    let operator = Operator::open_existing(context, Upgrade::unless(dry_run)).await?;
    let change = DeliveryChange { operator: &operator, selection, skipped, action };
    let changed = change::run(context, change, dry_run).await;
    operator.close().await?;
    let Some((changed, held)) = changed? else { return Ok(()) };
    if context.output.is_json() {
        return context.output.json(&match action {
            Action::Retry => DeliveryChanges { retried: Some(changed), held_back: Some(held), ..NOTHING },
            Action::Discard => DeliveryChanges { discarded: Some(changed), ..NOTHING },
        });
    }
    context.output.line(match (action, held) {
        (Action::Discard, _) => format!("discarded {}", deliveries(changed)),
        (Action::Retry, 0) => format!("retrying {}", deliveries(changed)),
        (Action::Retry, held) => format!("retrying {}; {held} not sent yet", deliveries(changed - held)),
    })
}

impl Retry {
    pub(crate) async fn run(self, context: &Context) -> Result {
        run(context, self.selection, self.skipped, Action::Retry, self.dry_run).await
    }
}

impl Discard {
    pub(crate) async fn run(self, context: &Context) -> Result {
        run(context, self.selection, false, Action::Discard, self.dry_run).await
    }
}
