//! `eqp subscriptions pause` and `eqp subscriptions resume`.

use clap::Args;
use eqp_console::{Subscription, SubscriptionState};
use serde::Serialize;

use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::compose::database::Upgrade;
use crate::compose::operator::Operator;
use crate::context::Context;
use crate::failure::Result;
use crate::output::Output;

/// Pause a subscription; its events are delivered after it is resumed
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp subscriptions pause shop --reason 'maintenance until 18:00'
  eqp subscriptions pause shop --dry-run")]
pub(crate) struct Pause {
    /// Name, as shown by `eqp subscriptions list`
    name: String,
    /// Reason, which is shown with the subscription
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Show what would be paused, and pause nothing
    #[arg(long)]
    dry_run: bool,
}

/// Resume a paused subscription, which then delivers the events of the pause
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp subscriptions resume shop
  eqp subscriptions resume shop --dry-run")]
pub(crate) struct Resume {
    /// Name, as shown by `eqp subscriptions list`
    name: String,
    /// Show what would be resumed, and resume nothing
    #[arg(long)]
    dry_run: bool,
}

/// The action on a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Pause,
    Resume,
}

/// A changed subscription as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct StateReport<'a> {
    /// The subscription that was paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    paused: Option<&'a Subscription>,
    /// The subscription that would be paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    would_pause: Option<&'a Subscription>,
    /// The subscription that was resumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    resumed: Option<&'a Subscription>,
    /// The subscription that would be resumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    would_resume: Option<&'a Subscription>,
}

fn report(output: Output, one: &Subscription, action: Action, is_planned: bool) -> Result {
    if output.is_json() {
        let mut report = StateReport { paused: None, would_pause: None, resumed: None, would_resume: None };
        *match (action, is_planned) {
            (Action::Pause, false) => &mut report.paused,
            (Action::Pause, true) => &mut report.would_pause,
            (Action::Resume, false) => &mut report.resumed,
            (Action::Resume, true) => &mut report.would_resume,
        } = Some(one);
        return output.json(&report);
    }
    let verb = match (action, is_planned) {
        (Action::Pause, false) => "paused",
        (Action::Pause, true) => "would pause",
        (Action::Resume, false) => "resumed",
        (Action::Resume, true) => "would resume",
    };
    output.line(format_args!("{verb} {}: {} waiting, {} dead", one.name, one.waiting, one.dead))
}

struct StatePlan {
    action: Action,
    subscription: Subscription,
}

impl Plan for StatePlan {
    fn show(self, output: Output) -> Result {
        report(output, &self.subscription, self.action, true)
    }

    fn notes(&self) -> Vec<String> {
        let is_paused = self.subscription.state == SubscriptionState::Paused;
        let note = match (self.action, is_paused) {
            (Action::Pause, true) => "it is paused already",
            (Action::Resume, false) => "it is not paused",
            _ => return Vec::new(),
        };
        vec![note.to_owned()]
    }

    fn question(&self) -> Question {
        Question::Nothing
    }
}

struct StateChange<'a> {
    operator: &'a Operator,
    name: &'a str,
    reason: Option<&'a str>,
    action: Action,
}

impl Change for StateChange<'_> {
    type Plan = StatePlan;
    type Applied = Subscription;

    async fn observe(&mut self) -> Result<StatePlan> {
        let subscription = self.operator.client().subscription(self.name).await?;
        Ok(StatePlan { action: self.action, subscription })
    }

    async fn apply(self, _: StatePlan, _: Confirmation) -> Result<Subscription> {
        let client = self.operator.client();
        Ok(match self.action {
            Action::Pause => client.pause_subscription(self.name, self.reason).await?,
            Action::Resume => client.resume_subscription(self.name).await?,
        })
    }
}

async fn run(context: &Context, name: &str, reason: Option<&str>, action: Action, dry_run: bool) -> Result {
    let operator = Operator::open_existing(context, Upgrade::unless(dry_run)).await?;
    let change = StateChange { operator: &operator, name, reason, action };
    let changed = change::run(context, change, dry_run).await;
    operator.close().await?;
    match changed? {
        Some(subscription) => report(context.output, &subscription, action, false),
        None => Ok(()),
    }
}

impl Pause {
    pub(crate) async fn run(self, context: &Context) -> Result {
        run(context, &self.name, self.reason.as_deref(), Action::Pause, self.dry_run).await
    }
}

impl Resume {
    pub(crate) async fn run(self, context: &Context) -> Result {
        run(context, &self.name, None, Action::Resume, self.dry_run).await
    }
}
