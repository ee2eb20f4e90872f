//! `eqp tools`: installs the programs that the store also runs.

pub(crate) mod install;
pub(crate) mod list;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Result;

/// Install the store's code sniffer, and show whether it works
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  eqp tools install                     # with Composer
  eqp tools install --from sniffer.zip --sha256 \"$SNIFFER_SHA256\"
  eqp tools list")]
pub(crate) enum Tools {
    Install(install::Install),
    List(list::List),
}

impl Tools {
    pub(crate) async fn run(self, context: &Context) -> Result {
        match self {
            Self::Install(verb) => verb.run(context).await,
            Self::List(verb) => verb.run(context).await,
        }
    }
}
