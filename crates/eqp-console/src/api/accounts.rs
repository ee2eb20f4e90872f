//! Accounts and their access keys: `/accounts`.

use axum::Json;
use eqp_store::internal::{ANSWER, AccountSummary, RunKind, RunSummary, account, within};
use eqp_types::{Environment, MageId};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::authorized::{Admin, ApiState, Authorized, Read};
use crate::extract::PathParameters;
use crate::problem::Problem;

/// Returns the routes of accounts.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(delete_access_key))
}

/// The accounts of the database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct AccountList {
    /// The accounts.
    pub accounts: Vec<Account>,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Account {
    /// The environment.
    pub environment: Environment,
    /// The account.
    pub mage_id: MageId,
    /// The names of its endpoints.
    pub endpoints: Vec<String>,
    /// Where the secret of its access key is.
    pub key: KeyPlace,
    /// The application ID of its access key.
    pub application_id: Option<String>,
    /// The time at which the Marketplace accepted the key.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub key_verified_at: Option<OffsetDateTime>,
    /// The last run of reconciliation.
    pub last_reconcile: Option<ReconcileRun>,
}

/// Where the secret of an access key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum KeyPlace {
    /// In the database.
    Sealed,
    /// In the configuration of servers.
    File,
    /// There is none.
    None,
}

impl KeyPlace {
    /// Returns the word as it is spelled in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sealed => "sealed",
            Self::File => "file",
            Self::None => "none",
        }
    }
}

/// A run of reconciliation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ReconcileRun {
    /// The extent of the run: `incremental`, `full` or `selected`.
    pub kind: RunKind,
    /// The start.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub started_at: OffsetDateTime,
    /// The end; null while it runs.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub finished_at: Option<OffsetDateTime>,
    /// The reason why it failed.
    pub error: Option<String>,
}

impl From<AccountSummary> for Account {
    fn from(account: AccountSummary) -> Self {
        let AccountSummary { environment, mage_id, endpoints, access_key, last_run, .. } = account;
        let key = match &access_key {
            Some(key) if key.is_sealed => KeyPlace::Sealed,
            Some(_) => KeyPlace::File,
            None => KeyPlace::None,
        };
        let key_verified_at = access_key.as_ref().map(|key| key.verified_at);
        let last_reconcile = last_run.map(|run| {
            let RunSummary { kind, started_at, finished_at, error } = run;
            ReconcileRun { kind, started_at, finished_at, error }
        });
        let application_id = access_key.map(|key| key.application_id);
        Self { environment, mage_id, endpoints, key, application_id, key_verified_at, last_reconcile }
    }
}

/// List accounts
#[utoipa::path(
    get,
    path = "/accounts",
    operation_id = "listAccounts",
    tag = "accounts",
    responses((status = 200, description = "All accounts, without secrets", body = AccountList))
)]
async fn list(operator: Authorized<Read>) -> Result<Json<AccountList>, Problem> {
    let accounts = within(ANSWER, account::list(operator.pool())).await?;
    Ok(Json(AccountList { accounts: accounts.into_iter().map(Account::from).collect() }))
}

/// Delete the stored access key of an account
#[utoipa::path(
    delete,
    path = "/accounts/{environment}/{mage_id}/access-key",
    operation_id = "deleteAccessKey",
    tag = "accounts",
    params(
        ("environment" = String, Path, description = "`production` or `sandbox`"),
        ("mage_id" = String, Path, description = "The account")
    ),
    responses((status = 204, description = "The key is deleted, and the account is no longer reconciled"))
)]
async fn delete_access_key(
    operator: Authorized<Admin>,
    PathParameters([environment, mage_id]): PathParameters<2>,
) -> Result<StatusCode, Problem> {
    let accounts = within(ANSWER, account::list(operator.pool())).await?;
    let account = accounts
        .into_iter()
        .find(|account| account.environment.as_str() == environment && account.mage_id.as_str() == mage_id);
    let missing = || Problem::not_found(format!("no access key of {mage_id} in {environment} is stored"));
    let account = account.ok_or_else(missing)?;
    let mut change = operator.begin().await?;
    if !within(ANSWER, account::delete_access_key(change.connection(), account.id)).await? {
        return Err(missing());
    }
    let resource = format!("{environment}/{mage_id}");
    change.commit("access_key.delete", Some(&resource), &serde_json::json!({})).await?;
    Ok(StatusCode::NO_CONTENT)
}
