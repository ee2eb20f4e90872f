//! Events: `/events`.

pub(crate) mod detail;
pub(crate) mod stream;

use axum::Json;
use eqp_store::internal::{ANSWER, pending, within};
use eqp_store::{Event, EventFilter};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::detail::ReportedEvent;
use crate::authorized::{ApiState, Authorized, Read};
use crate::described::QueryOf;
use crate::extract::{PathParameters, Query, checked_limit, whole_number};
use crate::problem::Problem;

/// Returns the routes of events.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show)).merge(stream::routes())
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

/// Show an event with its callback or API read, and duplicates
#[utoipa::path(
    get,
    path = "/events/{seq}",
    operation_id = "showEvent",
    tag = "events",
    params(("seq" = i64, Path, description = "The number of the event")),
    responses((status = 200, description = "The event", body = ReportedEvent))
)]
async fn show(
    operator: Authorized<Read>,
    PathParameters([seq]): PathParameters<1>,
) -> Result<Json<ReportedEvent>, Problem> {
    let seq = whole_number(&seq, "event")?;
    let event = operator.reader().event(seq).await?;
    let event = event.ok_or_else(|| Problem::not_found(format!("there is no event {seq}")))?;
    Ok(Json(event.into()))
}
