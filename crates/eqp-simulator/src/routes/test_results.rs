//! `/products/packages/{submission_id}/status`: test results, by submission, SKU and item ID, and single reports.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use super::extract::{Ids, Parameters, Session};
use crate::error_response::ErrorResponse;
use crate::marketplace::{test_report, test_results};
use crate::shared::Shared;

pub(super) async fn by_submission(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Ids(id): Ids<String>,
) -> Result<Json<Value>, ErrorResponse> {
    let marketplace = shared.marketplace();
    marketplace.submission(session.account, &id).map(|package| Json(test_results(package)))
}

/// Returns the test results of the newest version of a SKU, or of the given one.
pub(super) async fn by_sku(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Ids(sku): Ids<String>,
    parameters: Parameters,
) -> Result<Json<Value>, ErrorResponse> {
    let mut marketplace = shared.marketplace();
    let newest = marketplace.packages_of_sku(session.account, &sku, parameters.get("version")).pop();
    newest
        .map(|package| Json(test_results(&marketplace.accounts[session.account].packages[package])))
        .ok_or_else(|| ErrorResponse::not_found("package with the SKU", &sku))
}

pub(super) async fn by_item(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Ids(item_id): Ids<String>,
) -> Result<Json<Value>, ErrorResponse> {
    let marketplace = shared.marketplace();
    marketplace.item(session.account, &item_id).map(|package| Json(test_results(package)))
}

pub(super) async fn report(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Ids((id, tool, run)): Ids<(String, String, String)>,
) -> Result<Json<Value>, ErrorResponse> {
    let marketplace = shared.marketplace();
    let package = marketplace.submission(session.account, &id)?;
    test_report(package, &tool, &run).map(Json).ok_or_else(|| ErrorResponse::not_found("report of the run", &run))
}
