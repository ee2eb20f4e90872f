//! `eqp packages list` and `show`: show packages at the Marketplace.

use clap::Args;
use eqp_client::{Client, PackageField};
use eqp_release::find_by_id;
use eqp_types::{Environment, ItemId, Package, Sku, SubmissionId, TestRun};
use serde::Serialize;

use super::filter::{FilterOptions, Sorting};
use super::tracks;
use crate::arguments::looks_like_file_id;
use crate::commands::paging::{Listed, Paging};
use crate::compose::client::client;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Table, escaped, or_dash};

/// Show a package, by submission ID, item ID or SKU
#[derive(Args, Debug)]
#[command(
    override_usage = "eqp packages show [OPTIONS] <ID>\n       \
                      eqp packages show [OPTIONS] --sku <SKU> [--version <VERSION>]\n       \
                      eqp packages show [OPTIONS] --item <ITEM>",
    after_help = "\
Examples:
  eqp packages show s5w9k703ru --results
  eqp packages show --sku acme/checkout --version 1.2.0
  eqp packages show checkout-1.2.0 --json | jq .package.eqp_status"
)]
pub(crate) struct Show {
    #[command(flatten)]
    selector: PackageSelector,
    /// Also show the test results
    #[arg(long)]
    results: bool,
}

/// A package with its tests.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct PackageView {
    #[serde(flatten)]
    package: Package,
    /// The test results; only with `--results`.
    #[serde(skip_serializing_if = "Option::is_none")]
    test_results: Option<Vec<TestRun>>,
}

/// A package as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct OnePackage<'a> {
    /// The environment.
    environment: Environment,
    /// The package, as the Marketplace returns it.
    package: &'a PackageView,
}

/// The packages that match a selection as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct SeveralPackages<'a> {
    /// The environment.
    environment: Environment,
    /// The packages, as the Marketplace returns them.
    packages: &'a [PackageView],
}

impl Show {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let client = client(&context.settings.marketplace)?;
        let environment = client.environment();
        let mut views = Vec::new();
        for package in self.selector.find(&client).await? {
            let test_results = if self.results { Some(results(&client, &package).await?) } else { None };
            views.push(PackageView { package, test_results });
        }
        if context.output.is_json() {
            return match views.as_slice() {
                [one] if self.selector.is_one() => context.output.json(&OnePackage { environment, package: one }),
                many => context.output.json(&SeveralPackages { environment, packages: many }),
            };
        }
        for (at, one) in views.iter().enumerate() {
            if at > 0 {
                context.output.line("")?;
            }
            print(context, environment, one)?;
        }
        Ok(())
    }
}

async fn results(client: &Client, package: &Package) -> Result<Vec<TestRun>> {
    match &package.submission_id {
        Some(id) => results_of(client, id).await,
        None => Ok(Vec::new()),
    }
}

fn print(context: &Context, environment: Environment, views: &PackageView) -> Result {
    let package = &views.package;
    let output = context.output;
    output.line(format_args!(
        "{} ({}) in {environment}: {} {}\n{}\n",
        escaped(&or_dash(package.submission_id.as_ref())),
        escaped(&or_dash(package.item_id.as_ref())),
        escaped(&or_dash(package.sku.as_ref())),
        escaped(&or_dash(package.version.as_ref())),
        tracks(package)
    ))?;
    let mut fields = Table::new(&["field", "value"]);
    for (field, value) in facts(package).into_iter().filter_map(|(field, value)| Some((field, value?))) {
        fields.row([field.to_owned(), value]);
    }
    output.line(fields)?;
    match views.test_results.as_deref() {
        None => Ok(()),
        Some([]) => {
            output.note("\nno test has run yet");
            Ok(())
        }
        Some(runs) => output.line(format_args!("\n{}", table(runs))),
    }
}

fn facts(package: &Package) -> [(&'static str, Option<String>); 9] {
    [
        ("name", package.name.clone()),
        ("type", package.kind.as_ref().map(ToString::to_string)),
        ("platform", package.platform.as_ref().map(ToString::to_string)),
        ("license", package.license_type.as_ref().map(ToString::to_string)),
        ("archive", package.artifact.as_ref().map(|artifact| artifact.file_upload_id.to_string())),
        ("possible actions", super::actions(package)),
        ("launch (UTC)", package.requested_launch_date.clone()),
        ("created (UTC)", package.created_at.map(|time| time.to_string())),
        ("changed (UTC)", package.modified_at.map(|time| time.to_string())),
    ]
}

/// Selects a package.
#[derive(Args, Debug)]
pub(super) struct PackageSelector {
    /// Submission ID of the package, or your own item ID for it
    #[arg(required_unless_present_any = ["sku", "item"], conflicts_with_all = ["sku", "item"])]
    id: Option<SubmissionId>,
    /// SKU of the package; shows all versions unless --version is given
    #[arg(long, value_name = "SKU", conflicts_with = "item")]
    sku: Option<Sku>,
    /// Version of the SKU
    #[arg(long, value_name = "VERSION", requires = "sku")]
    version: Option<String>,
    /// Your own item ID of the package, even if another package has it as its submission ID
    #[arg(long, value_name = "ITEM")]
    item: Option<ItemId>,
}

impl PackageSelector {
    /// Returns the selected packages, at least one.
    pub(super) async fn find(&self, client: &Client) -> Result<Vec<Package>> {
        let packages = client.packages();
        let found = match (&self.id, &self.sku, &self.item) {
            (Some(id), _, _) => vec![find(client, id).await?],
            (None, Some(sku), _) => packages.by_sku(sku, self.version.as_deref()).await?,
            (None, None, Some(item)) => packages.by_item(item).await?.into_iter().collect(),
            (None, None, None) => Vec::new(),
        };
        if found.is_empty() {
            return Err(Failure::new(
                Exit::NotFound,
                format!("the package does not exist in {}", client.environment()),
            )
            .next("list existing packages: eqp packages list"));
        }
        Ok(found)
    }

    /// Returns whether at most one package can match.
    pub(super) fn is_one(&self) -> bool {
        self.sku.is_none()
    }
}

/// Finds a package by its submission ID or item ID.
pub(super) async fn find(client: &Client, id: &SubmissionId) -> Result<Package> {
    find_by_id(client, id).await.map_err(|error| {
        let is_file = error.is_not_found() && looks_like_file_id(id.as_str());
        let failure = Failure::from(error);
        if is_file { failure.next(format!("if it is the ID of a file: eqp files show {id}")) } else { failure }
    })
}

/// Returns the test runs of a submission, or `None` if no test has run.
pub(super) async fn results_of(client: &Client, id: &SubmissionId) -> Result<Vec<TestRun>> {
    Ok(client.test_results().summary(id).await?)
}

/// Formats test runs as a table.
pub(super) fn table(runs: &[TestRun]) -> Table {
    let mut table = Table::new(&["test", "result", "date (UTC)", "run"]);
    for run in runs {
        table.row([
            or_dash(run.name.as_ref()),
            or_dash(run.status.as_ref()),
            or_dash(run.date),
            or_dash(run.tool_run_id.as_ref()),
        ]);
    }
    table
}

const HEADS: &[&str] = &["environment", "submission", "item", "sku", "version", "tracks", "changed (UTC)"];

/// A section of the list of packages as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct PackageSection {
    /// The environment.
    environment: Environment,
    /// The number of packages that match, if the Marketplace reports it.
    total: Option<u64>,
    /// The packages, as the Marketplace returns them.
    packages: Vec<Package>,
}

fn section(environment: Environment, total: Option<u64>, packages: Vec<Package>) -> PackageSection {
    PackageSection { environment, total, packages }
}

/// List packages, last changed first
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp packages list --overall in_progress
  eqp packages list --sku acme/checkout --limit 5 --json
  eqp packages list --technical rejected --sort sku,-version
  eqp packages list --all --json | jq -r 'select(.type == \"theme\") | .sku'")]
pub(crate) struct List {
    #[command(flatten)]
    paging: Paging,
    #[command(flatten)]
    filter: FilterOptions,
}

impl List {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let client = client(&context.settings.marketplace)?;
        // The API paginates by position, so a change during the listing must not move an item to another page.
        let order = if self.paging.all { PackageField::CreatedAt } else { PackageField::ModifiedAt };
        let filter = self.filter.filter(Sorting::descending(order));
        let listed = Listed { name: "packages", heads: HEADS, right: &[], row, section };
        let fetch = async |offset, limit| client.packages().list(&filter.clone().offset(offset).limit(limit)).await;
        self.paging.show(context, client.environment(), &listed, fetch).await
    }
}

fn row(environment: Environment, package: &Package) -> Vec<String> {
    vec![
        environment.to_string(),
        or_dash(package.submission_id.as_ref()),
        or_dash(package.item_id.as_ref()),
        or_dash(package.sku.as_ref()),
        or_dash(package.version.as_ref()),
        tracks(package),
        or_dash(package.modified_at),
    ]
}
