//! `/app/session/token`, `/users/{mage_id}` (the profile with its registered callbacks) and `/reports`.
//!
//! The formats of reports are not documented; those here are placeholders.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::extract::{Basic, Ids, JsonBody, Parameters, Session};
use crate::error_response::ErrorResponse;
use crate::shared::Shared;

/// The reports of an account.
const REPORTS: [&str; 4] = ["pageviews", "totals", "sales", "refunds"];

pub(super) async fn get(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Ids(mage_id): Ids<String>,
    parameters: Parameters,
) -> Result<Json<Value>, ErrorResponse> {
    let marketplace = shared.marketplace();
    marketplace.check_owner(session.account, &mage_id)?;
    Ok(Json(match parameters.get("style") {
        Some("summary") => marketplace.profile_summary(session.account),
        _ => marketplace.profile(session.account),
    }))
}

pub(super) async fn put(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Ids(mage_id): Ids<String>,
    JsonBody(body): JsonBody,
) -> Result<Json<Value>, ErrorResponse> {
    shared.change(|marketplace| {
        marketplace.check_owner(session.account, &mage_id)?;
        marketplace.update_profile(session.account, &body)?;
        Ok(Json(marketplace.profile(session.account)))
    })
}

pub(super) async fn session_token(
    State(shared): State<Arc<Shared>>,
    basic: Basic,
    JsonBody(body): JsonBody,
) -> Result<Json<Value>, ErrorResponse> {
    let granted = shared.change(|marketplace| marketplace.grant(&basic.id, &basic.secret, &body, Instant::now()))?;
    Ok(Json(json!({"mage_id": granted.mage_id, "ust": granted.token, "expires_in": granted.expires_in})))
}

pub(super) async fn report(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Ids((mage_id, report)): Ids<(String, String)>,
) -> Result<Json<Value>, ErrorResponse> {
    shared.marketplace().check_owner(session.account, &mage_id)?;
    if !REPORTS.contains(&report.as_str()) {
        return Err(ErrorResponse::not_found("report", &report));
    }
    Ok(Json(json!({"report": report, "rows": []})))
}

pub(super) async fn metrics(_: Session) -> Json<Value> {
    Json(json!({"metrics": ["eqp_review_time"]}))
}

pub(super) async fn metric(_: Session, Ids(metric): Ids<String>) -> Json<Value> {
    Json(json!({"metric": metric, "values": []}))
}
