//! `DELETE /files/uploads/{file_upload_id}`: legacy, not in today's documentation

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
    shared.change(|market| market.remove_file(session.account, &id)).map(Json)
}
