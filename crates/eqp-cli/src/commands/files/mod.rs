//! `eqp files`: archives, pictures and documents at the Marketplace.

mod show;
mod upload;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Outcome;

/// Upload files and look at them
#[derive(Debug, Subcommand)]
pub(crate) enum Files {
    Upload(upload::Upload),
    Show(show::Show),
}

impl Files {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        match self {
            Self::Upload(verb) => verb.run(context).await,
            Self::Show(verb) => verb.run(context).await,
        }
    }
}
