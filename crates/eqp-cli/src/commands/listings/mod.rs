//! `eqp listings`: shows the dates of listings in the store.

pub(crate) mod due;
pub(crate) mod release_lines;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Result;

/// Show the dates of the listings in the store
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  eqp listings due
  eqp listings due --exit-code --json | jq -r '.dates[].sku'")]
pub(crate) enum Listings {
    Due(due::Due),
}

impl Listings {
    pub(crate) async fn run(self, context: &Context) -> Result {
        match self {
            Self::Due(verb) => verb.run(context).await,
        }
    }
}
