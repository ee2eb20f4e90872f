//! One file with its history: `/files/{id}`.

use axum::Json;
use eqp_store::{Event, EventFilter, EventKind, FileFilter, FileState};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::submissions::EnvironmentFilter;
use crate::authorized::{ApiState, Authorized, Read};
use crate::described::QueryOf;
use crate::extract::{PathParameters, Query};
use crate::problem::Problem;

/// The most events of a file that are shown. A file usually has two.
const EVENTS: u32 = 1_000;

/// Returns the route of a file.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(show))
}

/// The files with an ID: more than one if several accounts have a file with this ID.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct FileHistories {
    /// The files with their events.
    pub files: Vec<FileHistory>,
}

/// A file with its history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct FileHistory {
    /// The file.
    pub file: FileState,
    /// Its newest 1,000 events, oldest first.
    pub events: Vec<Event>,
}

/// Show a file with its history
#[utoipa::path(
    get,
    path = "/files/{id}",
    operation_id = "showFile",
    tag = "files",
    params(("id" = String, Path, description = "The file upload ID"), QueryOf<EnvironmentFilter>),
    responses((status = 200, description = "The files with this ID", body = FileHistories))
)]
async fn show(
    operator: Authorized<Read>,
    PathParameters([id]): PathParameters<1>,
    Query(EnvironmentFilter { environment }): Query<EnvironmentFilter>,
) -> Result<Json<FileHistories>, Problem> {
    let reader = operator.reader();
    let filter = FileFilter { environment, file_upload_id: Some(id.clone()), ..FileFilter::default() };
    let mut files = Vec::new();
    for file in reader.files(&filter).await? {
        let filter = EventFilter {
            environment: Some(file.environment),
            mage_id: Some(file.mage_id.clone()),
            kind: Some(EventKind::File),
            resource_id: Some(id.clone()),
            limit: EVENTS,
            ..EventFilter::default()
        };
        let mut events = reader.events(&filter).await?;
        events.reverse();
        files.push(FileHistory { file, events });
    }
    if files.is_empty() {
        return Err(Problem::not_found(format!("no callback for file {id} has been received")));
    }
    Ok(Json(FileHistories { files }))
}
