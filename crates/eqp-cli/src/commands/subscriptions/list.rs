//! `eqp subscriptions list`.

use clap::Args;

use crate::compose::operator::Operator;
use crate::context::Context;
use crate::failure::Result;
use crate::output::{Table, or_dash, utc};

/// List subscriptions and the state of their deliveries
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp subscriptions list
  eqp subscriptions list --json \\
      | jq -r '.subscriptions[] | select(.dead > 0) | .name'")]
pub(crate) struct List {}

impl List {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let operator = Operator::open_to_read(context).await?;
        let listed = operator.client().subscriptions().await;
        operator.close().await?;
        let listed = listed?;
        if context.output.is_json() {
            return context.output.json(&listed);
        }
        if listed.subscriptions.is_empty() {
            context.output.note("no subscriptions yet; create one: eqp subscriptions add NAME --webhook URL");
            return Ok(());
        }
        let mut table = Table::new(&["name", "state", "waiting", "dead", "oldest (UTC)", "handler"]);
        table.right(2);
        table.right(3);
        for one in &listed.subscriptions {
            table.row([
                one.name.clone(),
                one.state.to_string(),
                one.described_waiting(),
                one.dead.to_string(),
                or_dash(one.oldest_waiting_at.map(utc)),
                one.described_handler(),
            ]);
        }
        context.output.line(table)
    }
}
