//! `eqp alerts`: lists alerts, and records what operators do about them.

pub(crate) mod act;
pub(crate) mod layout;
pub(crate) mod list;
pub(crate) mod show;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Result;

/// List, show, acknowledge, snooze, annotate and resolve alerts
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  eqp alerts list
  eqp alerts show 7
  eqp alerts ack 7 --by ann --note 'Adobe ticket 88123'
  eqp alerts snooze 7 --for 3d")]
pub(crate) enum Alerts {
    List(list::List),
    Show(show::Show),
    Ack(act::Ack),
    Snooze(act::Snooze),
    Note(act::Note),
    Resolve(act::Resolve),
}

impl Alerts {
    pub(crate) async fn run(self, context: &Context) -> Result {
        match self {
            Self::List(verb) => verb.run(context).await,
            Self::Show(verb) => verb.run(context).await,
            Self::Ack(verb) => verb.run(context).await,
            Self::Snooze(verb) => verb.run(context).await,
            Self::Note(verb) => verb.run(context).await,
            Self::Resolve(verb) => verb.run(context).await,
        }
    }
}
