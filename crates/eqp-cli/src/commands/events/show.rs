//! `eqp events show`: shows one event with its callback and duplicates.

use std::borrow::Cow;
use std::net::IpAddr;

use clap::Args;
use eqp_store::{CallbackDisposition, DuplicateCallback, Event, EventDetail, StoredApiRead, StoredCallback};
use eqp_types::{Environment, MageId};
use serde::Serialize;
use uuid::Uuid;

use super::table::table;
use crate::compose::database::Database;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Table, UtcTime, counted, escaped, utc};

/// Show an event with its callback or API read, and duplicates
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
        if context.output.is_json() { context.output.json(&reported(&detail)) } else { text(context, &detail) }
    }
}

/// An event as JSON, with the callbacks that reported it.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ReportedEvent<'a> {
    /// The event.
    event: &'a Event,
    /// The callback that reported the event; null if an API read did, or if retention has deleted it.
    callback: Option<CallbackReport<'a>>,
    /// The API read that reported the event; null if a callback did, or if retention has deleted it.
    api_read: Option<ApiReadReport<'a>>,
    /// Later callbacks that are duplicates of that report, oldest first.
    duplicates: &'a [DuplicateCallback],
}

/// A stored callback.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct CallbackReport<'a> {
    /// The ID of the callback, which its sender received in the response.
    id: Uuid,
    /// The environment of the account.
    environment: Environment,
    /// The account.
    mage_id: &'a MageId,
    /// The name of the endpoint.
    endpoint: &'a str,
    /// When it arrived.
    received_at: UtcTime,
    /// The IP address of the sender.
    source: IpAddr,
    /// The requested path and query, if they differ from the registered ones.
    arrived_path: Option<&'a str>,
    /// The stored headers, each as a line.
    headers: Cow<'a, str>,
    /// The body.
    body: Body<'a>,
    /// The decision of the projection; null while the callback is pending.
    disposition: Option<CallbackDisposition>,
}

/// A stored API read.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct ApiReadReport<'a> {
    /// The ID of the API read.
    id: Uuid,
    /// When the request was sent.
    began_at: UtcTime,
    /// When the response had arrived.
    received_at: UtcTime,
    /// Whether it describes events from before the account was observed.
    baseline: bool,
    /// The Marketplace's JSON about the resource.
    body: Body<'a>,
}

/// The body of a callback or an API read.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
enum Body<'a> {
    Text(&'a str),
    /// The byte values of a body that is not UTF-8, so that nothing is lost.
    Bytes(&'a [u8]),
}

fn reported(detail: &EventDetail) -> ReportedEvent<'_> {
    ReportedEvent {
        event: &detail.event,
        callback: detail.callback.as_ref().map(callback),
        api_read: detail.api_read.as_ref().map(api_read),
        duplicates: &detail.duplicates,
    }
}

fn callback(callback: &StoredCallback) -> CallbackReport<'_> {
    CallbackReport {
        id: callback.id,
        environment: callback.environment,
        mage_id: &callback.mage_id,
        endpoint: &callback.endpoint,
        received_at: UtcTime(callback.received_at),
        source: callback.source,
        arrived_path: callback.arrived_path.as_deref(),
        headers: String::from_utf8_lossy(&callback.headers),
        body: body(&callback.body),
        disposition: callback.disposition,
    }
}

fn api_read(read: &StoredApiRead) -> ApiReadReport<'_> {
    ApiReadReport {
        id: read.id,
        began_at: UtcTime(read.began_at),
        received_at: UtcTime(read.received_at),
        baseline: read.baseline,
        body: body(&read.body),
    }
}

fn body(bytes: &[u8]) -> Body<'_> {
    std::str::from_utf8(bytes).map_or(Body::Bytes(bytes), Body::Text)
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
