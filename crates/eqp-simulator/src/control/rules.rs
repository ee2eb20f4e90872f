//! `/faults` and `/rules`: the faults to inject, and the results of later scans and reviews.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::problem::Problem;
use super::request::{Id, RequestBody, one_of};
use crate::fault::{FaultRule, FaultState};
use crate::script::{Decision, Review, Scan};
use crate::shared::Shared;

const SCANS: [(&str, Scan); 3] = [("passed", Scan::Passes), ("failed", Scan::Fails), ("never", Scan::NeverEnds)];
const VERDICTS: [(&str, Decision); 3] =
    [("approved", Decision::Approve), ("rejected", Decision::Reject), ("never", Decision::Never)];

/// Sets the result of the scans of files whose name matches, for later uploads.
pub(super) async fn scan(State(shared): State<Arc<Shared>>, body: RequestBody) -> Result<Json<Value>, Problem> {
    let body = body.only(&["filename", "result"])?;
    let filename = body.required("filename")?;
    let scan = one_of("result", body.required("result")?, &SCANS)?;
    shared.change(|marketplace| marketplace.script_mut().prefer_scan(filename, scan));
    Ok(Json(json!({})))
}

/// Sets the results of the reviews of matching submissions, one decision for each time they are submitted.
pub(super) async fn review(State(shared): State<Arc<Shared>>, body: RequestBody) -> Result<Json<Value>, Problem> {
    let body = body.only(&["package", "technical", "marketing"])?;
    let package = body.required("package")?;
    let decisions = |flow: &str| -> Result<Vec<Decision>, Problem> {
        body.texts(flow)?.iter().map(|word| one_of(flow, word, &VERDICTS)).collect()
    };
    let review = Review::default().technical(decisions("technical")?).marketing(decisions("marketing")?);
    shared.change(|marketplace| marketplace.script_mut().prefer_review(package, review));
    Ok(Json(json!({})))
}

pub(super) async fn faults(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let marketplace = shared.marketplace();
    Json(json!({"faults": marketplace.faults.states().map(|state| shown(&state)).collect::<Value>()}))
}

/// Adds a fault rule, with the same syntax as on the command line.
pub(super) async fn add_fault(State(shared): State<Arc<Shared>>, body: RequestBody) -> Result<Json<Value>, Problem> {
    let body = body.only(&["fault"])?;
    let rule: FaultRule = body.required("fault")?.parse()?;
    shared.change(|marketplace| {
        let id = marketplace.faults.add(rule);
        let state = marketplace.faults.states().find(|state| state.id == id).expect("the rule was just added");
        Ok(Json(shown(&state)))
    })
}

pub(super) async fn clear_faults(State(shared): State<Arc<Shared>>) -> Json<Value> {
    shared.change(|marketplace| marketplace.faults.clear());
    Json(json!({"faults": []}))
}

pub(super) async fn remove_fault(State(shared): State<Arc<Shared>>, id: Id) -> Result<Json<Value>, Problem> {
    let number = id.read("fault")?;
    if shared.change(|marketplace| marketplace.faults.remove(number)) {
        return Ok(faults(State(shared)).await);
    }
    Err(Problem::not_found(format!("there is no fault {number}")))
}

fn shown(state: &FaultState) -> Value {
    json!({
        "id": state.id,
        "fault": state.rule.to_string(),
        "matched": state.matched,
        "injected": state.injected,
        "active": state.is_active,
    })
}
