//! `eqp keys`: the Composer keys of the account, with which buyers and servers fetch packages.
//!
//! The `password_key` of a key is a secret: it is shown when a key is made, because that is what it is made for, and else
//! only when it is asked for.

mod create;
mod delete;
mod enable;
mod list;
mod shown;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Outcome;

/// Manage the Composer keys of the account
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    List(list::List),
    Create(create::Create),
    Enable(enable::Enable),
    Disable(enable::Disable),
    Delete(delete::Delete),
}

impl Keys {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        match self {
            Self::List(verb) => verb.run(context).await,
            Self::Create(verb) => verb.run(context).await,
            Self::Enable(verb) => verb.run(context).await,
            Self::Disable(verb) => verb.run(context).await,
            Self::Delete(verb) => verb.run(context).await,
        }
    }
}
