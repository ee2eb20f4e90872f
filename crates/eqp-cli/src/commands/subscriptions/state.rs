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

/// Resume a paused subscription, and deliver the events of the pause
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

/// A change of the state of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// A dry run.
    Planned,
    Done,
    /// It was in this state before.
    Unchanged,
}

fn report(output: Output, one: &Subscription, action: Action, step: Step) -> Result {
    if output.is_json() {
        let mut report = StateReport { paused: None, would_pause: None, resumed: None, would_resume: None };
        *match (action, step) {
            (Action::Pause, Step::Planned) => &mut report.would_pause,
            (Action::Pause, _) => &mut report.paused,
            (Action::Resume, Step::Planned) => &mut report.would_resume,
            (Action::Resume, _) => &mut report.resumed,
        } = Some(one);
        return output.json(&report);
    }
    let what = match (action, step) {
        (Action::Pause, Step::Done) => format!("paused {}", one.name),
        (Action::Pause, Step::Planned) => format!("would pause {}", one.name),
        (Action::Pause, Step::Unchanged) => {
            let reason = one.paused_reason.as_ref().map(|reason| format!(" ({reason})"));
            format!("{} is paused already{}", one.name, reason.unwrap_or_default())
        }
        (Action::Resume, Step::Done) => format!("resumed {}", one.name),
        (Action::Resume, Step::Planned) => format!("would resume {}", one.name),
        (Action::Resume, Step::Unchanged) => format!("{} is not paused", one.name),
    };
    output.line(format_args!("{what}: {} waiting, {} dead", one.waiting, one.dead))
}

struct StatePlan {
    action: Action,
    subscription: Subscription,
}

impl StatePlan {
    /// Returns whether the subscription is in the requested state already.
    fn is_unchanged(&self) -> bool {
        (self.subscription.state == SubscriptionState::Paused) == (self.action == Action::Pause)
    }
}

impl Plan for StatePlan {
    fn show(self, output: Output) -> Result {
        let step = if self.is_unchanged() { Step::Unchanged } else { Step::Planned };
        report(output, &self.subscription, self.action, step)
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
    type Applied = (Subscription, Step);

    async fn observe(&mut self) -> Result<StatePlan> {
        let subscription = self.operator.client().subscription(self.name).await?;
        Ok(StatePlan { action: self.action, subscription })
    }

    async fn apply(self, plan: StatePlan, _: Confirmation) -> Result<(Subscription, Step)> {
        if plan.is_unchanged() {
            return Ok((plan.subscription, Step::Unchanged));
        }
        let client = self.operator.client();
        let changed = match self.action {
            Action::Pause => client.pause_subscription(self.name, self.reason).await?,
            Action::Resume => client.resume_subscription(self.name).await?,
        };
        Ok((changed, Step::Done))
    }
}

async fn run(context: &Context, name: &str, reason: Option<&str>, action: Action, dry_run: bool) -> Result {
    let operator = Operator::open_existing(context, Upgrade::unless(dry_run)).await?;
    let change = StateChange { operator: &operator, name, reason, action };
    let changed = change::run(context, change, dry_run).await;
    operator.close().await?;
    match changed? {
        Some((subscription, step)) => report(context.output, &subscription, action, step),
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
