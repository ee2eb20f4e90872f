//! `GET /products/packages/{submission_id}/status`, and the same by SKU and item id

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use super::extract::{Ids, Parameters, Session};
use crate::market::test_results;
use crate::refused::Refused;
use crate::shared::Shared;

pub(super) async fn by_submission(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Ids(id): Ids<String>,
) -> Result<Json<Value>, Refused> {
    let market = shared.market();
    market.submission(session.account, &id).map(|package| Json(test_results(package)))
}

/// The results of the newest version of a SKU, or of the one asked for.
pub(super) async fn by_sku(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Ids(sku): Ids<String>,
    parameters: Parameters,
) -> Result<Json<Value>, Refused> {
    let mut market = shared.market();
    let newest = market.packages_of_sku(session.account, &sku, parameters.get("version")).pop();
    newest
        .map(|package| Json(test_results(&market.accounts[session.account].packages[package])))
        .ok_or_else(|| Refused::not_found("package with the SKU", &sku))
}

pub(super) async fn by_item(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Ids(item_id): Ids<String>,
) -> Result<Json<Value>, Refused> {
    let market = shared.market();
    market.item(session.account, &item_id).map(|package| Json(test_results(package)))
}
