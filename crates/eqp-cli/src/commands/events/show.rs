//! `eqp events show`.

use clap::Args;
use eqp_store::{DuplicateCallback, EventDetail, StoredApiRead, StoredCallback};
use serde_json::{Value, json};

use super::table::table;
use crate::compose::database::Database;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Table, counted, escaped, rfc3339, utc};

/// Show an event with its callback or API read, byte for byte, and duplicates
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp events show 42
  eqp events show 42 --json | jq -r .callback.body")]
pub(crate) struct Show {
    /// Number of the event
    seq: i64,
}

impl Show {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let database = Database::open_to_read(context).await?;
        let found = database.reader().event(self.seq).await;
        database.close().await?;
        let detail = found?.ok_or_else(|| {
            Failure::new(Exit::NotFound, format!("there is no event {}", self.seq))
                .next("list events with: eqp events list")
        })?;
        if context.output.is_json() { context.output.json(&whole(&detail)) } else { text(context, &detail) }
    }
}

fn whole(detail: &EventDetail) -> Value {
    json!({
        "event": detail.event,
        "callback": detail.callback.as_ref().map(callback),
        "api_read": detail.api_read.as_ref().map(api_read),
        "duplicates": detail.duplicates,
    })
}

/// A body that is not UTF-8 is written as a list of byte values, so that nothing is lost.
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
        "body": body(&callback.body),
        "disposition": callback.disposition,
    })
}

fn api_read(read: &StoredApiRead) -> Value {
    json!({
        "id": read.id,
        "began_at": rfc3339(read.began_at),
        "received_at": rfc3339(read.received_at),
        "baseline": read.baseline,
        "body": body(&read.body),
    })
}

fn body(bytes: &[u8]) -> Value {
    std::str::from_utf8(bytes).map_or_else(|_| json!(bytes), |text| json!(text))
}

fn text(context: &Context, detail: &EventDetail) -> Result {
    let output = context.output;
    output.line(table(std::slice::from_ref(&detail.event)))?;
    if let Some(reason) = &detail.event.reason {
        output.line(format_args!("\nreason: {}", escaped(reason)))?;
    }
    match (&detail.callback, &detail.api_read) {
        (None, None) => output.line("\nthe report of this event was deleted by retention")?,
        (None, Some(read)) => {
            output.line(format_args!(
                "\nAPI read {} of {} at {} (UTC), {} bytes\n",
                read.id,
                detail.event.mage_id,
                utc(read.received_at),
                read.body.len()
            ))?;
            output.line(String::from_utf8_lossy(&read.body))?;
        }
        (Some(callback), _) => {
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
            // --json has the exact bytes.
            output.line(String::from_utf8_lossy(&callback.body))?;
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
