//! `eqp events show`: shows one event with its callback and duplicates.

use clap::Args;
use eqp_console::ReportedEvent;
use eqp_store::DuplicateCallback;

use super::table::table;
use crate::arguments::whole;
use crate::compose::operator::Operator;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Table, counted, escaped, utc};

/// Show an event, the callback or API read that reported it, and its duplicates
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp events show 42
  eqp events show 42 --json | jq -r .callback.body")]
pub(crate) struct Show {
    /// Number of the event, as shown by `eqp events list`
    #[arg(value_parser = whole::<i64>)]
    seq: i64,
}

impl Show {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let operator = Operator::open_to_read(context).await?;
        let found = operator.client().event(self.seq).await;
        operator.close().await?;
        let event = found?.ok_or_else(|| {
            Failure::new(Exit::NotFound, format!("there is no event {}", self.seq))
                .next("list events with: eqp events list")
        })?;
        if context.output.is_json() { context.output.json(&event) } else { text(context, &event) }
    }
}

fn text(context: &Context, detail: &ReportedEvent) -> Result {
    let output = context.output;
    output.line(table(std::slice::from_ref(&detail.event)))?;
    if let Some(reason) = &detail.event.reason {
        output.line(format_args!("\nreason: {}", escaped(reason)))?;
    }
    match (&detail.callback, &detail.api_read) {
        (None, None) => output.line(
            "\nthe callback or API read of this event was deleted, because it was older than the retention period",
        )?,
        (None, Some(read)) => {
            output.line(format_args!(
                "\nAPI read {} of {} at {} (UTC), {} bytes\n",
                read.id,
                detail.event.mage_id,
                utc(read.received_at),
                read.body.bytes().len()
            ))?;
            output.line(String::from_utf8_lossy(read.body.bytes()))?;
        }
        (Some(callback), _) => {
            output.line(format_args!(
                "\ncallback {} of {} at {} (UTC) from {}, endpoint {}, {} bytes",
                callback.id,
                callback.mage_id,
                utc(callback.received_at),
                callback.source,
                callback.endpoint,
                callback.body.bytes().len()
            ))?;
            output.line(callback.headers.to_text_lossy().trim_end().replace("\r\n", "\n"))?;
            output.line("")?;
            // --json has the exact bytes.
            output.line(String::from_utf8_lossy(callback.body.bytes()))?;
        }
    }
    if detail.duplicates.is_empty() {
        return output.line("\nno duplicates");
    }
    output.line(format_args!("\n{}", counted(detail.duplicates.len(), "duplicate")))?;
    output.line(duplicates(&detail.duplicates))
}

fn duplicates(duplicates: &[DuplicateCallback]) -> Table {
    let mut table = Table::new(&["callback", "received (UTC)", "endpoint"]);
    for duplicate in duplicates {
        table.row([duplicate.id.to_string(), utc(duplicate.received_at), duplicate.endpoint.clone()]);
    }
    table
}
