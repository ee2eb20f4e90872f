//! `eqp events`: what the callbacks have told.

mod list;
mod show;
mod table;
mod tail;
mod wanted;

pub(crate) use table::table;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Outcome;

/// Read the events that callbacks have told
#[derive(Debug, Subcommand)]
pub(crate) enum Events {
    List(list::List),
    Tail(tail::Tail),
    Show(show::Show),
}

impl Events {
    pub(crate) async fn run(self, context: &Context) -> Outcome {
        match self {
            Self::List(verb) => verb.run(context).await,
            Self::Tail(verb) => verb.run(context).await,
            Self::Show(verb) => verb.run(context).await,
        }
    }
}
