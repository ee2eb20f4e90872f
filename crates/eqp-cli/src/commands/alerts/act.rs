//! `eqp alerts ack`, `snooze`, `note` and `resolve`.

use std::time::Duration;

use clap::Args;
use eqp_console::{Alert, AlertAction, AlertDetail};
use serde::Serialize;

use super::show::print;
use crate::arguments::{timeout, whole};
use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::compose::database::Upgrade;
use crate::compose::operator::Operator;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::Output;

/// Acknowledge an alert, so that reminders no longer list it
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp alerts ack 7 --by ann
  eqp alerts ack 7 --by ann --note 'Adobe ticket 88123'")]
pub(crate) struct Ack {
    #[command(flatten)]
    target: Target,
    /// Name of the person who handles the alert
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Note that is shown with the alert
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

/// Exclude an alert from reminders for some time
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp alerts snooze 7 --for 3d")]
pub(crate) struct Snooze {
    #[command(flatten)]
    target: Target,
    /// Time without reminders, such as 3d (at most 365d)
    #[arg(long = "for", value_name = "DURATION", value_parser = snooze_time)]
    duration: Duration,
    /// Name to record [default: the name in the audit log, such as `local administrator`]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

/// Parses the time for which an alert is snoozed.
fn snooze_time(text: &str) -> Result<Duration, String> {
    match timeout(text)? {
        Duration::ZERO => Err("it is zero; write a time such as 3d".to_owned()),
        duration => Ok(duration),
    }
}

/// Add a note to an alert
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp alerts note 7 'Adobe ticket 88123, asked on 24 Nov'")]
pub(crate) struct Note {
    #[command(flatten)]
    target: Target,
    /// Text of the note
    text: String,
    /// Name to record [default: the name in the audit log, such as `local administrator`]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

/// Resolve an alert, even if its condition still holds
///
/// A new cause opens the alert again. An alert about a lasting condition, such as an expiring certificate, is also
/// opened again after a day if the condition still holds. Alerts are resolved automatically when their condition ends.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp alerts resolve 7 --by ann --note 'known, Adobe support was asked'
  eqp alerts resolve 7 --dry-run")]
pub(crate) struct Resolve {
    #[command(flatten)]
    target: Target,
    /// Name to record [default: the name in the audit log, such as `local administrator`]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Note that is shown with the alert
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

/// The alert that a command changes.
#[derive(Args, Debug)]
struct Target {
    /// Number of the alert, as shown by `eqp alerts list`
    #[arg(value_name = "NUMBER", value_parser = whole::<i64>)]
    id: i64,
    /// Show which alert would be changed, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// The action of a command on an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verb {
    Acknowledge,
    Snooze,
    Note,
    Resolve,
}

impl Ack {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let action = with_note(AlertAction::by(self.by), self.note);
        run(context, self.target, Verb::Acknowledge, action).await
    }
}

impl Snooze {
    pub(crate) async fn run(self, context: &Context) -> Result {
        run(context, self.target, Verb::Snooze, by(self.by).lasting(self.duration)).await
    }
}

impl Note {
    pub(crate) async fn run(self, context: &Context) -> Result {
        run(context, self.target, Verb::Note, by(self.by).note(self.text)).await
    }
}

impl Resolve {
    pub(crate) async fn run(self, context: &Context) -> Result {
        run(context, self.target, Verb::Resolve, with_note(by(self.by), self.note)).await
    }
}

fn by(name: Option<String>) -> AlertAction {
    name.map_or_else(AlertAction::default, AlertAction::by)
}

fn with_note(action: AlertAction, note: Option<String>) -> AlertAction {
    match note {
        Some(note) => action.note(note),
        None => action,
    }
}

/// The alert to change.
struct ActionPlan {
    verb: Verb,
    alert: Alert,
}

/// The dry run of a change as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct AlertDryRun<'a> {
    /// The action that would be taken.
    would: Verb,
    /// The alert.
    alert: &'a Alert,
}

impl ActionPlan {
    /// Describes the change, such as `acknowledge alert 7 (callbacks missed)`.
    fn described(&self) -> String {
        let verb = match self.verb {
            Verb::Acknowledge => "acknowledge alert",
            Verb::Snooze => "snooze alert",
            Verb::Note => "add a note to alert",
            Verb::Resolve => "resolve alert",
        };
        format!("{verb} {} ({})", self.alert.id, self.alert.title)
    }
}

impl Plan for ActionPlan {
    fn show(self, output: Output) -> Result {
        if output.is_json() {
            return output.json(&AlertDryRun { would: self.verb, alert: &self.alert });
        }
        output.line(format_args!("would {}", self.described()))
    }

    fn question(&self) -> Question {
        let mut action = self.described();
        action.replace_range(..1, &action[..1].to_uppercase());
        match self.verb {
            // Nobody is reminded of it any more.
            Verb::Resolve => Question::Irreversible(action),
            Verb::Acknowledge | Verb::Snooze | Verb::Note => Question::Nothing,
        }
    }
}

/// Changes an alert.
struct AlertChange<'a> {
    operator: &'a Operator,
    id: i64,
    verb: Verb,
    action: AlertAction,
}

impl Change for AlertChange<'_> {
    type Plan = ActionPlan;
    type Applied = AlertDetail;

    async fn observe(&mut self) -> Result<ActionPlan> {
        let alert = self.operator.client().alert(self.id).await?.alert;
        if alert.resolved_at.is_some() && self.verb != Verb::Note {
            return Err(Failure::new(Exit::Failed, format!("alert {} is already resolved", self.id))
                .next("list the open ones: eqp alerts list"));
        }
        Ok(ActionPlan { verb: self.verb, alert })
    }

    async fn apply(self, _: ActionPlan, _: Confirmation) -> Result<AlertDetail> {
        let client = self.operator.client();
        let (id, action) = (self.id, &self.action);
        Ok(match self.verb {
            Verb::Acknowledge => client.acknowledge_alert(id, action).await?,
            Verb::Snooze => client.snooze_alert(id, action).await?,
            Verb::Note => client.note_alert(id, action).await?,
            Verb::Resolve => client.resolve_alert(id, action).await?,
        })
    }
}

async fn run(context: &Context, target: Target, verb: Verb, action: AlertAction) -> Result {
    let operator = Operator::open_existing(context, Upgrade::unless(target.dry_run)).await?;
    let change = AlertChange { operator: &operator, id: target.id, verb, action };
    let changed = change::run(context, change, target.dry_run).await;
    operator.close().await?;
    changed?.map_or(Ok(()), |detail| print(context.output, &detail))
}
