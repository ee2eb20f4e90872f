//! `eqp callbacks`: manages the list of URLs to which the Marketplace sends callbacks.

pub(crate) mod change;
pub(crate) mod drift;
pub(crate) mod end;
pub(crate) mod forget;
pub(crate) mod register;
pub(crate) mod view;

use clap::{Args, Subcommand};
use eqp_client::callbacks::EntryName;
use eqp_types::{ApiCallbackEntry, Environment};
use serde::Serialize;

use crate::compose::client::client;
use crate::context::Context;
use crate::failure::Result;
use crate::output::Table;

/// Manage the callback registrations at the Marketplace
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  # register the receiver, then compare the list with it from time to time
  eqp callbacks add --name main --url https://eqp.example.com/callbacks/main
  eqp callbacks plan
  # replace the password without losing callbacks
  eqp callbacks rotate --name main")]
pub(crate) enum Callbacks {
    List(List),
    Plan(drift::Plan),
    Add(register::Add),
    Adopt(register::Adopt),
    Rotate(register::Rotate),
    Retire(end::Retire),
    Remove(end::Remove),
    Forget(forget::Forget),
}

impl Callbacks {
    pub(crate) async fn run(self, context: &Context) -> Result {
        match self {
            Self::List(verb) => verb.run(context).await,
            Self::Plan(verb) => verb.run(context).await,
            Self::Add(verb) => verb.run(context).await,
            Self::Adopt(verb) => verb.run(context).await,
            Self::Rotate(verb) => verb.run(context).await,
            Self::Retire(verb) => verb.run(context).await,
            Self::Remove(verb) => verb.run(context).await,
            Self::Forget(verb) => verb.run(context).await,
        }
    }
}

/// List all callback registrations at the Marketplace, including those of other programs
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp callbacks list
  eqp callbacks list --environment production --json")]
pub(crate) struct List {}

/// The registered callbacks as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct CallbackList<'a> {
    /// The environment.
    environment: Environment,
    /// The Marketplace's list of callbacks.
    callbacks: &'a [ApiCallbackEntry],
}

impl List {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let environment = context.settings.marketplace.environment();
        let entries = client(&context.settings.marketplace)?.callbacks().list().await?;
        if context.output.is_json() {
            return context.output.json(&CallbackList { environment, callbacks: &entries });
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

/// Returns the URL without credentials, which another program may have registered in it.
fn shown(entry: &ApiCallbackEntry) -> String {
    EntryName::new(EntryName::of(entry).url(), "").to_string()
}
