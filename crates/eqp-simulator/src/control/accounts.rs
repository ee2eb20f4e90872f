//! `GET /accounts` and `DELETE /sessions`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::shared::Shared;

pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let market = shared.market();
    let accounts = market.accounts.iter().map(|account| {
        let callbacks = account
            .registrations
            .iter()
            .map(|entry| json!({"name": entry.name, "url": entry.url, "username": entry.username}));
        json!({
            "mage_id": account.mage_id,
            "application_id": account.api_key.application_id,
            "files": account.files.len(),
            "packages": account.packages.len(),
            "api_callbacks": callbacks.collect::<Value>(),
        })
    });
    Json(json!({"accounts": accounts.collect::<Value>()}))
}

/// Ends every session token of every account.
pub(super) async fn end_sessions(State(shared): State<Arc<Shared>>) -> Json<Value> {
    shared.end_sessions();
    Json(json!({}))
}
