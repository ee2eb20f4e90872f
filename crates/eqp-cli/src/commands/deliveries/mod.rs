//! `eqp deliveries`: messages on their way to handlers.

pub(crate) mod change;
mod held;
pub(crate) mod list;
pub(crate) mod show;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Result;

/// Show, retry and discard deliveries, which are messages for subscriptions
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  eqp deliveries list --dead
  eqp deliveries show 1200
  eqp deliveries retry --subscription shop --dead
  eqp deliveries discard 1200")]
pub(crate) enum Deliveries {
    List(list::List),
    Show(show::Show),
    Retry(change::Retry),
    Discard(change::Discard),
}

impl Deliveries {
    pub(crate) async fn run(self, context: &Context) -> Result {
        match self {
            Self::List(verb) => verb.run(context).await,
            Self::Show(verb) => verb.run(context).await,
            Self::Retry(verb) => verb.run(context).await,
            Self::Discard(verb) => verb.run(context).await,
        }
    }
}
