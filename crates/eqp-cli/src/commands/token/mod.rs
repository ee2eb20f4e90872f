//! `eqp token`: the tokens of the operator API.

pub(crate) mod create;
pub(crate) mod list;
pub(crate) mod revoke;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Result;

/// Manage the tokens with which other machines and programs call the operator API
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  eqp token create dashboard --scope read --expires 90d
  eqp token list
  eqp token revoke dashboard")]
pub(crate) enum Tokens {
    Create(create::Create),
    List(list::List),
    Revoke(revoke::Revoke),
}

impl Tokens {
    pub(crate) async fn run(self, context: &Context) -> Result {
        match self {
            Self::Create(verb) => verb.run(context).await,
            Self::List(verb) => verb.run(context).await,
            Self::Revoke(verb) => verb.run(context).await,
        }
    }
}
