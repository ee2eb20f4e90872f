//! `eqp accounts`: the Marketplace accounts of a receiver's database, and their access keys.

pub(crate) mod add;
pub(crate) mod list;
pub(crate) mod remove;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Result;

/// Manage the accounts that servers reconcile, and their access keys
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  eqp accounts add --environment production   # uses the configured access key
  eqp accounts list
  eqp accounts remove MAG123456789")]
pub(crate) enum Accounts {
    Add(add::Add),
    List(list::List),
    Remove(remove::Remove),
}

impl Accounts {
    pub(crate) async fn run(self, context: &Context) -> Result {
        match self {
            Self::Add(verb) => verb.run(context).await,
            Self::List(verb) => verb.run(context).await,
            Self::Remove(verb) => verb.run(context).await,
        }
    }
}
