//! `eqp accounts list`.

use clap::Args;
use eqp_store::internal::{ANSWER, AccountSummary, RunSummary, account, within};
use serde_json::json;
use time::OffsetDateTime;

use crate::compose::database::Database;
use crate::context::Context;
use crate::failure::Result;
use crate::output::{JsonList, Table, or_dash, rfc3339, utc};

/// List the accounts with their endpoints, access keys and last reconciliation
///
/// `key` is `sealed` if the access key is stored in the database, `file` if servers read it from their configuration, and `none` if the
/// account is not reconciled by a server.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  eqp accounts list
  eqp accounts list --json")]
pub(crate) struct List {}

impl List {
    pub(crate) async fn run(self, context: &Context) -> Result {
        let database = Database::open_to_read(context).await?;
        let accounts = within(ANSWER, account::list(database.pool())).await;
        database.close().await?;
        let accounts = accounts?;
        if context.output.is_json() {
            let items: Vec<_> = accounts.iter().map(as_json).collect();
            return context.output.json(&JsonList { name: "accounts", environment: None, items: &items });
        }
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
                key(account).to_owned(),
                or_dash(account.access_key.as_ref().map(|key| key.application_id.clone())),
                or_dash(account.last_run.as_ref().map(run)),
            ]);
        }
        context.output.line(table)
    }
}

/// Returns where the secret of the account's access key is.
fn key(account: &AccountSummary) -> &'static str {
    match &account.access_key {
        Some(key) if key.is_sealed => "sealed",
        Some(_) => "file",
        None => "none",
    }
}

fn run(run: &RunSummary) -> String {
    let kind = run.kind.as_str();
    match (&run.error, run.finished_at) {
        (Some(error), at) => format!("{} {kind}, failed: {error}", utc(at.unwrap_or(run.started_at))),
        (None, Some(at)) => format!("{} {kind}", utc(at)),
        (None, None) => format!("{} {kind}, running", utc(run.started_at)),
    }
}

fn as_json(account: &AccountSummary) -> serde_json::Value {
    let time = |time: Option<OffsetDateTime>| time.map(rfc3339);
    json!({
        "environment": account.environment,
        "mage_id": account.mage_id,
        "endpoints": account.endpoints,
        "key": key(account),
        "application_id": account.access_key.as_ref().map(|key| &key.application_id),
        "key_verified_at": time(account.access_key.as_ref().map(|key| key.verified_at)),
        "last_reconcile": account.last_run.as_ref().map(|run| json!({
            "kind": run.kind,
            "started_at": rfc3339(run.started_at),
            "finished_at": time(run.finished_at),
            "error": run.error,
        })),
    })
}
