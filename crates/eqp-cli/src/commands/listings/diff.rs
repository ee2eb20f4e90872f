//! `eqp listings diff`: compares listings in a folder with the Marketplace.

use clap::Args;
use eqp_client::Client;
use eqp_release::listing_files::{ChangeSide, Listing, ListingChange, ListingFolder, compare};
use eqp_types::{Environment, Sku};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use serde_json::Value;

use super::push::prices_in_words;
use super::{ListingOptions, PARALLEL};
use crate::compose::client::client;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Table, counted, escaped};

/// The length at which a value is shortened.
const MAX_CHARACTERS: usize = 48;

/// Compare listings in a folder with the Marketplace, and show which edits start a marketing review
///
/// Only prices can be changed without a review. A change of another field starts a marketing review; the product stays in the
/// store during the review.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp listings diff
  eqp listings diff acme/checkout --json
  eqp listings diff --exit-code    # 8 if something differs")]
pub(crate) struct Diff {
    #[command(flatten)]
    options: ListingOptions,
    /// Exit with code 8 if something differs
    #[arg(long)]
    exit_code: bool,
}

/// The compared listings as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct ComparedListings {
    /// The environment.
    environment: Environment,
    /// The listings, by SKU.
    listings: Vec<ComparedListing>,
}

/// A compared listing.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct ComparedListing {
    /// The SKU.
    sku: Sku,
    /// The version in the store.
    version: Option<String>,
    /// The fields that differ.
    changes: Vec<FieldDifference>,
}

/// A field that differs.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct FieldDifference {
    /// The name of the field in the API.
    field: &'static str,
    /// Where it was changed since it was pulled: `folder`, `marketplace` or `both`.
    changed_in: &'static str,
    /// Whether sending the value of the folder starts a marketing review.
    starts_review: bool,
    /// The value in the folder; null if it has none.
    folder: Value,
    /// The value at the Marketplace; null if it has none.
    marketplace: Value,
}

impl Diff {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let folders = self.options.folders()?;
        let client = client(&context.settings.marketplace)?;
        let read = |(sku, folder)| compared(&client, sku, folder);
        let listings: Vec<_> = stream::iter(folders).map(read).buffered(PARALLEL).try_collect().await?;
        let differ = listings.iter().filter(|listing| !listing.changes.is_empty()).count();
        let environment = client.environment();
        if context.output.is_json() {
            context.output.json(&ComparedListings { environment, listings })?;
        } else if differ == 0 {
            context
                .output
                .line(format_args!("no differences in {} ({environment})", counted(listings.len(), "listing")))?;
        } else {
            show(context, &listings)?;
        }
        if differ > 0 && self.exit_code {
            return Err(Failure::new(Exit::OutOfStep, "listings differ").already_reported());
        }
        Ok(())
    }
}

async fn compared(client: &Client, sku: Sku, folder: ListingFolder) -> Result<ComparedListing> {
    let stored = folder.read()?.ok_or_else(|| {
        let what = format!("the listing of {} was not pulled", escaped(sku.as_str()));
        Failure::new(Exit::NotFound, what).next(format!("eqp listings pull {}", escaped(sku.as_str())))
    })?;
    let live = Listing::read(client, &sku).await?;
    let changes = compare(&stored, &live).into_iter().map(difference).collect();
    Ok(ComparedListing { sku, version: live.version().map(str::to_owned), changes })
}

fn difference(change: ListingChange) -> FieldDifference {
    let value = |json: Option<String>| json.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
    FieldDifference {
        field: change.field,
        changed_in: match change.side {
            ChangeSide::Folder => "folder",
            ChangeSide::Marketplace => "marketplace",
            ChangeSide::Both => "both",
        },
        starts_review: change.starts_review(),
        folder: value(change.folder),
        marketplace: value(change.marketplace),
    }
}

fn show(context: &Context, listings: &[ComparedListing]) -> Result {
    for listing in listings.iter().filter(|listing| !listing.changes.is_empty()) {
        let version = listing.version.as_deref().map(|version| format!(" {}", escaped(version))).unwrap_or_default();
        context.output.line(format_args!("{}{version}", escaped(listing.sku.as_str())))?;
        let mut table = Table::new(&["  field", "changed", "to send it", "Marketplace", "folder"]);
        for change in &listing.changes {
            let (changed, effect) = match change.changed_in {
                "folder" if change.starts_review => ("in the folder", "starts a review"),
                "folder" => ("in the folder", "no review"),
                "marketplace" => ("at the Marketplace", "pull first"),
                _ => ("on both sides", "resolve first"),
            };
            let values = [&change.marketplace, &change.folder].map(|value| match (change.field, value) {
                ("prices", Value::Array(_)) => prices_in_words(Some(&value.to_string())),
                _ => shown(value),
            });
            let [marketplace, folder] = values;
            table.row([format!("  {}", change.field), changed.to_owned(), effect.to_owned(), marketplace, folder]);
        }
        context.output.line(table)?;
    }
    Ok(())
}

/// Returns a value in one short line.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => return "–".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let line = escaped(text.split_whitespace().collect::<Vec<_>>().join(" ").as_str());
    if line.chars().count() <= MAX_CHARACTERS {
        return line;
    }
    format!("{}…", line.chars().take(MAX_CHARACTERS - 1).collect::<String>())
}
