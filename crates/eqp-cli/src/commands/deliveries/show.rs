//! `eqp deliveries show`.

use clap::Args;
use eqp_console::Attempt;

use super::list::table;
use crate::arguments::whole;
use crate::compose::operator::Operator;
use crate::context::Context;
use crate::failure::Result;
use crate::output::{Table, or_dash, utc};

/// Show a delivery and its attempts, with the responses of the handler
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp deliveries show 1200
  eqp deliveries show 1200 --json | jq -r '.attempts[-1].note'")]
pub(crate) struct Show {
    /// ID, as shown by `eqp deliveries list`
    #[arg(value_parser = whole::<i64>)]
    id: i64,
}

impl Show {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let operator = Operator::open_to_read(context).await?;
        let found = operator.client().delivery(self.id).await;
        operator.close().await?;
        let found = found?;
        if context.output.is_json() {
            return context.output.json(&found);
        }
        match &found.delivery {
            Some(delivery) => context.output.line(table(std::slice::from_ref(delivery)))?,
            None => context.output.line(format_args!("delivery {} has been accepted or discarded", found.id))?,
        }
        if found.attempts.is_empty() {
            context.output.note("no attempt has been recorded");
            return Ok(());
        }
        let mut table = Table::new(&["time (UTC)", "result", "status", "ms", "note"]);
        table.right(2);
        table.right(3);
        for Attempt { at, result, status, duration_ms, note, .. } in found.attempts {
            table.row([utc(at), result, or_dash(status), duration_ms.to_string(), or_dash(note)]);
        }
        context.output.line(table)
    }
}
