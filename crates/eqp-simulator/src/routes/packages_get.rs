//! `GET /products/packages/{submission_id}`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use super::extract::{Ids, Session};
use crate::refused::Refused;
use crate::shared::Shared;

pub(super) async fn handle(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Ids(id): Ids<String>,
) -> Result<Json<Value>, Refused> {
    let market = shared.market();
    let package = market.submission(session.account, &id)?;
    Ok(Json(market.accounts[session.account].view(package)))
}
