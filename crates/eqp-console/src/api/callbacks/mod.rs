//! Stored callbacks: `/callbacks`.

pub(crate) mod detail;

use axum::Json;
use axum::response::{IntoResponse, Response};
use eqp_store::StoredCallback;
use eqp_store::internal::{ANSWER, CallbackFilter, CallbackPage, CallbackSummary, callback_list, within};
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use self::detail::CallbackDetail;
use crate::authorized::{ApiState, Authorized, Read};
use crate::described::QueryOf;
use crate::extract::{PathParameters, Query, checked_limit, uuid};
use crate::problem::Problem;

/// The media type of a raw body. The one that the sender named could make a browser run its content.
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/octet-stream");
/// For browsers that show the content nevertheless.
const POLICY: HeaderValue = HeaderValue::from_static("sandbox; default-src 'none'");

/// Returns the routes of callbacks.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show)).routes(routes!(raw))
}

/// A page of a list of callbacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct CallbackList {
    /// The callbacks, newest first.
    pub callbacks: Vec<CallbackSummary>,
    /// The `before_id` of the next page; null if this is the last one. A page can have fewer callbacks than requested, even none, and
    /// still have a next one, because the server applies a filter to a limited number of callbacks at a time.
    pub next_before_id: Option<Uuid>,
}

/// List stored callbacks
///
/// Newest first. Request pages until `next_before_id` is null. To follow what arrives, use the events: a callback from a spool is stored
/// later than callbacks with higher IDs.
#[utoipa::path(
    get,
    path = "/callbacks",
    operation_id = "listCallbacks",
    tag = "callbacks",
    params(QueryOf<CallbackFilter>),
    responses((status = 200, description = "The callbacks that match all filters", body = CallbackList))
)]
async fn list(operator: Authorized<Read>, Query(filter): Query<CallbackFilter>) -> Result<Json<CallbackList>, Problem> {
    checked_limit(filter.limit)?;
    let CallbackPage { callbacks, next } = within(ANSWER, callback_list::list(operator.pool(), &filter)).await?;
    Ok(Json(CallbackList { callbacks, next_before_id: next }))
}

/// Show a callback with its headers and body
#[utoipa::path(
    get,
    path = "/callbacks/{id}",
    operation_id = "showCallback",
    tag = "callbacks",
    params(("id" = String, Path, format = "uuid", description = "The ID of the callback")),
    responses((status = 200, description = "The callback", body = CallbackDetail))
)]
async fn show(
    operator: Authorized<Read>,
    PathParameters([id]): PathParameters<1>,
) -> Result<Json<CallbackDetail>, Problem> {
    let id = uuid(&id, "callback")?;
    let stored = stored(&operator, id).await?;
    let summary = within(ANSWER, callback_list::find(operator.pool(), id)).await?.ok_or_else(|| missing(id))?;
    Ok(Json(CallbackDetail::new(summary, &stored)))
}

/// Download the body of a callback, byte for byte
#[utoipa::path(
    get,
    path = "/callbacks/{id}/raw",
    operation_id = "downloadCallback",
    tag = "callbacks",
    params(("id" = String, Path, format = "uuid", description = "The ID of the callback")),
    responses((
        status = 200,
        description = "The body as it was received. It can be anything, so do not show it in a browser",
        content_type = "application/octet-stream",
        body = String
    ))
)]
async fn raw(operator: Authorized<Read>, PathParameters([id]): PathParameters<1>) -> Result<Response, Problem> {
    let id = uuid(&id, "callback")?;
    let stored = stored(&operator, id).await?;
    let attachment = HeaderValue::try_from(format!("attachment; filename=\"callback-{id}.bin\""));
    let headers = [
        (CONTENT_TYPE, MEDIA_TYPE),
        (CONTENT_DISPOSITION, attachment.unwrap_or(HeaderValue::from_static("attachment"))),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    Ok((headers, stored.body).into_response())
}

async fn stored(operator: &Authorized<Read>, id: Uuid) -> Result<StoredCallback, Problem> {
    operator.reader().callback(id).await?.ok_or_else(|| missing(id))
}

fn missing(id: Uuid) -> Problem {
    Problem::not_found(format!("there is no callback {id}; retention may have deleted it"))
}
