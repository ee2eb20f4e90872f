//! `eqp subscriptions`: which events are delivered to which handlers.

pub(crate) mod add;
pub(crate) mod filter;
mod handler_options;
pub(crate) mod list;
pub(crate) mod recipes;
pub(crate) mod remove;
pub(crate) mod rotate_secret;
pub(crate) mod show;
pub(crate) mod state;
pub(crate) mod test;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Result;

/// Deliver events to webhooks, GitHub, GitLab, chats, mailboxes and programs
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  eqp subscriptions add shop --webhook https://example.com/eqp --generate-secret
  eqp subscriptions add deploy --exec deploy --status released_to_store
  eqp subscriptions add ops --slack-channel C024BE91L --slack-token-file token
  eqp subscriptions list
  eqp subscriptions test shop
  eqp subscriptions pause shop --reason 'maintenance until 18:00'")]
pub(crate) enum Subscriptions {
    Add(Box<add::Add>),
    List(list::List),
    Show(show::Show),
    Test(test::Test),
    Pause(state::Pause),
    Resume(state::Resume),
    RotateSecret(rotate_secret::RotateSecret),
    Remove(remove::Remove),
    Recipes(recipes::Recipes),
}

impl Subscriptions {
    pub(crate) async fn run(self, context: &Context) -> Result {
        match self {
            Self::Add(verb) => verb.run(context).await,
            Self::List(verb) => verb.run(context).await,
            Self::Show(verb) => verb.run(context).await,
            Self::Test(verb) => verb.run(context).await,
            Self::Pause(verb) => verb.run(context).await,
            Self::Resume(verb) => verb.run(context).await,
            Self::RotateSecret(verb) => verb.run(context).await,
            Self::Remove(verb) => verb.run(context).await,
            Self::Recipes(verb) => verb.run(context).await,
        }
    }
}
