//! `eqp listings pull`: writes the listings of products in the store to a folder.

use std::collections::BTreeSet;

use clap::Args;
use eqp_client::Client;
use eqp_release::listing_files::{ChangeSide, Listing, ListingError, ListingFolder, compare, is_live_version, merge};
use eqp_types::{Environment, JsonObject, Sku};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

use super::{ListingOptions, PARALLEL};
use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::compose::client::client;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Output, escaped};
use eqp_release::read_packages;

/// Write the listings of products in the store to a folder
///
/// Each product has a folder with listing.json (title, categories, prices, references to images and guides, and other fields),
/// long_description.html, and pulled.json (what the Marketplace had; do not edit it). Files of images are not downloaded.
///
/// Fields that were edited in the folder are kept. If such a field was also changed at the Marketplace, nothing is written for
/// this product, and the exit code is 1.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp listings pull                          # all products in the store
  eqp listings pull acme/checkout --dir shop
  eqp listings pull acme/checkout --overwrite --dry-run")]
pub(crate) struct Pull {
    #[command(flatten)]
    options: ListingOptions,
    /// Replace fields that were edited in the folder
    #[arg(long)]
    overwrite: bool,
    /// Show what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// The effect on the folder of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum PullResult {
    Created,
    Updated,
    Unchanged,
    /// Fields were changed on both sides: nothing is written.
    Conflict,
}

/// A product in the folder as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct PulledListing {
    /// The SKU.
    sku: Sku,
    /// The version in the store.
    version: Option<String>,
    /// The folder.
    folder: String,
    /// The effect on the folder.
    result: PullResult,
    /// The fields that change, or that are in conflict.
    fields: Vec<&'static str>,
}

/// The pulled listings as JSON. After `--dry-run`, nothing was written.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct PulledListings {
    /// The environment.
    environment: Environment,
    /// Whether this is a dry run.
    dry_run: bool,
    /// The listings, by SKU.
    listings: Vec<PulledListing>,
}

/// A listing to write.
struct Planned {
    report: PulledListing,
    folder: ListingFolder,
    live: Listing,
    edited: JsonObject,
}

struct PullPlan {
    environment: Environment,
    listings: Vec<Planned>,
}

impl Plan for PullPlan {
    fn show(self, output: Output) -> Result {
        let listings = self.listings.into_iter().map(|planned| planned.report).collect();
        report(output, &PulledListings { environment: self.environment, dry_run: true, listings })
    }

    fn question(&self) -> Question {
        Question::Nothing
    }
}

struct ListingPull<'a> {
    client: Client,
    options: &'a Pull,
}

impl Change for ListingPull<'_> {
    type Plan = PullPlan;
    type Applied = PulledListings;

    async fn observe(&mut self) -> Result<PullPlan> {
        let skus = if self.options.options.skus.is_empty() {
            let live = read_packages(&self.client).await?.into_iter().filter(is_live_version);
            live.filter_map(|package| package.sku).collect::<BTreeSet<Sku>>().into_iter().collect()
        } else {
            self.options.options.skus.clone()
        };
        let this = &*self;
        let listings = stream::iter(skus).map(|sku| this.plan(sku)).buffered(PARALLEL).try_collect().await?;
        Ok(PullPlan { environment: self.client.environment(), listings })
    }

    async fn apply(self, plan: PullPlan, _: Confirmation) -> Result<PulledListings> {
        let mut listings = Vec::new();
        for planned in plan.listings {
            if planned.report.result != PullResult::Conflict {
                planned.folder.write(&planned.live, &planned.edited)?;
            }
            listings.push(planned.report);
        }
        Ok(PulledListings { environment: plan.environment, dry_run: false, listings })
    }
}

impl ListingPull<'_> {
    async fn plan(&self, sku: Sku) -> Result<Planned> {
        let folder = ListingFolder::new(&self.options.options.dir, &sku)?;
        let live = Listing::read(&self.client, &sku).await?;
        let stored = match folder.read() {
            Err(ListingError::Invalid { .. }) if self.options.overwrite => None,
            stored => stored?,
        };
        let (result, fields, edited) = match stored {
            None => (PullResult::Created, Vec::new(), live.fields().clone()),
            Some(stored) => {
                let changes = compare(&stored, &live);
                let on = |side| changes.iter().filter(move |change| change.side == side).map(|change| change.field);
                if self.options.overwrite {
                    let fields: Vec<_> = changes.iter().map(|change| change.field).collect();
                    (result_of(&fields), fields, live.fields().clone())
                } else if on(ChangeSide::Both).next().is_some() {
                    (PullResult::Conflict, on(ChangeSide::Both).collect(), stored.fields().clone())
                } else {
                    let fields: Vec<_> = on(ChangeSide::Marketplace).collect();
                    (result_of(&fields), fields, merge(&stored, &live))
                }
            }
        };
        let version = live.version().map(str::to_owned);
        let report = PulledListing { sku, version, folder: folder.path().display().to_string(), result, fields };
        Ok(Planned { report, folder, live, edited })
    }
}

fn result_of(fields: &[&str]) -> PullResult {
    if fields.is_empty() { PullResult::Unchanged } else { PullResult::Updated }
}

impl Pull {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let client = client(&context.settings.marketplace)?;
        let change = ListingPull { client, options: &self };
        let Some(pulled) = change::run(context, change, self.dry_run).await? else { return Ok(()) };
        report(context.output, &pulled)
    }
}

fn report(output: Output, pulled: &PulledListings) -> Result {
    if output.is_json() {
        output.json(pulled)?;
    } else if pulled.listings.is_empty() {
        output.note(format_args!("no product is in the store in {}", pulled.environment));
    } else {
        let would = if pulled.dry_run { "would be " } else { "" };
        for listing in &pulled.listings {
            let fields =
                if listing.fields.is_empty() { String::new() } else { format!(": {}", listing.fields.join(", ")) };
            let (sku, folder) = (escaped(listing.sku.as_str()), escaped(&listing.folder));
            match listing.result {
                PullResult::Created => output.line(format_args!("{sku}: {would}written to {folder}"))?,
                PullResult::Updated => output.line(format_args!("{sku}: {would}updated{fields}"))?,
                PullResult::Unchanged => output.line(format_args!("{sku}: unchanged"))?,
                PullResult::Conflict => {
                    output.line(format_args!("{sku}: changed in the folder and at the Marketplace{fields}"))?;
                }
            }
        }
    }
    let conflicts = pulled.listings.iter().filter(|listing| listing.result == PullResult::Conflict).count();
    if conflicts == 0 {
        return Ok(());
    }
    let what = if conflicts == 1 {
        "1 listing was not written".to_owned()
    } else {
        format!("{conflicts} listings were not written")
    };
    Err(Failure::new(Exit::Failed, what)
        .why("fields that were edited in the folder have also changed at the Marketplace")
        .next("compare them: eqp listings diff")
        .next("commit or save your edits, then take the values of the Marketplace: eqp listings pull --overwrite SKU"))
}
