//! `eqp accounts list`.

use clap::Args;
use eqp_console::ReconcileRun;

use crate::compose::operator::Operator;
use crate::context::Context;
use crate::failure::Result;
use crate::output::{Table, or_dash, utc};

/// List the accounts with their endpoints, access keys and last reconciliation
///
/// The column key shows where the access key is stored: `sealed` (encrypted in the database), `file` (servers read its
/// secret from their configuration) or `none` (servers do not reconcile the account).
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp accounts list
  eqp accounts list --json")]
pub(crate) struct List {}

impl List {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let operator = Operator::open_to_read(context).await?;
        let listed = operator.client().accounts().await;
        operator.close().await?;
        let listed = listed?;
        if context.output.is_json() {
            return context.output.json(&listed);
        }
        let accounts = listed.accounts;
        if accounts.is_empty() {
            context.output.note("no accounts yet; add one: eqp accounts add");
            return Ok(());
        }
        let mut table = Table::new(&["environment", "mage id", "endpoints", "key", "application id", "last reconcile"]);
        for account in &accounts {
            table.row([
                account.environment.to_string(),
                account.mage_id.to_string(),
                or_dash(Some(account.endpoints.join(", ")).filter(|names| !names.is_empty())),
                account.key.as_str().to_owned(),
                or_dash(account.application_id.clone()),
                or_dash(account.last_reconcile.as_ref().map(run)),
            ]);
        }
        context.output.line(table)
    }
}

fn run(run: &ReconcileRun) -> String {
    let kind = run.kind.as_str();
    match (&run.error, run.finished_at) {
        (Some(error), at) => format!("{} {kind}, failed: {error}", utc(at.unwrap_or(run.started_at))),
        (None, Some(at)) => format!("{} {kind}", utc(at)),
        (None, None) => format!("{} {kind}, running", utc(run.started_at)),
    }
}
