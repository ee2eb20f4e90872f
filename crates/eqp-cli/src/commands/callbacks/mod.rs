//! `eqp callbacks`: where the Marketplace sends callbacks.

mod add;
mod adopt;
mod list;
mod plan;
mod remove;
mod retire;
mod rotate;
mod shown;
mod writing;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Outcome;

/// Manage the callbacks registered with the Marketplace
#[derive(Debug, Subcommand)]
pub(crate) enum Callbacks {
    List(list::List),
    Plan(plan::Plan),
    Add(add::Add),
    Adopt(adopt::Adopt),
    Rotate(rotate::Rotate),
    Retire(retire::Retire),
    Remove(remove::Remove),
}

impl Callbacks {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        match self {
            Self::List(verb) => verb.run(context).await,
            Self::Plan(verb) => verb.run(context).await,
            Self::Add(verb) => verb.run(context).await,
            Self::Adopt(verb) => verb.run(context).await,
            Self::Rotate(verb) => verb.run(context).await,
            Self::Retire(verb) => verb.run(context).await,
            Self::Remove(verb) => verb.run(context).await,
        }
    }
}
