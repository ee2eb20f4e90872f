//! `GET /files/uploads`

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::extract::{Parameters, Session};
use super::packages_list::listed;
use crate::market::ListQuery;
use crate::refused::Refused;
use crate::shared::Shared;

pub(super) async fn handle(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Parameters(parameters): Parameters,
) -> Result<Response, Refused> {
    let query = ListQuery::read(&parameters)?;
    let page = shared.market().list_files(session.account, &query);
    Ok(listed(page))
}
