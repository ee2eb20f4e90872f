//! Submissions and files: `/submissions` and `/files`.

use axum::Json;
use eqp_store::{FileFilter, FileState, Submission, SubmissionFilter, SubmissionHistory};
use eqp_types::Environment;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::authorized::{ApiState, Authorized, Read};
use crate::described::QueryOf;
use crate::extract::{PathParameters, Query, checked_limit};
use crate::problem::Problem;

/// Returns the routes of submissions and files.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show)).routes(routes!(files))
}

/// A list of submissions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SubmissionList {
    /// The submissions, last changed first.
    pub submissions: Vec<Submission>,
}

/// The submissions with an ID: more than one if accounts use the same item ID.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SubmissionHistories {
    /// The submissions with their events.
    pub submissions: Vec<SubmissionHistory>,
}

/// A list of files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct FileList {
    /// The files, last changed first.
    pub files: Vec<FileState>,
}

/// Selects the environment of a submission.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EnvironmentFilter {
    /// Only submissions of this environment.
    pub(crate) environment: Option<Environment>,
}

/// List submissions
#[utoipa::path(
    get,
    path = "/submissions",
    operation_id = "listSubmissions",
    tag = "submissions",
    params(QueryOf<SubmissionFilter>),
    responses((status = 200, description = "The submissions that match all filters", body = SubmissionList))
)]
async fn list(
    operator: Authorized<Read>,
    Query(filter): Query<SubmissionFilter>,
) -> Result<Json<SubmissionList>, Problem> {
    checked_limit(filter.limit)?;
    Ok(Json(SubmissionList { submissions: operator.reader().submissions(&filter).await? }))
}

/// Show a submission with its history
///
/// The ID is looked up as submission ID, and if no submission has it, as item ID.
#[utoipa::path(
    get,
    path = "/submissions/{id}",
    operation_id = "showSubmission",
    tag = "submissions",
    params(("id" = String, Path, description = "The submission ID or item ID"), QueryOf<EnvironmentFilter>),
    responses((status = 200, description = "The submissions with this ID", body = SubmissionHistories))
)]
async fn show(
    operator: Authorized<Read>,
    PathParameters([id]): PathParameters<1>,
    Query(EnvironmentFilter { environment }): Query<EnvironmentFilter>,
) -> Result<Json<SubmissionHistories>, Problem> {
    let submissions = operator.reader().submission(environment, &id).await?;
    if submissions.is_empty() {
        return Err(Problem::not_found(format!("no callback for submission {id} has been received")));
    }
    Ok(Json(SubmissionHistories { submissions }))
}

/// List files
#[utoipa::path(
    get,
    path = "/files",
    operation_id = "listFiles",
    tag = "files",
    params(QueryOf<FileFilter>),
    responses((status = 200, description = "The files that match all filters", body = FileList))
)]
async fn files(operator: Authorized<Read>, Query(filter): Query<FileFilter>) -> Result<Json<FileList>, Problem> {
    checked_limit(filter.limit)?;
    Ok(Json(FileList { files: operator.reader().files(&filter).await? }))
}
