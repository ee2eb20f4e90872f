//! `eqp packages create`.

use std::io::Read;
use std::path::PathBuf;

use clap::Args;
use eqp_types::{BatchItem, Package};
use serde_json::{Value, json};

use super::or_dash;
use crate::compose::client::client;
use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::output::Table;

/// Create packages from a file of JSON as the API takes it: one object, or a list of them
///
/// The Marketplace takes good packages beside bad ones: each has a line in the answer. Where one was refused the
/// command ends with code 5.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp packages create --manifest package.json
  jq '.action = {technical: \"submit\", marketing: \"submit\"}' package.json \\
      | eqp packages create --manifest -")]
pub(crate) struct Create {
    /// The file, or - for standard input
    #[arg(long, value_name = "FILE")]
    manifest: PathBuf,
}

impl Create {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let packages = self.packages()?;
        let client = client(&context.settings.marketplace)?;
        let environment = client.environment();
        context.confirmation.ask(environment, &format!("Create {} package(s)", packages.len()))?;
        let items = client.packages().create(&packages).await?;
        if context.output.is_json() {
            context.output.json(&json!({"environment": environment, "packages": items}))?;
        } else {
            context.output.line(table(environment, &items))?;
        }
        let refused = items.iter().filter(|item| !item.is_success()).count();
        if refused == 0 {
            return Ok(());
        }
        Err(Failure::new(Exit::Rejected, format!("{refused} of {} packages were not created", items.len()))
            .next("the answer names what is missing in each"))
    }

    fn packages(&self) -> Outcome<Vec<Package>> {
        let named = self.manifest.display();
        let text = if self.manifest.as_os_str() == "-" {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map(|_| text)
        } else {
            std::fs::read_to_string(&self.manifest)
        };
        let text = text.map_err(|error| Failure::usage(format!("cannot read {named}")).because(&error))?;
        let read = serde_json::from_str::<Value>(&text).and_then(|value| match value {
            Value::Array(_) => serde_json::from_value(value),
            one => serde_json::from_value(one).map(|package| vec![package]),
        });
        let packages: Vec<Package> =
            read.map_err(|error| Failure::usage(format!("{named} holds no packages")).because(&error))?;
        if packages.is_empty() {
            return Err(Failure::usage(format!("{named} holds an empty list of packages")));
        }
        Ok(packages)
    }
}

fn table(environment: eqp_types::Environment, items: &[BatchItem]) -> Table {
    let mut table = Table::new(&["environment", "submission", "item", "code", "message"]);
    for item in items {
        table.row([
            environment.to_string(),
            or_dash(item.submission_id.as_ref()),
            or_dash(item.item_id.as_ref()),
            or_dash(item.code),
            or_dash(item.message.as_ref()),
        ]);
    }
    table
}
