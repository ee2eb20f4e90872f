//! `GET /products/packages/{submission_id}/status/{tool}/{tool_run_id}`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use super::extract::{Ids, Session};
use crate::market::test_report;
use crate::refused::Refused;
use crate::shared::Shared;

pub(super) async fn handle(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Ids((id, tool, run)): Ids<(String, String, String)>,
) -> Result<Json<Value>, Refused> {
    let market = shared.market();
    let package = market.submission(session.account, &id)?;
    test_report(package, &tool, &run).map(Json).ok_or_else(|| Refused::not_found("report of the run", &run))
}
