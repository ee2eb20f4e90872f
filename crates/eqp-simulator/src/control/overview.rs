//! `/`, `/reset`, `/clock`, `/accounts`, `/sessions`: the overview, and operations on the whole simulator.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::problem::Problem;
use super::request::RequestBody;
use crate::fault::read_duration;
use crate::shared::Shared;

pub(super) async fn get(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let marketplace = shared.marketplace();
    let clock = marketplace.clock();
    Json(json!({
        "environment": marketplace.environment(),
        "seed": marketplace.seed(),
        "speed": clock.speed(),
        "now": marketplace.now(),
        "accounts": marketplace.accounts.len(),
        "files": marketplace.accounts.iter().map(|account| account.files.len()).sum::<usize>(),
        "packages": marketplace.accounts.iter().map(|account| account.packages.len()).sum::<usize>(),
        "callbacks": shared.log.count(),
        "faults": marketplace.faults.states().count(),
    }))
}

pub(super) async fn reset(State(shared): State<Arc<Shared>>) -> Json<Value> {
    shared.reset();
    get(State(shared)).await
}

pub(super) async fn clock(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let marketplace = shared.marketplace();
    Json(json!({"now": marketplace.now(), "speed": marketplace.clock().speed()}))
}

/// Moves the clock forward and carries out everything that is due until then.
pub(super) async fn skip(State(shared): State<Arc<Shared>>, body: RequestBody) -> Result<Json<Value>, Problem> {
    let body = body.only(&["skip"])?;
    let text = body.required("skip")?;
    let by = read_duration(text)
        .ok_or_else(|| Problem::invalid(format!("`{text}` is not a duration such as 90s, 2h or 3d")))?;
    shared.change(|marketplace| {
        marketplace.clock().skip(by);
        marketplace.run_due();
    });
    Ok(clock(State(shared)).await)
}

pub(super) async fn accounts(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let marketplace = shared.marketplace();
    let accounts = marketplace.accounts.iter().map(|account| {
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

/// Ends all sessions of all accounts.
pub(super) async fn end_sessions(State(shared): State<Arc<Shared>>) -> Json<Value> {
    shared.end_sessions();
    Json(json!({}))
}
