//! `eqp alerts list`.

use clap::Args;
use eqp_console::{AlertFilter, NotProven};
use time::OffsetDateTime;

use super::layout::{age, listed};
use crate::compose::operator::Operator;
use crate::context::Context;
use crate::failure::Result;

/// The width of the text without a terminal.
pub(super) const WIDTH: usize = 80;

/// List open alerts, the most urgent first
///
/// Also lists endpoints that have never received a callback, as "not proven yet". These are not alerts.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp alerts list
  eqp alerts list --all
  eqp alerts list --json \\
      | jq -r '.alerts[] | select(.severity == \"page\") | .title'")]
pub(crate) struct List {
    /// Also list alerts that were resolved in the last 30 days
    #[arg(long)]
    all: bool,
}

impl List {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let operator = Operator::open_to_read(context).await?;
        let alerts = operator.client().alerts(&AlertFilter { all: self.all }).await;
        operator.close().await?;
        let alerts = alerts?;
        if context.output.is_json() {
            return context.output.json(&alerts);
        }
        let (now, width) = (OffsetDateTime::now_utc(), context.output.width().unwrap_or(WIDTH));
        let counts = alerts.counts;
        context.output.line(format_args!(
            "{} open, {} acknowledged, {} resolved in 30 days",
            counts.open, counts.acknowledged, counts.resolved
        ))?;
        if !alerts.alerts.is_empty() {
            context.output.line("")?;
        }
        for alert in &alerts.alerts {
            context.output.line(listed(alert, now, width))?;
        }
        if !alerts.not_proven.is_empty() {
            context.output.line("")?;
        }
        for NotProven { endpoint, registered_at, .. } in &alerts.not_proven {
            context.output.line(format_args!(
                "not proven yet: endpoint {endpoint}, registered {} ago, no callback from Adobe",
                age(now - *registered_at)
            ))?;
        }
        Ok(())
    }
}
