//! `GET /users/{mage_id}/reports/{report}` and `GET /reports/metrics[/{metric}]`: their shapes are not documented

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::extract::{Ids, Session};
use crate::refused::Refused;
use crate::shared::Shared;

const REPORTS: [&str; 4] = ["pageviews", "totals", "sales", "refunds"];

pub(super) async fn of_user(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Ids((mage_id, report)): Ids<(String, String)>,
) -> Result<Json<Value>, Refused> {
    shared.market().check_owner(session.account, &mage_id)?;
    if !REPORTS.contains(&report.as_str()) {
        return Err(Refused::not_found("report", &report));
    }
    Ok(Json(json!({"report": report, "rows": []})))
}

pub(super) async fn metrics(_: Session) -> Json<Value> {
    Json(json!({"metrics": ["eqp_review_time"]}))
}

pub(super) async fn metric(_: Session, Ids(metric): Ids<String>) -> Json<Value> {
    Json(json!({"metric": metric, "values": []}))
}
