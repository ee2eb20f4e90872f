//! `eqp audit`: the log of what was changed through the operator service.

use clap::{Args, Subcommand};
use eqp_console::{AuditEntry, AuditFilter};

use crate::arguments::{whole, within};
use crate::compose::operator::Operator;
use crate::context::Context;
use crate::failure::Result;
use crate::output::{Table, or_dash, utc};

/// Show the audit log: who changed what, and when
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  eqp audit list --limit 20
  eqp audit list --json | jq -r '.entries[] | [.at, .principal, .action] | @tsv'")]
pub(crate) enum Audit {
    List(List),
}

impl Audit {
    pub(crate) async fn run(self, context: &Context) -> Result {
        match self {
            Self::List(verb) => verb.run(context).await,
        }
    }
}

/// List the changes of the last 400 days, newest first
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp audit list --limit 20
  eqp audit list --before 1200 --json")]
pub(crate) struct List {
    /// Show only entries before the one with this ID
    #[arg(long, value_name = "ID", value_parser = whole::<i64>)]
    before: Option<i64>,
    /// Maximum number of entries
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = within(1_u32..=10_000))]
    limit: u32,
}

impl List {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let operator = Operator::open_to_read(context).await?;
        let listed = operator.client().audit(&AuditFilter { before_id: self.before, limit: self.limit }).await;
        operator.close().await?;
        let log = listed?;
        if context.output.is_json() {
            return context.output.json(&log);
        }
        if log.entries.is_empty() {
            context.output.note("no changes");
            return Ok(());
        }
        let mut table = Table::new(&["id", "time (UTC)", "by", "action", "resource", "detail"]);
        table.right(0);
        for AuditEntry { id, at, principal, action, resource, detail, .. } in log.entries {
            table.row([id.to_string(), utc(at), principal, action, or_dash(resource), detail.to_string()]);
        }
        context.output.line(table)
    }
}
