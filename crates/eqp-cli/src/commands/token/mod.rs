//! `eqp token`: the tokens of the operator API and of its pages.

pub(crate) mod create;
pub(crate) mod link;
pub(crate) mod list;
pub(crate) mod revoke;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Result;

/// Manage the tokens for the operator API and the web pages
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  eqp token create dashboard --scope read --expires 90d
  eqp token link dashboard
  eqp token list
  eqp token revoke dashboard")]
pub(crate) enum Tokens {
    Create(create::Create),
    Link(link::Link),
    List(list::List),
    Revoke(revoke::Revoke),
}

impl Tokens {
    pub(crate) async fn run(self, context: &Context) -> Result {
        match self {
            Self::Create(verb) => verb.run(context).await,
            Self::Link(verb) => verb.run(context).await,
            Self::List(verb) => verb.run(context).await,
            Self::Revoke(verb) => verb.run(context).await,
        }
    }
}
