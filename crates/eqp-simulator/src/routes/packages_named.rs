//! `GET /products/packages/skus[/{sku}]` and `GET /products/packages/items[/{item_id}]`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::extract::{Ids, Parameters, Session};
use super::packages_list::listed;
use crate::market::ListQuery;
use crate::refused::Refused;
use crate::shared::Shared;
use crate::spelling::Spelling;

/// Every package that has a SKU.
pub(super) async fn all_skus(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Parameters(parameters): Parameters,
) -> Result<Response, Refused> {
    let query = ListQuery::read(&parameters)?.with_sku();
    let page = shared.market().list_packages(session.account, &query);
    Ok(listed(page))
}

/// All versions of one SKU, or one of them.
pub(super) async fn by_sku(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Ids(sku): Ids<String>,
    parameters: Parameters,
) -> Result<Response, Refused> {
    let packages: Vec<Value> = shared.market().views_of_sku(session.account, &sku, parameters.get("version"));
    if packages.is_empty() {
        return Err(Refused::not_found("package with the SKU", &sku));
    }
    Ok(Json(packages).into_response())
}

/// Every package that has an item id.
pub(super) async fn all_items(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Parameters(parameters): Parameters,
) -> Result<Response, Refused> {
    let query = ListQuery::read(&parameters)?.with_item_id();
    let page = shared.market().list_packages(session.account, &query);
    Ok(listed(page))
}

/// The package with this item id: as one object, or as a list of one.
pub(super) async fn by_item(
    State(shared): State<Arc<Shared>>,
    session: Session,
    Ids(item_id): Ids<String>,
) -> Result<Json<Value>, Refused> {
    let market = shared.market();
    let package = market.item(session.account, &item_id)?;
    let view = market.accounts[session.account].view(package);
    Ok(Json(match market.style().spelling {
        Spelling::Usual => view,
        Spelling::Other => json!([view]),
    }))
}
