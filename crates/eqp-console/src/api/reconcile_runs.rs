//! Runs of the reconciliation: `/reconcile-runs`.

use axum::Json;
use eqp_store::internal::{ANSWER, ListedRun, RunFilter, RunKind, reconcile_run_list, within};
use eqp_types::{Environment, MageId, Timestamp};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::authorized::{ApiState, Authorized, Read};
use crate::described::QueryOf;
use crate::extract::{PathParameters, Query, checked_limit, whole_number};
use crate::problem::Problem;

/// Returns the routes of runs.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show))
}

/// Selects runs of the reconciliation. A field that is `None` does not restrict the list.
///
/// ```
/// let failed = eqp_console::ReconcileRunQuery { failed: Some(true), ..Default::default() };
/// assert_eq!(failed.limit, 50);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ReconcileRunQuery {
    /// Only runs of this environment.
    pub environment: Option<Environment>,
    /// Only runs of this account.
    pub mage_id: Option<MageId>,
    /// Only runs of this extent.
    pub kind: Option<RunKind>,
    /// Only runs that failed (true), or that have not failed (false).
    pub failed: Option<bool>,
    /// Only runs with a lower number, for requesting the next page.
    pub before_id: Option<i64>,
    /// The maximum number of runs: 50 by default, and at most 10,000.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 10_000)))]
    pub limit: u32,
}

impl Default for ReconcileRunQuery {
    fn default() -> Self {
        Self { environment: None, mage_id: None, kind: None, failed: None, before_id: None, limit: 50 }
    }
}

/// A list of runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ReconcileRunList {
    /// The runs, newest first.
    pub runs: Vec<ReconcileRunDetail>,
}

/// A run that compared an account with the Marketplace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ReconcileRunDetail {
    /// The number of the run.
    pub id: i64,
    /// The environment of the account.
    pub environment: Environment,
    /// The account.
    pub mage_id: MageId,
    /// The extent of the run: `incremental`, `full` or `selected`.
    pub kind: RunKind,
    /// The start.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub started_at: OffsetDateTime,
    /// When the run last reported progress. A run without progress for five minutes was interrupted.
    #[serde(with = "time::serde::rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub heartbeat_at: OffsetDateTime,
    /// The end; null while it runs.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub finished_at: Option<OffsetDateTime>,
    /// The latest `modified_at` that the run read. The next incremental run reads back to this time.
    pub newest_modified_at: Option<Timestamp>,
    /// The number of submissions and files that were read.
    pub resources: u64,
    /// The number of API reads that were stored because they said something new.
    pub stored: u64,
    /// The reason why the run failed; null if it succeeded or is not finished.
    pub error: Option<String>,
}

impl From<ListedRun> for ReconcileRunDetail {
    fn from(run: ListedRun) -> Self {
        Self {
            id: run.id,
            environment: run.environment,
            mage_id: run.mage_id,
            kind: run.kind,
            started_at: run.started_at,
            heartbeat_at: run.heartbeat_at,
            finished_at: run.finished_at,
            newest_modified_at: run.newest_modified_at,
            resources: run.resources,
            stored: run.stored,
            error: run.error,
        }
    }
}

/// List runs of the reconciliation
#[utoipa::path(
    get,
    path = "/reconcile-runs",
    operation_id = "listReconcileRuns",
    tag = "reconciliation",
    params(QueryOf<ReconcileRunQuery>),
    responses((status = 200, description = "The runs of the last 90 days that match all filters", body = ReconcileRunList))
)]
async fn list(
    operator: Authorized<Read>,
    Query(query): Query<ReconcileRunQuery>,
) -> Result<Json<ReconcileRunList>, Problem> {
    checked_limit(query.limit)?;
    let ReconcileRunQuery { environment, mage_id, kind, failed, before_id, limit } = query;
    let filter = RunFilter { environment, mage_id, kind, has_failed: failed, before_id, limit };
    let runs = within(ANSWER, reconcile_run_list::list(operator.pool(), &filter)).await?;
    Ok(Json(ReconcileRunList { runs: runs.into_iter().map(Into::into).collect() }))
}

/// Show a run of the reconciliation
#[utoipa::path(
    get,
    path = "/reconcile-runs/{id}",
    operation_id = "showReconcileRun",
    tag = "reconciliation",
    params(("id" = i64, Path, description = "The number of the run")),
    responses((status = 200, description = "The run", body = ReconcileRunDetail))
)]
async fn show(
    operator: Authorized<Read>,
    PathParameters([id]): PathParameters<1>,
) -> Result<Json<ReconcileRunDetail>, Problem> {
    let id = whole_number(&id, "run")?;
    let run = within(ANSWER, reconcile_run_list::find(operator.pool(), id)).await?;
    let run = run.ok_or_else(|| Problem::not_found(format!("there is no run {id} of the last 90 days")))?;
    Ok(Json(run.into()))
}
