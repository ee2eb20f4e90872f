//! The stream of events for pages: that of the API, which also ends with the session.

use axum::extract::RawQuery;
use axum::response::Response;
use http::HeaderMap;

use super::super::context::PageContext;
use crate::api::events::stream::LAST_EVENT_ID;
use crate::problem::Problem;

/// Streams the events that match the filter in the query.
pub(super) async fn stream(
    page: PageContext,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Ok(page.client().event_stream(&query.unwrap_or_default(), headers.get(LAST_EVENT_ID)).await?)
}
