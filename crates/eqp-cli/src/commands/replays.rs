//! `eqp replays`: events that are delivered again. `eqp events replay` requests a replay.

use std::fmt::Write as _;

use clap::{Args, Subcommand};
use eqp_console::{Replay, ReplayQuery};
use eqp_deliver::ReplayState;
use serde::Serialize;

use crate::arguments::{whole, within};
use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::compose::database::Upgrade;
use crate::compose::operator::Operator;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Output, Table, counted, utc};

/// Show and cancel replays, which are started by `eqp events replay`
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  eqp events replay --since 2h --to shop
  eqp replays list
  eqp replays show 3
  eqp replays cancel 3")]
pub(crate) enum Replays {
    List(List),
    Show(Show),
    Cancel(Cancel),
}

impl Replays {
    pub(crate) async fn run(self, context: &Context) -> Result {
        match self {
            Self::List(verb) => verb.run(context).await,
            Self::Show(verb) => verb.run(context).await,
            Self::Cancel(verb) => verb.run(context).await,
        }
    }
}

/// List the replays of the last 90 days, newest first
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp replays list
  eqp replays list --json | jq '.replays[] | select(.state == \"running\") | .id'")]
pub(crate) struct List {
    /// Maximum number of replays
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = within(1_u32..=10_000))]
    limit: u32,
}

/// Show the progress of a replay
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp replays show 3
  eqp replays show 3 --json | jq .waiting")]
pub(crate) struct Show {
    /// Number of the replay, as shown by `eqp replays list`
    #[arg(value_name = "NUMBER", value_parser = whole::<i64>)]
    id: i64,
}

/// Cancel a replay, and discard its waiting deliveries
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp replays cancel 3 --dry-run
  eqp replays cancel 3 --yes")]
pub(crate) struct Cancel {
    /// Number of the replay, as shown by `eqp replays list`
    #[arg(value_name = "NUMBER", value_parser = whole::<i64>)]
    id: i64,
    /// Show what would be cancelled, and cancel nothing
    #[arg(long)]
    dry_run: bool,
}

/// A cancelled replay as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Cancellation<'a> {
    /// The replay that was cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    cancelled: Option<&'a Replay>,
    /// The replay that would be cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    would_cancel: Option<&'a Replay>,
}

/// Describes a replay on one line.
pub(super) fn described(replay: &Replay) -> String {
    let mut text = format!("replay {} {}", replay.id, state(replay));
    for (number, what) in [(replay.waiting, "waiting"), (replay.dead, "dead")] {
        if number > 0 {
            write!(text, ", {number} {what}").expect("writing to a text does not fail");
        }
    }
    text
}

/// Describes the state, such as `finished: 200 of 200 sent`.
fn state(replay: &Replay) -> String {
    let sent = format!("{} of {} sent", replay.ended, replay.planned);
    match replay.state {
        ReplayState::Running => format!("running: {sent}"),
        ReplayState::Finished if replay.created < replay.planned => {
            let missing = replay.planned - replay.created;
            format!("finished: {sent}; {missing} not sent, because the event or subscription no longer exists")
        }
        ReplayState::Finished => format!("finished: {sent}"),
        ReplayState::Cancelled => format!("cancelled: {sent}"),
        _ => "in a state of a newer version".to_owned(),
    }
}

impl List {
    async fn run(self, context: &Context) -> Result {
        let operator = Operator::open_to_read(context).await?;
        let listed = operator.client().replays(&ReplayQuery { limit: self.limit }).await;
        operator.close().await?;
        let listed = listed?;
        if context.output.is_json() {
            return context.output.json(&listed);
        }
        if listed.replays.is_empty() {
            context.output.note("no replays; request one: eqp events replay --since 2h");
            return Ok(());
        }
        let mut table = Table::new(&["number", "requested (UTC)", "by", "to", "state", "waiting", "dead"]);
        for column in [0, 5, 6] {
            table.right(column);
        }
        for one in &listed.replays {
            table.row([
                one.id.to_string(),
                utc(one.requested_at),
                one.requested_by.clone(),
                one.to.clone().unwrap_or_else(|| "all matching".to_owned()),
                state(one),
                one.waiting.to_string(),
                one.dead.to_string(),
            ]);
        }
        context.output.line(table)
    }
}

impl Show {
    async fn run(self, context: &Context) -> Result {
        let operator = Operator::open_to_read(context).await?;
        let found = operator.client().replay(self.id).await;
        operator.close().await?;
        let replay = found?;
        if context.output.is_json() {
            return context.output.json(&replay);
        }
        context.output.line(described(&replay))?;
        let to = replay.to.as_deref().unwrap_or("every subscription whose filter matches");
        context.output.line(format_args!(
            "requested by {} at {} (UTC), to {to}",
            replay.requested_by,
            utc(replay.requested_at)
        ))?;
        if replay.waiting + replay.dead > 0 {
            context.output.note(format_args!("list its deliveries: eqp deliveries list --replay {}", replay.id));
        }
        Ok(())
    }
}

struct CancelPlan(Replay);

impl Plan for CancelPlan {
    fn show(self, output: Output) -> Result {
        if output.is_json() {
            return output.json(&Cancellation { cancelled: None, would_cancel: Some(&self.0) });
        }
        output.line(format_args!("would cancel {}", described(&self.0)))
    }

    fn question(&self) -> Question {
        let rest = self.0.planned.saturating_sub(self.0.ended + self.0.dead);
        Question::Irreversible(format!("Cancel replay {} ({} not sent)", self.0.id, counted(rest, "delivery")))
    }
}

struct CancelReplay<'a> {
    operator: &'a Operator,
    id: i64,
}

impl Change for CancelReplay<'_> {
    type Plan = CancelPlan;
    type Applied = Replay;

    async fn observe(&mut self) -> Result<CancelPlan> {
        let replay = self.operator.client().replay(self.id).await?;
        if replay.state != ReplayState::Running {
            let why = match replay.state {
                ReplayState::Cancelled => {
                    format!("it was cancelled before, when {} of {} were sent", replay.ended, replay.planned)
                }
                _ => described(&replay),
            };
            return Err(Failure::new(Exit::Failed, format!("replay {} cannot be cancelled", replay.id))
                .why(why)
                .next("list the replays: eqp replays list"));
        }
        Ok(CancelPlan(replay))
    }

    async fn apply(self, _: CancelPlan, _: Confirmation) -> Result<Replay> {
        Ok(self.operator.client().cancel_replay(self.id).await?)
    }
}

impl Cancel {
    async fn run(self, context: &Context) -> Result {
        let operator = Operator::open_existing(context, Upgrade::unless(self.dry_run)).await?;
        let change = CancelReplay { operator: &operator, id: self.id };
        let cancelled = change::run(context, change, self.dry_run).await;
        operator.close().await?;
        let Some(replay) = cancelled? else { return Ok(()) };
        if context.output.is_json() {
            return context.output.json(&Cancellation { cancelled: Some(&replay), would_cancel: None });
        }
        context.output.line(format_args!("cancelled replay {}: {} of {} sent", replay.id, replay.ended, replay.planned))
    }
}
