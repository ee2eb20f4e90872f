//! `eqp accounts list`.

use clap::Args;
use eqp_store::internal::{ANSWER, AccountSummary, RunKind, RunSummary, account, within};
use eqp_types::{Environment, MageId};
use serde::Serialize;

use crate::compose::database::Database;
use crate::context::Context;
use crate::failure::Result;
use crate::output::{Table, UtcTime, or_dash, utc};

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
            return context.output.json(&AccountList { accounts: accounts.iter().map(report).collect() });
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

/// The accounts as JSON.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct AccountList<'a> {
    /// The accounts.
    accounts: Vec<AccountReport<'a>>,
}

/// An account.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct AccountReport<'a> {
    /// The environment.
    environment: Environment,
    /// The account.
    mage_id: &'a MageId,
    /// The names of its endpoints.
    endpoints: &'a [String],
    /// Where the secret of its access key is: `sealed` in the database, `file` in the configuration of servers, or `none`.
    key: &'static str,
    /// The application ID of its access key.
    application_id: Option<&'a str>,
    /// The time at which the Marketplace accepted the key.
    key_verified_at: Option<UtcTime>,
    /// The last run of reconciliation.
    last_reconcile: Option<RunReport<'a>>,
}

/// A run of reconciliation.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct RunReport<'a> {
    /// The extent of the run.
    kind: RunKind,
    /// The start.
    started_at: UtcTime,
    /// The end; null while it runs.
    finished_at: Option<UtcTime>,
    /// The reason why it failed.
    error: Option<&'a str>,
}

fn report(account: &AccountSummary) -> AccountReport<'_> {
    AccountReport {
        environment: account.environment,
        mage_id: &account.mage_id,
        endpoints: &account.endpoints,
        key: key(account),
        application_id: account.access_key.as_ref().map(|key| key.application_id.as_str()),
        key_verified_at: account.access_key.as_ref().map(|key| UtcTime(key.verified_at)),
        last_reconcile: account.last_run.as_ref().map(|run| RunReport {
            kind: run.kind,
            started_at: UtcTime(run.started_at),
            finished_at: run.finished_at.map(UtcTime),
            error: run.error.as_deref(),
        }),
    }
}
