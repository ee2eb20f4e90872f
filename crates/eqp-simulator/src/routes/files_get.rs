//! `GET /files/uploads/{file_upload_id}`

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
    let owner = &market.accounts[session.account];
    let file = owner.file(&id).ok_or_else(|| Refused::not_found("file", &id))?;
    Ok(Json(file.as_record(owner, market.base_url())))
}
