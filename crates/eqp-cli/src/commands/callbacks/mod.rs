//! `eqp callbacks`: where the Marketplace sends callbacks.

mod add;
mod list;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Outcome;

/// Manage the callbacks registered with the Marketplace
#[derive(Debug, Subcommand)]
pub(crate) enum Callbacks {
    List(list::List),
    Add(add::Add),
}

impl Callbacks {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        match self {
            Self::List(verb) => verb.run(context).await,
            Self::Add(verb) => verb.run(context).await,
        }
    }
}
