//! Events: `/events`.

use axum::Json;
use eqp_store::internal::{ANSWER, pending, within};
use eqp_store::{Event, EventFilter};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::authorized::{ApiState, Authorized, Read};
use crate::extract::{Query, checked_limit};
use crate::openapi::QueryOf;
use crate::problem::Problem;

/// Returns the routes of events.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list))
}

/// A list of events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct EventList {
    /// The events, in the requested order.
    pub events: Vec<Event>,
    /// The reports that have not been projected yet. Null if there are none, or if the server may not read the queue.
    pub pending: Option<PendingReports>,
}

/// Callbacks and API reads that have not been projected yet. Their events will appear later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct PendingReports {
    /// When the oldest of them arrived, if this is known.
    #[serde(with = "time::serde::rfc3339::option")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub oldest: Option<OffsetDateTime>,
}

/// List events
#[utoipa::path(
    get,
    path = "/events",
    operation_id = "listEvents",
    tag = "events",
    params(QueryOf<EventFilter>),
    responses((status = 200, description = "The events that match all filters", body = EventList))
)]
async fn list(operator: Authorized<Read>, Query(filter): Query<EventFilter>) -> Result<Json<EventList>, Problem> {
    checked_limit(filter.limit)?;
    let events = operator.reader().events(&filter).await?;
    // Not essential: a role may be allowed to read events and nothing else.
    let backlog = within(ANSWER, pending::backlog(operator.pool())).await.ok();
    let pending =
        backlog.filter(|backlog| backlog.batches > 0).map(|backlog| PendingReports { oldest: backlog.oldest });
    Ok(Json(EventList { events, pending }))
}
