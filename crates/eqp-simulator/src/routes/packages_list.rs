//! `GET /products/packages`: filter, sort, paging

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::extract::{Parameters, Session};
use crate::market::{ListQuery, Page};
use crate::refused::Refused;
use crate::shared::Shared;

pub(super) async fn handle(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Parameters(parameters): Parameters,
) -> Result<Response, Refused> {
    let query = ListQuery::read(&parameters)?;
    let page = shared.market().list_packages(session.account, &query);
    Ok(listed(page))
}

/// A page with the number of all records in its header.
pub(super) fn listed(page: Page) -> Response {
    ([("x-total-count", page.total.to_string())], Json(page.items)).into_response()
}
