//! `eqp events show`.

use clap::Args;
use eqp_receiver::{CallbackCopy, EventDetail, StoredCallback};
use serde_json::{Value, json};

use super::table::table;
use crate::compose::database::Database;
use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::output::{Table, counted, rfc3339, utc, visible};

/// Show one event with the callback that told it, byte for byte, and its copies
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp events show 42
  eqp events show 42 --json | jq -r .callback.body")]
pub(crate) struct Show {
    /// The event's number
    seq: i64,
}

impl Show {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let database = Database::open_to_read(context).await?;
        let found = database.reader().event(self.seq).await;
        database.close().await?;
        let detail = found?.ok_or_else(|| {
            Failure::new(Exit::NotFound, format!("there is no event {}", self.seq))
                .next("eqp events list shows which there are")
        })?;
        if context.output.is_json() { context.output.json(&whole(&detail)) } else { text(context, &detail) }
    }
}

fn whole(detail: &EventDetail) -> Value {
    json!({
        "event": detail.event,
        "callback": detail.callback.as_ref().map(callback),
        "copies": detail.copies,
    })
}

/// A body that is not UTF-8 is written as the numbers of its bytes: what is shown can always be turned back.
fn callback(callback: &StoredCallback) -> Value {
    json!({
        "id": callback.id,
        "environment": callback.environment,
        "mage_id": callback.mage_id,
        "endpoint": callback.endpoint,
        "received_at": rfc3339(callback.received_at),
        "source": callback.source,
        "arrived_path": callback.arrived_path,
        "headers": String::from_utf8_lossy(&callback.headers),
        "body": std::str::from_utf8(&callback.body).map_or_else(|_| json!(callback.body), |text| json!(text)),
        "verdict": callback.verdict,
    })
}

fn text(context: &Context, detail: &EventDetail) -> Outcome {
    let output = context.output;
    output.line(table(std::slice::from_ref(&detail.event)))?;
    if let Some(reason) = &detail.event.reason {
        output.line(format_args!("\nreason: {}", visible(reason)))?;
    }
    match &detail.callback {
        None => output.line("\nno callback is kept for it")?,
        Some(callback) => {
            output.line(format_args!(
                "\ncallback {} of {} at {} (UTC) from {}, endpoint {}, {} bytes",
                callback.id,
                callback.mage_id,
                utc(callback.received_at),
                callback.source,
                callback.endpoint,
                callback.body.len()
            ))?;
            output.line(String::from_utf8_lossy(&callback.headers).trim_end().replace("\r\n", "\n"))?;
            output.line("")?;
            // Exactly as it came it is in --json.
            output.line(String::from_utf8_lossy(&callback.body))?;
        }
    }
    if detail.copies.is_empty() {
        return output.line("\nno copies");
    }
    output.line(format_args!("\n{}", counted(detail.copies.len(), "copy")))?;
    output.line(copies(&detail.copies))
}

fn copies(copies: &[CallbackCopy]) -> Table {
    let mut table = Table::new(&["callback", "received (UTC)", "endpoint"]);
    for copy in copies {
        table.row([copy.id.to_string(), utc(copy.received_at), copy.endpoint.clone()]);
    }
    table
}
