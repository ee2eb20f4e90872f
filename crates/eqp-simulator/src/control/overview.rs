//! `GET /`: what there is; `POST /reset`: nothing any more.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::shared::Shared;

pub(super) async fn get(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let market = shared.market();
    let clock = market.clock();
    Json(json!({
        "environment": market.environment(),
        "seed": market.seed(),
        "speed": clock.speed(),
        "now": market.now(),
        "accounts": market.accounts.len(),
        "files": market.accounts.iter().map(|account| account.files.len()).sum::<usize>(),
        "packages": market.accounts.iter().map(|account| account.packages.len()).sum::<usize>(),
        "callbacks": shared.log.count(),
        "faults": market.faults.states().count(),
    }))
}

pub(super) async fn reset(State(shared): State<Arc<Shared>>) -> Json<Value> {
    shared.reset();
    get(State(shared)).await
}
