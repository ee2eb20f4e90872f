//! `eqp alerts show`.

use clap::Args;
use eqp_console::{AlertChange, AlertDetail, NotificationState};
use time::OffsetDateTime;

use super::layout::heading;
use super::list::WIDTH;
use crate::arguments::whole;
use crate::compose::operator::Operator;
use crate::context::Context;
use crate::failure::Result;
use crate::output::{Output, Table, escaped, or_dash, utc, wrapped};

/// Show an alert: its meaning, any lost data, the first command to run, and how it resolves
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp alerts show 7
  eqp alerts show 7 --json | jq .alert.data")]
pub(crate) struct Show {
    /// Number of the alert, as shown by `eqp alerts list`
    #[arg(value_name = "NUMBER", value_parser = whole::<i64>)]
    id: i64,
}

impl Show {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let operator = Operator::open_to_read(context).await?;
        let detail = operator.client().alert(self.id).await;
        operator.close().await?;
        print(context.output, &detail?)
    }
}

/// Prints an alert with everything that happened to it.
pub(super) fn print(output: Output, detail: &AlertDetail) -> Result {
    if output.is_json() {
        return output.json(detail);
    }
    let AlertDetail { alert, changes, notifications, .. } = detail;
    let width = output.width().unwrap_or(WIDTH);
    output.line(format_args!("alert #{}", alert.id))?;
    output.line(heading(alert, OffsetDateTime::now_utc(), width))?;
    for text in [&alert.lost, &alert.meaning] {
        output.line(wrapped(&escaped(text), width))?;
    }
    output.line(format_args!("first check: {}", escaped(&alert.first_check)))?;
    output.line(wrapped(&alert.resolves, width))?;
    if let (Some(mage_id), Some(environment)) = (&alert.mage_id, alert.environment) {
        output.line(format_args!("account: {mage_id} ({environment})"))?;
    }
    output.line("")?;
    let mut table = Table::new(&["time (UTC)", "change", "by", "note"]);
    for AlertChange { change, at, by, note, .. } in changes {
        table.row([utc(*at), change.to_string(), or_dash(by.clone()), or_dash(note.clone())]);
    }
    output.line(table)?;
    if notifications.is_empty() {
        return Ok(());
    }
    output.line("")?;
    let mut table = Table::new(&["notification", "subscription", "state", "last attempt (UTC)"]);
    for one in notifications {
        let fallback = if one.is_fallback { " (fallback)" } else { "" };
        let state = match one.state {
            NotificationState::NotSent => "not sent".to_owned(),
            state => state.to_string(),
        };
        let subscription = format!("{}{fallback}", one.subscription);
        table.row([one.change.to_string(), subscription, state, or_dash(one.attempted_at.map(utc))]);
    }
    output.line(table)
}
