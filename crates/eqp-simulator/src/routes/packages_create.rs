//! `POST /products/packages`: always a batch

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use super::extract::{JsonBody, Session};
use crate::refused::Refused;
use crate::shared::Shared;

pub(super) async fn handle(
    State(shared): State<Arc<Shared>>,
    session: Session,
    JsonBody(body): JsonBody,
) -> Result<Json<Vec<Value>>, Refused> {
    shared.change(|market| market.create_packages(session.account, &body)).map(Json)
}
