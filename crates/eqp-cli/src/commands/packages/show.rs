//! `eqp packages show`.

use clap::Args;
use eqp_client::Client;
use eqp_types::{Environment, Package, TestRun};
use serde::Serialize;
use serde_json::json;

use super::named::Named;
use super::results::{results_of, table};
use super::tracks;
use crate::compose::client::client;
use crate::context::Context;
use crate::failure::Outcome;
use crate::output::{Table, or_dash, visible};

/// Show a package: by its submission, by SKU, or by the developer's own id
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp packages show s5w9k703ru --results
  eqp packages show --sku acme/checkout --version 1.2.0
  eqp packages show --item checkout-1.2.0 --json | jq .package.eqp_status")]
pub(crate) struct Show {
    #[command(flatten)]
    named: Named,
    /// With the results of the Marketplace's tests
    #[arg(long)]
    results: bool,
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    package: Package,
    #[serde(skip_serializing_if = "Option::is_none")]
    test_results: Option<Vec<TestRun>>,
}

impl Show {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        let client = client(&context.settings.marketplace)?;
        let environment = client.environment();
        let mut shown = Vec::new();
        for package in self.named.find(&client).await? {
            let test_results = if self.results { Some(results(&client, &package).await?) } else { None };
            shown.push(Shown { package, test_results });
        }
        if context.output.is_json() {
            return match shown.as_slice() {
                [one] if self.named.is_one() => {
                    context.output.json(&json!({"environment": environment, "package": one}))
                }
                many => context.output.json(&json!({"environment": environment, "packages": many})),
            };
        }
        for (at, one) in shown.iter().enumerate() {
            if at > 0 {
                context.output.line("")?;
            }
            print(context, environment, one)?;
        }
        Ok(())
    }
}

async fn results(client: &Client, package: &Package) -> Outcome<Vec<TestRun>> {
    match &package.submission_id {
        Some(id) => results_of(client, id).await,
        None => Ok(Vec::new()),
    }
}

fn print(context: &Context, environment: Environment, shown: &Shown) -> Outcome {
    let package = &shown.package;
    let output = context.output;
    output.line(format_args!(
        "{} ({}) in {environment}: {} {}\n{}\n",
        visible(&or_dash(package.submission_id.as_ref())),
        visible(&or_dash(package.item_id.as_ref())),
        visible(&or_dash(package.sku.as_ref())),
        visible(&or_dash(package.version.as_ref())),
        tracks(package)
    ))?;
    let mut fields = Table::new(&["field", "value"]);
    for (field, value) in facts(package).into_iter().filter_map(|(field, value)| Some((field, value?))) {
        fields.row([field.to_owned(), value]);
    }
    output.line(fields)?;
    match shown.test_results.as_deref() {
        None => Ok(()),
        Some([]) => {
            output.note("\nno test has run yet");
            Ok(())
        }
        Some(runs) => output.line(format_args!("\n{}", table(runs))),
    }
}

fn facts(package: &Package) -> [(&'static str, Option<String>); 9] {
    let extra = |name: &str| match package.extra.get(name) {
        Some(serde_json::Value::String(text)) if !text.is_empty() => Some(text.clone()),
        _ => None,
    };
    [
        ("name", package.name.clone()),
        ("type", package.kind.clone()),
        ("platform", package.platform.clone()),
        ("license", package.license_type.clone()),
        ("archive", package.artifact.as_ref().map(|artifact| artifact.file_upload_id.to_string())),
        ("can be asked for", super::actions(package)),
        ("launch (UTC)", extra("requested_launch_date")),
        ("created (UTC)", package.created_at.map(|time| time.to_string())),
        ("changed (UTC)", package.modified_at.map(|time| time.to_string())),
    ]
}
