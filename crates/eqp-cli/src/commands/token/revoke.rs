//! `eqp token revoke`.

use clap::Args;
use serde::Serialize;

use crate::change::{self, Change, Confirmation, Plan, Question};
use crate::compose::database::Upgrade;
use crate::compose::operator::Operator;
use crate::context::Context;
use crate::failure::{Exit, Failure, Result};
use crate::output::Output;

/// Revoke a token, so that it is rejected from now on
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp token revoke dashboard --dry-run
  eqp token revoke dashboard --yes")]
pub(crate) struct Revoke {
    /// Name of the token, as shown by `eqp token list`
    name: String,
    /// Show which token would be revoked, and revoke nothing
    #[arg(long)]
    dry_run: bool,
}

/// The name of the token to revoke.
struct RevokePlan(String);

impl Plan for RevokePlan {
    fn show(self, output: Output) -> Result {
        if output.is_json() {
            return output.json(&RevocationReport { revoked: None, would_revoke: Some(&self.0) });
        }
        output.line(format_args!("would revoke the token {}", self.0))
    }

    fn question(&self) -> Question {
        Question::Irreversible(format!("Revoke the token {}", self.0))
    }
}

/// Revokes a token.
struct Revocation<'a> {
    operator: &'a Operator,
    name: String,
}

impl Change for Revocation<'_> {
    type Plan = RevokePlan;
    type Applied = String;

    async fn observe(&mut self) -> Result<RevokePlan> {
        let tokens = self.operator.client().tokens().await?.tokens;
        if tokens.iter().any(|token| token.name == self.name && token.revoked_at.is_none()) {
            return Ok(RevokePlan(self.name.clone()));
        }
        Err(Failure::new(Exit::NotFound, format!("there is no token named {} that is not revoked", self.name))
            .next("list the tokens: eqp token list"))
    }

    async fn apply(self, RevokePlan(name): RevokePlan, _: Confirmation) -> Result<String> {
        self.operator.client().revoke_token(&name).await?;
        Ok(name)
    }
}

/// A revocation as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct RevocationReport<'a> {
    /// The name of the token that was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked: Option<&'a str>,
    /// The name of the token that would be revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    would_revoke: Option<&'a str>,
}

impl Revoke {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let operator = Operator::open_existing(context, Upgrade::unless(self.dry_run)).await?;
        let revocation = Revocation { operator: &operator, name: self.name };
        let revoked = change::run(context, revocation, self.dry_run).await;
        operator.close().await?;
        let Some(name) = revoked? else { return Ok(()) };
        if context.output.is_json() {
            return context.output.json(&RevocationReport { revoked: Some(&name), would_revoke: None });
        }
        context.output.line(format_args!("revoked the token {name}"))
    }
}
