//! `GET|POST|DELETE /faults` and `DELETE /faults/{id}`: what goes wrong on purpose

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::problem::Problem;
use super::wish::{Id, Wish};
use crate::fault::{FaultRule, FaultState};
use crate::shared::Shared;

pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let market = shared.market();
    Json(json!({"faults": market.faults.states().map(|state| shown(&state)).collect::<Value>()}))
}

/// Puts a rule in force: the same line of text as on the command line.
pub(super) async fn add(State(shared): State<Arc<Shared>>, wish: Wish) -> Result<Json<Value>, Problem> {
    let wish = wish.only(&["fault"])?;
    let rule: FaultRule = wish.needed("fault")?.parse()?;
    shared.change(|market| {
        let id = market.faults.add(rule);
        let state = market.faults.states().find(|state| state.id == id);
        Ok(Json(state.map(|state| shown(&state)).unwrap_or_default()))
    })
}

pub(super) async fn clear(State(shared): State<Arc<Shared>>) -> Json<Value> {
    shared.change(|market| market.faults.clear());
    Json(json!({"faults": []}))
}

pub(super) async fn remove(State(shared): State<Arc<Shared>>, id: Id) -> Result<Json<Value>, Problem> {
    let number = id.read("fault")?;
    if shared.change(|market| market.faults.remove(number)) {
        return Ok(list(State(shared)).await);
    }
    Err(Problem::not_found(format!("there is no fault {number}")))
}

fn shown(state: &FaultState) -> Value {
    json!({
        "id": state.id,
        "fault": state.rule.to_string(),
        "fitted": state.fitted,
        "struck": state.struck,
        "waits": state.waits,
    })
}
