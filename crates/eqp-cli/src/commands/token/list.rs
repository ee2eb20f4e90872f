//! `eqp token list`.

use clap::Args;
use eqp_console::Token;

use crate::compose::operator::Operator;
use crate::context::Context;
use crate::failure::Result;
use crate::output::{Table, or_dash, utc};

/// List tokens, newest first, including revoked and expired ones
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp token list
  eqp token list --json \\
      | jq -r '.tokens[] | select(.revoked_at == null) | .name'")]
pub(crate) struct List {}

impl List {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let operator = Operator::open_to_read(context).await?;
        let listed = operator.client().tokens().await;
        operator.close().await?;
        let listed = listed?;
        if context.output.is_json() {
            return context.output.json(&listed);
        }
        if listed.tokens.is_empty() {
            context.output.note("no tokens yet; create one: eqp token create NAME --scope read");
            return Ok(());
        }
        let mut table =
            Table::new(&["name", "scopes", "created (UTC)", "expires (UTC)", "last used (UTC)", "revoked (UTC)"]);
        for Token { name, scopes, created_at, expires_at, last_used_at, revoked_at, .. } in listed.tokens {
            let scopes: Vec<_> = scopes.iter().map(ToString::to_string).collect();
            table.row([
                name,
                scopes.join(", "),
                utc(created_at),
                or_dash(expires_at.map(utc)),
                or_dash(last_used_at.map(utc)),
                or_dash(revoked_at.map(utc)),
            ]);
        }
        context.output.line(table)
    }
}
