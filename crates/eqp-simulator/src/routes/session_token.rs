//! `POST /app/session/token`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::extract::{Basic, JsonBody};
use crate::refused::Refused;
use crate::shared::Shared;

pub(super) async fn handle(
    State(shared): State<Arc<Shared>>,
    basic: Basic,
    JsonBody(body): JsonBody,
) -> Result<Json<Value>, Refused> {
    let granted = shared.change(|market| market.grant(&basic.id, &basic.secret, &body, Instant::now()))?;
    Ok(Json(json!({"mage_id": granted.mage_id, "ust": granted.token, "expires_in": granted.expires_in})))
}
