//! `eqp listings`: the listings of products in the store: in git, and their dates.

pub(crate) mod diff;
pub(crate) mod due;
pub(crate) mod pull;
pub(crate) mod push;
pub(crate) mod release_lines;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use eqp_release::listing_files::ListingFolder;
use eqp_types::Sku;

use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::escaped;

/// The number of listings that are read at a time.
const PARALLEL: usize = 8;

/// Keep the listings of products in git, send prices, and show due dates
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  # write the listings of all products in the store, and commit them
  eqp listings pull && git add listings
  # edit listings/acme/checkout, then see what differs
  eqp listings diff
  eqp listings push --only prices --dry-run
  # see which listings need an update soon
  eqp listings due")]
pub(crate) enum Listings {
    Pull(pull::Pull),
    Diff(diff::Diff),
    Push(push::Push),
    Due(due::Due),
}

impl Listings {
    pub(crate) async fn run(self, context: &Context) -> Result {
        match self {
            Self::Pull(verb) => verb.run(context).await,
            Self::Diff(verb) => verb.run(context).await,
            Self::Push(verb) => verb.run(context).await,
            Self::Due(verb) => verb.run(context).await,
        }
    }
}

/// The selected listings.
#[derive(Args, Debug)]
pub(crate) struct ListingOptions {
    /// Products [default: all]
    #[arg(value_name = "SKU")]
    skus: Vec<Sku>,
    /// Folder of the listings, which has a folder VENDOR/NAME for each product
    #[arg(long, value_name = "FOLDER", default_value = "listings")]
    dir: PathBuf,
}

impl ListingOptions {
    /// Returns the folders of the selected products, or of all that were pulled.
    fn folders(&self) -> Result<Vec<(Sku, ListingFolder)>> {
        let skus = if self.skus.is_empty() { ListingFolder::skus(&self.dir)? } else { self.skus.clone() };
        if skus.is_empty() {
            let folder = escaped(&self.dir.display().to_string());
            return Err(Failure::new(Exit::NotFound, format!("there are no listings in the folder {folder}"))
                .next("write those of the products in the store: eqp listings pull")
                .next("or select another folder with --dir"));
        }
        skus.into_iter().map(|sku| Ok((sku.clone(), ListingFolder::new(&self.dir, &sku)?))).collect()
    }
}
