//! `PUT /products/packages` and `PUT /products/packages/{submission_id or item_id}`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use super::extract::{Ids, JsonBody, Session};
use crate::refused::Refused;
use crate::shared::Shared;

pub(super) async fn batch(
    State(shared): State<Arc<Shared>>,
    session: Session,
    JsonBody(body): JsonBody,
) -> Result<Json<Vec<Value>>, Refused> {
    shared.change(|market| market.update_packages(session.account, &body)).map(Json)
}

pub(super) async fn one(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Ids(id): Ids<String>,
    JsonBody(body): JsonBody,
) -> Result<Json<Value>, Refused> {
    shared.change(|market| market.update_one(session.account, &id, &body)).map(Json)
}
