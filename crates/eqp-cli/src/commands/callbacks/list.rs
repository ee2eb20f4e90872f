//! `eqp callbacks list`.

use clap::Args;
use eqp_client::callbacks::EntryName;
use eqp_types::ApiCallbackEntry;

use crate::compose::client::client;
use crate::context::Context;
use crate::failure::Outcome;
use crate::output::{Table, Whole};

/// List the callbacks registered with the Marketplace, everybody's
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp callbacks list
  eqp callbacks list --environment production --json")]
pub(crate) struct List {}

impl List {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let environment = context.settings.marketplace.environment();
        let entries = client(&context.settings.marketplace)?.callbacks().list().await?;
        if context.output.is_json() {
            return context.output.json(&Whole { name: "callbacks", environment: Some(environment), items: &entries });
        }
        if entries.is_empty() {
            context.output.note(format_args!("no callbacks are registered in {environment}"));
            return Ok(());
        }
        let mut table = Table::new(&["environment", "name", "url", "user name"]);
        for entry in &entries {
            table.row([environment.to_string(), label(entry), shown(entry), username(entry)]);
        }
        context.output.line(table)
    }
}

fn label(entry: &ApiCallbackEntry) -> String {
    entry.known().and_then(|known| known.name.clone()).unwrap_or_else(|| "-".into())
}

fn username(entry: &ApiCallbackEntry) -> String {
    entry.known().and_then(|known| known.username.clone()).unwrap_or_else(|| "-".into())
}

/// The URL without credentials, should somebody have registered some in it.
fn shown(entry: &ApiCallbackEntry) -> String {
    EntryName::new(EntryName::of(entry).url(), "").to_string()
}
