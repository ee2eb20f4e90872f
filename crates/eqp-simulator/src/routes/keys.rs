//! `/users/{mage_id}/keys`: Composer keys.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde_json::{Value, json};

use super::extract::{Ids, JsonBody, Parameters, Session};
use crate::error_response::ErrorResponse;
use crate::shared::Shared;

pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Ids(mage_id): Ids<String>,
    parameters: Parameters,
) -> Result<Json<Value>, ErrorResponse> {
    let marketplace = shared.marketplace();
    marketplace.check_owner(session.account, &mage_id)?;
    let keys = marketplace.keys(session.account, parameters.get("label"), parameters.get("uid"));
    Ok(Json(match parameters.get("type") {
        Some("m2") => json!({"m2": keys}),
        Some("m1") => json!({"m1": []}),
        _ => json!({"m2": keys, "m1": []}),
    }))
}

pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Ids(mage_id): Ids<String>,
    JsonBody(body): JsonBody,
) -> Result<Json<Value>, ErrorResponse> {
    shared.change(|marketplace| {
        marketplace.check_owner(session.account, &mage_id)?;
        let wanted = body
            .get("m2")
            .and_then(Value::as_array)
            .ok_or_else(|| ErrorResponse::bad_request("`m2` must be a list"))?;
        let made: Vec<Value> = wanted.iter().map(|key| marketplace.add_key(session.account, key)).collect();
        Ok(Json(json!({"m2": made})))
    })
}

pub(super) async fn update(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Ids((mage_id, label)): Ids<(String, String)>,
    parameters: Parameters,
    JsonBody(body): JsonBody,
) -> Result<Json<Value>, ErrorResponse> {
    shared.change(|marketplace| {
        marketplace.check_owner(session.account, &mage_id)?;
        let wanted = body
            .get("m2")
            .and_then(Value::as_array)
            .ok_or_else(|| ErrorResponse::bad_request("`m2` must be a list"))?;
        let changed: Result<Vec<Value>, ErrorResponse> = wanted
            .iter()
            .map(|key| marketplace.change_key(session.account, &label, parameters.get("uid"), key))
            .collect();
        Ok(Json(json!({"m2": changed?})))
    })
}

pub(super) async fn remove(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Ids((mage_id, label)): Ids<(String, String)>,
    parameters: Parameters,
) -> Result<StatusCode, ErrorResponse> {
    shared.change(|marketplace| {
        marketplace.check_owner(session.account, &mage_id)?;
        marketplace.remove_key(session.account, &label, parameters.get("uid"))?;
        Ok(StatusCode::NO_CONTENT)
    })
}
